"""``hpogrid study`` and ``hpogrid plan``, from the command line."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hpogrid.cli.main import run
from hpogrid.site.tasks import tasks_path

SPACE = '{"x":{"method":"uniform","dimension":{"low":0,"high":1}}}'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return store(tmp_path)


def store(folder: Path) -> str:
    script = folder / "train.py"
    script.write_text("def train(config):\n    return config['x']\n")
    for line in (
        ["search_space", "create", "s", SPACE],
        ["hpo_config", "create", "h", "--metric", "loss", "--mode", "min", "--trials", "4", "-c1"],
        ["grid_config", "create", "g", "--site", "local"],
        ["model_config", "create", "m", "--script", "train.py", "--model", "train"],
        ["project", "create", "p", "--scripts_path", str(script), "--model_config", "m",
         "--search_space", "s", "--hpo_config", "h", "--grid_config", "g"],
    ):  # fmt: skip
        assert run(line) == 0
    return "p"


def run_and_import(project: str, path: Path) -> None:
    """Task 1, and task 2, which is a copy of it."""
    assert run(["local_run", project]) == 0
    assert run(["study", "export", "1", "-o", str(path)]) == 0
    assert run(["study", "import", str(path)]) == 0


def test_export_and_import_keep_every_trial(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_and_import(project, tmp_path / "task.tar.gz")
    capsys.readouterr()
    assert run(["tasks", "show", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["jeditaskid"], row["status"], row["trials"]) for row in rows] == [
        (2, "done", 4),
        (1, "done", 4),
    ]
    assert run(["study", "show", project, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["study"], row["trials"], row["states"]) == ("p", 4, "4 complete")
    assert row["notes"] == "task 2 is a copy of task 1 and left out: --range 2 shows it"
    assert 0 <= row["best"] <= 1


def test_of_the_copies_of_a_task_the_one_that_went_furthest_counts(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_and_import(project, tmp_path / "task.tar.gz")
    ledger = tasks_path() / "1/ledger/job-0000.001.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-2]))
    capsys.readouterr()
    assert run(["report", project, "--format", "json"]) == 0
    found = capsys.readouterr()
    assert [row["state"] for row in json.loads(found.out)] == ["complete"] * 4
    assert "task 1 is a copy of task 2" in found.err
    assert run(["report", project, "--range", "1", "--format", "json"]) == 0
    assert "running" in [row["state"] for row in json.loads(capsys.readouterr().out)]


def test_a_study_that_was_imported_is_listed_without_its_project(
    project: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "task.tar.gz"
    assert run(["local_run", project]) == 0
    assert run(["study", "export", "1", "-o", str(path)]) == 0
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "elsewhere"))
    assert run(["study", "import", str(path)]) == 0
    for command in (["list"], ["show", project]):
        capsys.readouterr()
        assert run(["study", *command, "--format", "json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["study"], row["mode"], row["trials"]) == ("p", "min", 4)


@pytest.fixture(scope="module")
def a_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home in which a project was run, and with the export of its task."""
    folder = tmp_path_factory.mktemp("task")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HPOGRID_HOME", str(folder / "home"))
        assert run(["local_run", store(folder)]) == 0
        assert run(["study", "export", "1", "-o", str(folder / "task.tar.gz")]) == 0
    return folder


@pytest.fixture
def exported(a_task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export, where its task is."""
    shutil.copytree(a_task, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return tmp_path / "task.tar.gz"


def changed(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """The same archive with another content of one file."""
    other = path.with_name("changed.tar.gz")
    with tarfile.open(path) as old, tarfile.open(other, "w:gz") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            data = file.read() if file else b""
            data = change(data) if member.name == name else data
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return other


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of a study that is not taken; nothing of it stays."""
    capsys.readouterr()
    assert run(["study", "import", str(path)]) == 2
    assert os.listdir(tasks_path()) == ["1"]
    return capsys.readouterr().err


@pytest.mark.parametrize("where", [0.2, 0.5, 0.75, 0.99])
@pytest.mark.parametrize("what", ["flipped", "cut", "zeros"])
def test_a_damaged_export_is_refused(
    exported: Path, capsys: pytest.CaptureFixture[str], where: float, what: str
) -> None:
    data = bytearray(exported.read_bytes())
    at = int(len(data) * where)
    if what == "cut":
        del data[at:]
    else:
        data[at : at + 8] = (
            bytes(8) if what == "zeros" else bytes(b ^ 0x5A for b in data[at : at + 8])
        )
    exported.write_bytes(data)
    assert "cannot be unpacked" in refused(exported, capsys)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("bundle/scripts/train.py", b"def train(c): ...\n", "train.py is not what it was"),
        ("bundle/project.json", b"", "bundle/project.json is damaged"),
        ("task.json", b"\0\0", "task.json is damaged"),
    ],
)
def test_an_export_that_was_altered_is_refused(
    exported: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, problem: str
) -> None:
    assert problem in refused(changed(exported, name, lambda _: content), capsys)


@pytest.mark.parametrize(
    "changes",
    [{"n_jobs": 10**9}, {"n_jobs": 0}, {"created": 1e300}, {"project": "../../x"},
     {"name": "\x1b]0;title\x07"}],
)  # fmt: skip
def test_an_export_with_numbers_and_names_of_no_task_is_refused(
    exported: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object]
) -> None:
    other = changed(
        exported, "task.json", lambda data: json.dumps({**json.loads(data), **changes}).encode()
    )
    assert "is no export of a task" in refused(other, capsys)


def test_an_imported_task_of_a_server_is_not_asked_for_there(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(
        exported, "task.json", lambda data: json.dumps({**json.loads(data), "site": "; x"}).encode()
    )
    assert run(["study", "import", str(other)]) == 0
    capsys.readouterr()
    assert run(["tasks", "show", "2", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "done"


def test_studies_of_a_storage(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"journal://{tmp_path / 'journal.log'}"
    assert run(["study", "create", project]) == 2
    assert "has no storage" in capsys.readouterr().err
    assert run(["study", "create", project, "--storage", url]) == 0
    assert run(["study", "list", "--storage", url, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["study"], row["mode"], row["trials"]) == ("p", "min", 0)
    assert run(["study", "show", "pp", "--storage", url]) == 2
    assert "did you mean p?" in capsys.readouterr().err


def test_refusals(project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "show", project]) == 2
    assert "was not run yet" in capsys.readouterr().err
    assert run(["study", "export", "9"]) == 2
    assert "there is no task 9" in capsys.readouterr().err
    assert run(["study", "import", str(tmp_path / "none.tar.gz")]) == 2
    assert "no such file" in capsys.readouterr().err
    evil = tmp_path / "evil.tar.gz"
    with tarfile.open(evil, "w:gz") as archive:
        archive.add(tmp_path / "train.py", "../../escaped.py")
    assert run(["study", "import", str(evil)]) == 2
    assert "cannot be unpacked" in capsys.readouterr().err
    assert not any((tmp_path / "home" / "tasks").iterdir())


def test_plan_says_what_would_happen(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", project, "-n", "3", "--scout"]) == 0
    text = capsys.readouterr().out
    for part in ("3 jobs x 4 = 12", "scouting trial", "expected time", "scripts/train.py",
                 "hpogrid.site.local", 'algorithm = "random"'):  # fmt: skip
        assert part in text
    assert re.search(r"^container +none$", text, re.MULTILINE)
    assert "hpogrid.site.local 2 0 1 2" in text  # the scouting trial was task 1
    assert "= {}" not in text
    assert run(["plan", project, "--site", "ANALY_SOMEWHERE"]) == 0
    assert re.search(r"^container +/cvmfs/", capsys.readouterr().out, re.MULTILINE)


def test_plan_of_a_finite_space(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    space = '{"x":{"method":"categorical","dimension":{"categories":[1,2]}}}'
    assert run(["search_space", "recreate", "s", space]) == 0
    assert run(["project", "update", project, "--search_space", "s"]) == 0
    assert run(["plan", project]) == 0
    assert "no more than 2: then every one was tried" in capsys.readouterr().out

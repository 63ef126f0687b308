"""``hpogrid project``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from tests.commands import hpogrid, ok, parsed, refused, tree
from tests.projects import RETURNS

OPTIONS = ["--model_config", "m", "--search_space", "s", "--hpo_config", "h", "--grid_config", "g"]
SPACE = '{"x":{"method":"uniform","dimension":{"low":0,"high":1}}}'


@pytest.fixture
def train(tmp_path: Path) -> Path:
    ok("hpo_config", "create", "h", "--metric", "loss", "--mode", "min", "--trials", "2")
    ok("grid_config", "create", "g", "--site", "local")
    ok("model_config", "create", "m", "--script", "train.py", "--model", "train")
    ok("search_space", "create", "s", SPACE)
    (tmp_path / "train.py").write_text(RETURNS)
    return tmp_path / "train.py"


def create(name: str, scripts: Path, *options: str) -> None:
    ok("project", "create", name, "--scripts_path", scripts, *OPTIONS, "--no_check", *options)


def test_create_and_show(train: Path, home: Path) -> None:
    outcome = hpogrid("project", "create", "p", "--scripts-path", train, *OPTIONS)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "created project 'p'\n")
    assert ok("project", "where", "p") == f"{home}/projects/p\n"
    data = parsed("project", "show", "p")
    assert data["hpo_config"]["trials"] == 2
    assert list(data["scripts"]) == ["train.py"]
    assert yaml.safe_load(ok("project", "show", "p", "--format", "yaml")) == data
    rows = dict(list(csv.reader(io.StringIO(ok("project", "show", "p", "--format", "csv"))))[1:])
    assert json.loads(rows["hpo_config"]) == data["hpo_config"]
    assert ok("project", "show", "p", "--format", "table").startswith("part")


def test_bad_input_is_refused_with_nothing_written(train: Path) -> None:
    folder = train.parent
    assert "unknown hpo config 'hh': did you mean h?" in refused(
        "project", "create", "p", "--scripts_path", train, *OPTIONS, "--hpo_config", "hh"
    )
    ok("search_space", "create", "my_space", SPACE)
    assert "unknown search space 'my_spce': did you mean my_space?" in refused(
        "project", "create", "p", "--scripts_path", train, *OPTIONS, "--search_space", "my_spce"
    )
    assert f"no such file or folder: {folder}/gone" in refused(
        "project", "create", "p", "--scripts_path", folder / "gone", *OPTIONS
    )
    assert "is no name for a project" in refused(
        "project", "create", "../p", "--scripts_path", train, *OPTIONS
    )
    (folder / "other").mkdir()
    (folder / "other" / "trian.py").write_text("")
    assert "unknown file 'train.py': did you mean trian.py? (in " in refused(
        "project", "create", "p", "--scripts_path", folder / "other", *OPTIONS
    )
    assert "unknown project 'p'" in refused(
        "project", "recreate", "p", "--scripts_path", train, *OPTIONS
    )
    assert "unknown project 'p'" in refused("project", "update", "p", "--hpo_config", "h")
    create("p", train)
    assert "project 'p' exists" in refused(
        "project", "create", "p", "--scripts_path", train, *OPTIONS
    )
    assert "nothing to change" in refused("project", "update", "p")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("def train(config:\n", "SyntaxError: '(' was never closed"),
        ("x = 1\nraise ValueError('bad')\n", "ValueError: bad"),
        ("import sys\nsys.exit('not here')\n", "SystemExit: not here"),
        ("import os\nos._exit(3)\n", "train.py ends the process that imports it: exited with code"),
        ("import os\nos.kill(os.getpid(), 11)\n", "was killed by SIGSEGV"),
        ("def trian(config): pass\n", "unknown function or class 'train': did you mean trian?"),
        ("train = 5\n", "'train' is int, not a function or class"),
        ("class train: pass\n", "class train has no method 'step'"),
        ("input()\n", "EOFError"),
    ],
)
def test_a_script_that_is_wrong_is_refused(train: Path, script: str, sentence: str) -> None:
    train.write_text(script)
    before = tree(train.parent)
    outcome = hpogrid("project", "create", "p", "--scripts_path", train, *OPTIONS)
    assert outcome.code == 2
    assert sentence in outcome.err
    assert "site-packages" not in outcome.err
    assert tree(train.parent) == before
    assert ok("project", "list") == ""
    assert hpogrid("project", "where", "p").code == 2


def test_what_a_script_prints_when_it_is_imported_does_not_matter(train: Path) -> None:
    noise = "import atexit, sys\nprint('{}')\nsys.stdout.buffer.write(b'\\xff')\n"
    train.write_text(noise + "atexit.register(print, 'bye')\n" + RETURNS)
    ok("project", "create", "p", "--scripts_path", train, *OPTIONS)


def test_update_recreate_and_remove(train: Path, home: Path) -> None:
    create("p", train)
    ok("hpo_config", "update", "h", "--trials", "9")
    train.write_text(RETURNS + "# changed\n")
    ok("project", "update", "p", "--hpo_config", "h", "--no_check")
    data = parsed("project", "show", "p")
    assert data["hpo_config"]["trials"] == 9
    assert tree(home / "projects" / "p" / "scripts") == {"train.py": RETURNS.encode()}
    ok("project", "update", "p", "--scripts_path", train, "--no_check")
    assert parsed("project", "show", "p")["scripts"] != data["scripts"]
    ok("project", "recreate", "p", "--scripts_path", train, *OPTIONS, "--no_check")
    assert "would remove: p" in hpogrid("project", "remove", "*", "--dry_run").err
    assert "nothing was removed" in refused("project", "remove", "p")
    outcome = hpogrid("project", "remove", "p", "-y")
    backup = Path(outcome.err.rpartition("kept as ")[2].strip())
    assert (backup / "project.json").is_file()
    assert ok("project", "list") == ""
    assert len(list(backup.parent.iterdir())) == 4


def test_list_copy_export_import(
    train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create("p", train)
    ok("project", "copy", "p", "q")
    assert "project 'q' exists" in refused("project", "copy", "p", "q")
    assert ok("project", "list") == "p\nq\n"
    assert parsed("project", "list", "--format", "json") == ["p", "q"]
    assert ok("project", "list", "q*") == "q\n"
    monkeypatch.chdir(tmp_path)
    assert ok("project", "export", "p") == "p.tar.gz\n"
    assert ok("project", "export", "p", "-o", tmp_path / "x" / "q.tgz").endswith("q.tgz\n")
    assert "project 'p' exists" in refused("project", "import", "p.tar.gz")
    ok("project", "import", "p.tar.gz", "--name", "r")
    assert parsed("project", "show", "r")["hash"] == parsed("project", "show", "p")["hash"]
    assert "no such file" in refused("project", "import", "gone.tar.gz")
    assert "unknown project 'x'" in refused("project", "export", "x")


def test_notes_are_messages(train: Path) -> None:
    (train.parent / "data").symlink_to("/usr")
    outcome = hpogrid(
        "project", "create", "p", "--scripts_path", train.parent, *OPTIONS, "--no_check"
    )
    assert outcome.code == 0
    assert outcome.err.startswith("note: links to folders are left out: data; ")

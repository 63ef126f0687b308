"""The job that a bundle starts where nothing of us is known."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.project import project_path
from hpogrid.job.settings import ENTRY, LEDGER, PACKED, JobSettings
from hpogrid.job.worknode import LOG_MARK
from hpogrid.site.panda.bundle import bundle_content, write_bundle
from hpogrid.study.metadata import METADATA
from hpogrid.study.study import read_study
from tests.projects import store_project

pytestmark = pytest.mark.engine  # real jobs

SLOW = """
import time

def train(config):
    time.sleep(0.05)
    return config["x"]
"""


def pack(tmp_path: Path, script: str = SLOW, seconds: int | None = None, **more: Any) -> Path:
    """A job's directory as its pilot lays it out: the bundle, unpacked."""
    store_project(script, **more)
    settings = JobSettings(name="user.me.t", seed=7, n_jobs=2, seconds=seconds)
    archive = tmp_path / "bundle.tgz"
    write_bundle(bundle_content(project_path("p"), settings), archive)
    folder = tmp_path / "job"
    with tarfile.open(archive) as stream:
        stream.extractall(folder, filter="data")
    return folder


def command(*words: str) -> list[str]:
    return [sys.executable, "-I", "-S", ENTRY, *words]


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start the job with nothing but the bundle: no installed library, no home."""
    return subprocess.Popen(
        command(*(words or ("--job", "1"))),
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder: Path, *words: str, **environment: str) -> str:
    job = start(folder, *words, **environment)
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 0, output
    return output


def trials(folder: Path) -> dict[str, str]:
    out = folder / "ledgers"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    shutil.copy(folder / LEDGER, out / "job-0000.001.jsonl")
    return {trial.id: trial.state for trial in read_study(out)[0]}


def test_no_secret_of_the_environment_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANDA_AUTH_ID_TOKEN", "s3cret-of-mine")
    folder = pack(tmp_path)
    for path in folder.rglob("*"):
        assert not path.is_file() or b"s3cret-of-mine" not in path.read_bytes()


def test_a_job_with_nothing_but_the_bundle(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    output = run(folder, "--job", "2", PanDA_AttemptNr="1")
    assert trials(folder) == {"1-1": "complete", "1-2": "complete", "1-3": "complete"}
    metadata = json.loads((folder / METADATA).read_text())
    assert metadata["project_name"] == "p"
    assert len(metadata["result"]) == 3
    assert metadata["hpogrid"]["trials"] == {"0": "1-1", "1": "1-2", "2": "1-3"}
    lines = [line for line in output.splitlines() if line.startswith(LOG_MARK)]
    assert [json.loads(line.removeprefix(LOG_MARK)) for line in lines] == [
        json.loads(line) for line in (folder / LEDGER).read_text().splitlines()
    ]
    with tarfile.open(folder / PACKED) as archive:
        assert {"result.json", "log"} <= {name.split("/")[0] for name in archive.getnames()}


def test_a_second_attempt_numbers_its_trials_anew_and_searches_elsewhere(tmp_path: Path) -> None:
    folder = pack(tmp_path, trials=2)
    run(folder, PanDA_AttemptNr="1")
    first = json.loads((folder / METADATA).read_text())["result"]
    again = tmp_path / "again"
    with tarfile.open(tmp_path / "bundle.tgz") as stream:
        stream.extractall(again, filter="data")
    run(again, PanDA_AttemptNr="2")
    assert list(trials(again)) == ["0-100001", "0-100002"]
    second = json.loads((again / METADATA).read_text())["result"]
    assert not {row["x"] for row in first.values()} & {row["x"] for row in second.values()}


def test_it_goes_on_from_an_earlier_ledger(tmp_path: Path) -> None:
    folder = pack(tmp_path, trials=4)
    run(folder, PanDA_AttemptNr="1")
    lines = (folder / LEDGER).read_text().splitlines(keepends=True)
    again = tmp_path / "again"
    with tarfile.open(tmp_path / "bundle.tgz") as stream:
        stream.extractall(again, filter="data")
    (again / "ledger").mkdir()
    (again / "ledger" / "job-0000.001.jsonl").write_text("".join(lines[:6]))  # two trials are done
    run(again, PanDA_AttemptNr="2")
    found = trials(again)
    assert sum(state == "complete" for state in found.values()) == 4
    assert {"0-1", "0-2"} <= set(found)


def test_an_unreachable_place_of_earlier_ledgers_costs_nothing(tmp_path: Path) -> None:
    folder = pack(tmp_path, trials=1)
    settings = json.loads((folder / "hpogrid_job.json").read_text())
    (folder / "hpogrid_job.json").write_text(
        json.dumps({**settings, "earlier": "http://127.0.0.1:9/x"})
    )
    assert "no earlier ledgers" in run(folder, PanDA_AttemptNr="2")


def test_the_time_limit_leaves_results_and_exit_code_0(tmp_path: Path) -> None:
    folder = pack(tmp_path, trials=1000, seconds=3)
    begun = time.monotonic()
    run(folder)
    assert time.monotonic() - begun < 20
    states = trials(folder).values()
    assert "complete" in states
    assert json.loads((folder / METADATA).read_text())["result"]


FILLS = """
import os
import uuid
from pathlib import Path

def train(config):
    Path(f"weights-{uuid.uuid4()}").write_bytes(os.urandom(4_000_000))
    return config["x"]
"""


def test_a_full_disk_leaves_results_and_exit_code_0(tmp_path: Path) -> None:
    """Of what trials wrote as much as there is room for; all that they found out."""
    folder, out = pack(tmp_path, FILLS, trials=40), tmp_path / "out"
    out.mkdir()
    on_a_small_disk = (
        'mount -t tmpfs -o size=48m none "$1" && cp -a "$0/." "$1" && cd "$1" && shift 2 && '
        f'"$@"; code=$?; cp {LEDGER} {PACKED} {METADATA} {out}; exit $code'
    )
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c", on_a_small_disk]
    done = subprocess.run(
        [*unshare, str(folder), str(disk), "--", *command("--job", "1")],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no space left on device" in done.stderr
    assert "largest file" in done.stdout
    ended = list(trials(out).values())
    assert 0 < ended.count("complete") < 40
    assert len(json.loads((out / METADATA).read_text())["result"]) == ended.count("complete")
    with tarfile.open(out / PACKED) as archive:
        assert "result.json" in archive.getnames()


def test_being_told_to_stop_leaves_results_and_exit_code_0(tmp_path: Path) -> None:
    folder = pack(tmp_path, trials=1000)
    job = start(folder)
    assert job.stdout is not None
    seen = 0
    while seen < 3:
        line = job.stdout.readline()
        assert line, "the job ended"
        seen += '"event":"end"' in line
    job.send_signal(signal.SIGTERM)
    output = job.communicate(timeout=30)[0]
    assert job.returncode == 0, output
    assert sum(state == "complete" for state in trials(folder).values()) >= 3


def test_input_data_are_found_and_unpacked(tmp_path: Path) -> None:
    script = """
        from pathlib import Path
        def train(config):
            return float(Path("data.txt").read_text()) + float(Path("d/packed.txt").read_text())
    """
    folder = pack(tmp_path, script, trials=1)
    (folder / "data.txt").write_text("1")
    (tmp_path / "packed.txt").write_text("2")
    with tarfile.open(folder / "input.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "packed.txt", "d/packed.txt")
        archive.add(tmp_path / "packed.txt", "../../evil.txt")
    output = run(folder)
    assert "input.tar.gz is left packed" in output
    assert not (tmp_path / "evil.txt").exists()
    assert json.loads((folder / METADATA).read_text())["result"]["0"]["loss"] == 3


def test_a_script_that_cannot_be_imported_fails_the_job(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    (folder / "bundle" / "scripts" / "train.py").write_text("import nothing_of_that_name\n")
    job = start(folder)
    output = job.communicate(timeout=60)[0]
    assert job.returncode == 1
    assert "nothing_of_that_name" in output
    assert (folder / LEDGER).exists()  # a declared output that is missing hides the reason


def test_one_point_for_the_hpo_service(tmp_path: Path) -> None:
    script = """
        def train(config):
            if config["x"] > 0.9:
                raise ValueError("too far")
            return config["x"]
    """
    folder = pack(tmp_path, script, mode="max")
    for value in (0.25, 0.95):
        (folder / "input.json").write_text(json.dumps({"x": value}))
        run(folder, "--evaluate", "input.json", f"out-{value}.json", PandaID="77")
    assert json.loads((folder / "out-0.25.json").read_text()) == {
        "status": 0, "loss": -0.25, "message": "",
    }  # fmt: skip
    failed = json.loads((folder / "out-0.95.json").read_text())
    assert failed["status"] == 1
    assert "too far" in failed["message"]
    assert trials(folder) == {"77-1": "complete", "77-2": "failed"}


def test_jobs_may_be_counted_from_nought(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    run(folder, "--job", "0")
    assert trials(folder) == {"0-1": "complete", "0-2": "complete", "0-3": "complete"}


PREPARED = """
from pathlib import Path

def train(config):
    return len(Path("made").read_text().split())
"""


def test_a_job_prepares_for_itself_and_brings_the_logs_home(tmp_path: Path) -> None:
    folder = pack(tmp_path, PREPARED, prep=[("sh -c 'echo once >>made; echo said'", [])])
    (folder / "input.txt").write_text("there too")
    run(folder, "--job", "2")
    rows = json.loads((folder / METADATA).read_text())["result"].values()
    assert [row["loss"] for row in rows] == [1, 1, 1]
    assert (folder / "job" / "prep" / "work" / "input.txt").read_text() == "there too"
    with tarfile.open(folder / PACKED) as archive:
        names = [name for name in archive.getnames() if name.startswith("prep/")]
        assert not any(name.startswith("prep/work") for name in names)
        log = archive.extractfile(next(name for name in names if name.endswith("000.log")))
        assert log is not None
        assert log.read() == b"said\n"


def test_points_of_one_job_share_what_was_prepared(tmp_path: Path) -> None:
    folder = pack(tmp_path, PREPARED, prep=[("sh -c 'echo once >>made'", [])])
    for value in (0.25, 0.75):
        (folder / "input.json").write_text(json.dumps({"x": value}))
        run(folder, "--evaluate", "input.json", f"out-{value}.json", PandaID="77")
        assert json.loads((folder / f"out-{value}.json").read_text())["loss"] == 1


@pytest.mark.parametrize("text", ["", "[]", '"x"', '{"y": 1}', '{"x": 1, "z": 2}', "{}"])
def test_points_that_make_no_sense(tmp_path: Path, text: str) -> None:
    from hpogrid.job.points import evaluate, prepare_point

    store_project()
    (tmp_path / "in.json").write_text(text)
    point = prepare_point(tmp_path)
    code = evaluate(project_path("p"), tmp_path, point, 1, 1, tmp_path / "in.json", tmp_path / "o")
    assert code == 0
    assert json.loads((tmp_path / "o").read_text())["status"] == 1

"""``hpogrid serve`` and jobs on machines of their own, of which any may be killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.site.tasks import Task, new_task
from hpogrid.study.serve.tokens import read_or_make_token, token_path
from hpogrid.study.study import read_study
from tests.projects import finished_in, store_project, wait_for
from tests.study.services import free_port, running

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
JOBS, TRIALS = 3, 12
SLOW = "import time\ndef train(config):\n    time.sleep(0.3)\n    return config['x']\n"


@contextlib.contextmanager
def killed_in_the_end(*commands: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [subprocess.Popen([sys.executable, "-m", *command]) for command in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def job(task: Task, number: int, folder: Path) -> list[str]:
    return ["tests.study.far_job", str(task.id), str(number), str(folder / f"machine-{number}")]


@pytest.mark.engine
def test_neither_a_server_that_goes_nor_a_killed_job_loses_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("HPOGRID_TOKEN", read_or_make_token())
    port = free_port()
    server = [sys.executable, "-m", "hpogrid", "serve", "--port", str(port)]
    project = store_project(SLOW, trials=TRIALS, storage=f"http://127.0.0.1:{port}")
    task = new_task(project, site="local", n_jobs=JOBS)
    commands = [job(task, number, tmp_path) for number in range(JOBS)]
    with contextlib.ExitStack() as stack:
        with running(server, port):
            jobs = stack.enter_context(killed_in_the_end(*commands))
            wait_for(lambda: finished_in(task) > 5, 60)
        jobs[1].kill()
        time.sleep(1.0)  # the other two carry on alone
        before = finished_in(task)
        with running(server, port):
            wait_for(lambda: finished_in(task) > before, 60)
            (again,) = stack.enter_context(killed_in_the_end(commands[1]))
            wait_for(
                lambda: (tmp_path / "machine-1" / "ledger" / "job-0001.002.jsonl").exists(), 60
            )
        with running(server, port):
            assert [process.wait(60) for process in (jobs[0], again, jobs[2])] == [0] * JOBS
    study, warnings = read_study(task.ledgers)
    ids = {f"{number}-{trial}" for number in range(JOBS) for trial in range(1, TRIALS + 1)}
    assert {trial.id for trial in study.finished} == {trial.id for trial in study} == ids
    assert warnings == []


@pytest.mark.engine
def test_kills_of_the_server_neither_lose_nor_double_nor_miss_a_point() -> None:
    play("--rounds", "4", "--seed", "7")


@pytest.mark.engine
@pytest.mark.parametrize("harm", ["cut", "full"])
def test_neither_do_cables_that_are_pulled_and_full_disks(harm: str) -> None:
    play("--harm", harm, "--rounds", "2", "--seed", "7")


def play(*options: str) -> None:
    command = [sys.executable, str(BENCHMARKS / "serve_faults.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("content", [b"", b"\0" * 43, b" \n"])
def test_an_empty_token_is_none(content: bytes) -> None:
    path = token_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    token = read_or_make_token()
    assert len(token) > 30
    assert read_or_make_token() == token
    assert path.stat().st_mode & 0o777 == 0o600

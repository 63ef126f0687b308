"""One job: its folder, its result, whatever goes wrong."""

from __future__ import annotations

import os
import py_compile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hpogrid.engine.process import ProcessEngine
from hpogrid.errors import RunError, UserError
from hpogrid.job.run import JobResult, read_result
from hpogrid.site.local import run_here
from hpogrid.site.tasks import Task, new_task
from hpogrid.study.ledger import ledger_attempts
from tests.projects import RETURNS, run_project, store_project, study_of, trials_of


def local_task(**settings: object) -> Task:
    return new_task(store_project(**settings), site="local")  # type: ignore[arg-type]


def here(task: Task) -> JobResult:
    return run_here(task, lambda run: None)


def test_trials_work_in_a_copy_of_the_scripts_beside_the_input_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    (data / "table.csv").write_text("1,2")
    (data / "train.py").write_text("not this one")
    script = """
    from pathlib import Path
    import lib.net
    def train(config):
        return {"loss": 1, "table": Path("table.csv").read_text(), "net": lib.net.x,
                "images": Path("images").is_dir(), "where": str(Path.cwd())}
    """
    project = store_project(script, files={"lib/net.py": "x = 5"}, grid={"inDS": str(data)})
    task, _, trials = run_project(project)
    metrics = trials[0].metrics
    assert (metrics["table"], metrics["net"], metrics["images"]) == ("1,2", 5, True)
    assert metrics["where"] == str(task.job_folder(0) / "trials" / "0-1" / "work")
    assert here(task).state == "done", "it goes on with the folder that is there"


def test_what_trials_do_to_their_folder_does_not_reach_the_bundle() -> None:
    script = "def train(config):\n    open('train.py', 'w').close()\n    return 1\n"
    task, _, _ = run_project(store_project(script))
    assert (task.scripts / "train.py").read_text() == script


def test_a_job_that_cannot_begin_says_why_in_its_result() -> None:
    task = local_task()
    (task.bundle / "project.json").write_text("{")
    with pytest.raises(UserError):
        here(task)
    result = read_result(task.job_folder(0))
    assert result is not None
    assert (result.state, result.finished) == ("failed", 0)
    assert "project.json is damaged" in result.reason


def test_a_script_that_cannot_be_loaded_is_the_jobs_reason() -> None:
    task = local_task(script="raise ValueError('no data')\n")
    with pytest.raises(RunError):
        here(task)
    result = read_result(task.job_folder(0))
    assert result is not None
    assert result.state == "failed"
    assert result.reason.endswith("ValueError: no data")


def test_a_bug_is_the_jobs_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: ProcessEngine) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(ProcessEngine, "execute", broken)
    task = local_task()
    with pytest.raises(ZeroDivisionError):
        here(task)
    result = read_result(task.job_folder(0))
    assert result is not None
    assert (result.state, result.reason) == ("failed", "ZeroDivisionError: a bug")


def test_a_retry_forgets_the_result_before() -> None:
    task = local_task(script=RETURNS, trials=2)
    (task.job_folder(0) / "result.json").write_text("nonsense")
    assert read_result(task.job_folder(0)) is None
    assert here(task).state == "done"
    first = read_result(task.job_folder(0))
    assert here(task).attempt == 2
    second = read_result(task.job_folder(0))
    assert first is not None
    assert second is not None
    assert (first.finished, second.finished) == (2, 2)
    assert ledger_attempts(task.ledgers, 0) == [1, 2]


def test_a_retry_does_not_believe_what_a_full_disk_left_of_a_compiled_script() -> None:
    task = local_task(script=RETURNS, trials=3)
    assert here(task).state == "done"
    (script,) = (task.job_folder(0) / "work").glob("*.py")
    os.truncate(py_compile.compile(str(script), doraise=True) or "", 100)
    ledger = task.ledgers / "job-0000.001.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-2]))

    assert here(task).state == "done"


def test_a_disk_that_fills_up_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    task = local_task(script=RETURNS, trials=5)
    real = os.write

    def nearly_full(handle: int, data: bytes) -> int:
        if b'"trial":"0-3"' in data:
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(RunError, match=r"cannot write the ledger .*: No space left on device"):
        here(task)
    result = read_result(task.job_folder(0))
    assert result is not None
    assert (result.state, result.finished) == ("failed", 2)
    assert "No space left" in result.reason
    monkeypatch.setattr(os, "write", real)
    before = {trial.id: trial for trial in study_of(task).finished}
    assert here(task).finished == 5
    assert [trial.id for trial in trials_of(task)] == [f"0-{number}" for number in range(1, 6)]
    assert all(trials_of(task)[int(name[2:]) - 1] == trial for name, trial in before.items())


def test_a_run_outside_of_the_main_thread_hears_no_signals_and_ends_well() -> None:
    project = store_project()
    with ThreadPoolExecutor(1) as pool:
        _, result, trials = pool.submit(run_project, project).result()
    assert (result.state, result.finished, len(trials)) == ("done", 3, 3)

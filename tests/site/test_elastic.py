"""Searches that grow, shrink and move, on this machine and a fake batch system."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.registry import Entry
from hpogrid.site import SITES, control, elastic
from hpogrid.site.studies import export_task, import_task
from hpogrid.site.tasks import Task, load_task
from tests.commands import hpogrid, ok, refused
from tests.projects import (
    CHOICES,
    GATED,
    RETURNS,
    finished_in,
    gated,
    open_gate,
    store_project,
    study_of,
    trials_of,
    wait_for,
)
from tests.site import fake, fakebatch

pytestmark = pytest.mark.engine  # real jobs of this machine

SECONDS = 60.0


@pytest.fixture(autouse=True)
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A batch system beside this machine, and room for several jobs."""
    monkeypatch.setenv(fake.STATE, str(tmp_path / "state"))
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    entry = Entry("tests.site.fake:site", "for tests")
    monkeypatch.setattr(SITES, "_entries", {**SITES._entries, "fake": entry})
    yield
    for array in (tmp_path / "state").glob("*"):
        fakebatch.kill(tmp_path / "state", array.name)


def states(task: Task) -> list[str]:
    return [job.state for job in control.overview([load_task(task.id)], details=True)[0].jobs]


def wait(task: Task, *wanted: str) -> None:
    wait_for(lambda: states(task) == list(wanted), SECONDS)


def submit_gated(trials: int, free: int = 1, n_jobs: int = 1) -> Task:
    store_project(GATED, trials=trials, param=gated(free))
    task = control.submit("p", site=None, n_jobs=n_jobs)
    wait_for(lambda: finished_in(task) == free * n_jobs, SECONDS)
    return task


def test_jobs_are_added_to_a_search_that_runs() -> None:
    task = submit_gated(trials=3)
    said = hpogrid("tasks", "add", str(task.id), "--n_jobs", "2").err
    assert f"added jobs 1, 2 to task {task.id} at local" in said
    said = hpogrid("tasks", "add", str(task.id), "--n_jobs", "1", "--site", "fake").err
    assert f"added job 3 to task {task.id} at fake" in said
    open_gate()
    wait(task, "done", "done", "done", "done")
    names = sorted(trial.id for trial in study_of(task).finished)
    assert names == [f"{job}-{number}" for job in range(4) for number in (1, 2, 3)]
    assert all("trials finished" in text for text in control.read_logs(task.id, None, None))


def test_added_jobs_share_a_finite_space_and_evaluate_no_first_points_again(tmp_path: Path) -> None:
    points = tmp_path / "points.json"
    points.write_text('[{"x": 1}, {"x": 2}]')
    store_project(RETURNS, space=CHOICES, trials=2)
    ok("run", "p", "--search_points", points)
    wait(load_task(1), "done")
    elastic.add_jobs(load_task(1), 1)
    wait(load_task(1), "done", "done")
    found = [trial.applied["x"] for trial in trials_of(load_task(1))]
    assert sorted(found, key=str) == [1, 2, 3, 4]
    assert load_task(1).begun_with == 1


def test_jobs_that_are_refused_are_not_added(monkeypatch: pytest.MonkeyPatch) -> None:
    store_project(RETURNS, trials=1)
    task = control.submit("p", site=None, n_jobs=1)
    wait(task, "done")
    monkeypatch.setattr(fake.Fake, "submit", lambda self, request: ["false"])
    with pytest.raises(UserError, match="Fake refused the job"):
        elastic.add_jobs(task, 2, site="fake")
    assert states(task) == ["done"]
    assert load_task(1).n_jobs == 1
    assert not task.job_folder(1).exists()


def test_a_stopped_search_ends_what_runs_and_goes_on_later() -> None:
    task = submit_gated(trials=4)
    assert "asked the jobs of task 1 to start no further trial" in hpogrid("tasks", "stop", "1").err
    time.sleep(5.5)
    open_gate()
    wait(task, "unfinished")
    assert finished_in(task) == 2, "the trial that ran went on to its end, and no other began"
    (job,) = control.overview([task])[0].jobs
    assert job.reason == "stopped by 'hpogrid tasks stop'; 2 of 4 trials are done"
    control.retry(task)
    wait(task, "done")
    assert [trial.id for trial in trials_of(task)] == ["0-1", "0-2", "0-3", "0-4"]
    assert "has no job that waits or runs" in refused("tasks", "stop", "1")


def test_one_job_of_several_is_killed() -> None:
    task = submit_gated(trials=2, n_jobs=2)
    assert "killed job 1 of task 1" in hpogrid("tasks", "kill", "1", "--job", "1").err
    wait(task, "running", "killed")
    assert "job 1 of task 1 neither waits nor runs" in refused("tasks", "kill", "1", "--job", "1")
    assert "task 1 has the jobs 0 to 1, not 7" in refused("tasks", "kill", "1", "--job", "7")
    open_gate()
    wait(task, "done", "killed")
    assert control.retry(task) == [1]
    wait(task, "done", "done")


def test_a_job_that_waits_is_killed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    store_project(GATED, trials=1, param=gated(0))
    task = control.submit("p", site=None, n_jobs=3)
    wait(task, "running", "queued", "queued")
    control.kill(task, [1])
    open_gate()
    wait(task, "done", "killed", "done")


def test_one_trial_is_ended_and_its_job_goes_on() -> None:
    task = submit_gated(trials=3)
    wait_for(lambda: "0-2" in study_of(task).trials, SECONDS)
    assert "end trial 0-2" in hpogrid("tasks", "kill", "1", "--trial", "0-2").err
    wait_for(lambda: study_of(task).trials["0-2"].finished, SECONDS)
    open_gate()
    wait(task, "done")
    found = {trial.id: (trial.state, trial.reason) for trial in trials_of(task)}
    assert found["0-2"] == ("failed", "ended by 'hpogrid tasks kill --trial'")
    assert found["0-3"][0] == "complete"
    assert "trial 0-2 of task 1 has ended already" in refused(
        "tasks", "kill", "1", "--trial", "0-2"
    )
    assert "has no trial '9-9'; it has 0-1" in refused("tasks", "kill", "1", "--trial", "9-9")


def test_a_search_moves_with_all_its_trials_and_back(tmp_path: Path) -> None:
    task = submit_gated(trials=3)
    ok("grid_config", "create", "g", "--site", "fake", "--extra", '{"color": "red"}')
    said = hpogrid("tasks", "move", "1", "--grid_config", "g").err
    assert "moved task 1 to fake; started job 0" in said
    assert "#FAKE color red" in (task.folder / "batch/001/job.sh").read_text()
    open_gate()
    wait(task, "done")
    elastic.extend(load_task(1), 1)
    wait(task, "done")
    assert len(list(tmp_path.glob("state/*"))) == 2, "it goes on where it is"
    elastic.extend(load_task(1), 1)
    elastic.move(load_task(1), "local")
    wait(task, "done")
    assert [trial.id for trial in trials_of(task)] == [f"0-{n}" for n in range(1, 6)]
    assert "no job has anything left to do" in refused("tasks", "move", "1", "--site", "fake")


def test_a_search_of_another_machine_goes_on_here(tmp_path: Path) -> None:
    """As it comes to a cluster from a laptop: exported there, imported and moved here."""
    task = submit_gated(trials=3)
    control.kill(task)
    archive = export_task(task.id, tmp_path / "p.tar.gz")
    came = import_task(archive)
    open_gate()
    assert elastic.move(came, "fake") == [0]
    wait(came, "done")
    assert [trial.id for trial in trials_of(came)] == ["0-1", "0-2", "0-3"]


def test_a_move_that_is_refused_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    task = submit_gated(trials=2)
    control.kill(task)
    monkeypatch.setattr(fake.Fake, "submit", lambda self, request: ["false"])
    with pytest.raises(UserError, match="Fake refused"):
        elastic.move(load_task(1), "fake")
    assert load_task(1).site == "local"
    assert control.retryable(load_task(1)) == [0]


def test_a_log_is_followed_to_its_end() -> None:
    task = submit_gated(trials=2)
    started = time.monotonic()
    os.utime(task.folder)
    import threading

    opener = threading.Timer(1.5, open_gate)
    opener.start()
    text = hpogrid("tasks", "logs", "1", "--follow").out
    opener.join()
    assert time.monotonic() - started > 1.4
    assert "2 trials finished" in text
    assert text.count("--- job 0") == 1


def test_what_needs_a_shared_disk(tmp_path: Path) -> None:
    task = submit_gated(trials=2)
    for words in (["add", "1", "--n_jobs", "1", "--site", "A"], ["move", "1", "--site", "A"]):
        assert "jobs at A have a copy of the task of their own" in refused("tasks", *words)
    assert "say where to" in refused("tasks", "move", "1")
    open_gate()
    wait(task, "done")

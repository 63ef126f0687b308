"""What holds at every kind of site. A test of a kind subclasses `SiteContract`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hpogrid.errors import UserError
from hpogrid.site import control, make_site
from hpogrid.site.base import JobStatus
from hpogrid.site.tasks import Task, load_task
from hpogrid.space.value import as_number
from tests.commands import tree
from tests.projects import GATED, finished_in, gated, open_gate, store_project, study_of

TRAIN = """
def train(config):
    print("a trial", flush=True)
    return config["x"]
"""


class SiteContract:
    """Submit, status, kill, retry, logs, as everybody has to do them.

    Attributes:
        site: the name of the site under test.
        grid: further settings of the grid config.
        patience: seconds after which a job should have done what it does in an instant.
    """

    site = ""
    grid: ClassVar[dict[str, Any]] = {}
    patience = 60.0

    # --- what a kind of site may have to do in its own way -----------------------------------

    def vanish(self, task: Task, job: int) -> None:
        """Make a running job disappear without a chance to say a word."""
        raise NotImplementedError

    # --- tools -------------------------------------------------------------------------------

    def submit(
        self, n_jobs: int, *, trials: int = 2, script: str = TRAIN,
        param: dict[str, Any] | None = None,
    ) -> Task:  # fmt: skip
        """Submit a project at the site."""
        store_project(script, trials=trials, param=param, grid={"site": self.site, **self.grid})
        return control.submit("p", site=None, n_jobs=n_jobs)

    def submit_gated(self, n_jobs: int, *, trials: int, free: int) -> Task:
        """Submit a project, and wait until each job is at the gate, ``free`` trials finished."""
        task = self.submit(n_jobs, trials=trials, script=GATED, param=gated(free))
        self.wait_for_trials(task, n_jobs * free)
        return task

    def states(self, task: Task) -> list[str]:
        return [job.state for job in self.jobs(task)]

    def jobs(self, task: Task) -> Sequence[JobStatus]:
        return control.overview([load_task(task.id)], details=True)[0].jobs

    def wait(self, task: Task, *states: str) -> Sequence[JobStatus]:
        """Wait until every job is in one of the states."""
        deadline = time.monotonic() + self.patience
        while not set(self.states(task)) <= set(states):
            assert time.monotonic() < deadline, f"{self.jobs(task)}: not {states}"
            time.sleep(0.05)
        return self.jobs(task)

    def wait_for_trials(self, task: Task, count: int) -> None:
        deadline = time.monotonic() + self.patience
        while finished_in(task) < count:
            assert time.monotonic() < deadline, f"{self.jobs(task)}: no {count} trials"
            time.sleep(0.02)

    def finished(self, task: Task) -> list[str]:
        """The ids of the finished trials, in order."""
        make_site(self.site).fetch(task)
        return sorted(trial.id for trial in study_of(task).finished)

    # --- the contract ------------------------------------------------------------------------

    def test_jobs_run_to_their_end(self) -> None:
        task = self.submit(2)
        jobs = self.wait(task, "done")
        assert [job.job for job in jobs] == [0, 1]
        assert {job.reason for job in jobs} == {"all 2 trials are done"}
        assert self.finished(task) == ["0-1", "0-2", "1-1", "1-2"]
        assert control.overview([task])[0].status == "done"
        assert [
            re.search("2 trials finished", text) for text in control.read_logs(task.id, 1, None)
        ]
        assert control.read_logs(task.id, None, "1-2") == ["a trial"]

    def test_a_plan_changes_nothing(self, home: Path) -> None:
        store_project(TRAIN, grid={"site": self.site, **self.grid})
        before = tree(home)
        text = "\n".join(control.plan("p", site=None, n_jobs=3))
        assert tree(home) == before
        assert f"site: {self.site}" in text
        assert "train.py" in text

    def test_a_job_that_fails_says_why(self) -> None:
        task = self.submit(1, script="raise ValueError('there is no data')\n")
        (job,) = self.wait(task, "failed")
        assert "ValueError: there is no data" in (job.reason or "")
        assert control.overview([task])[0].status == "failed"
        assert "there is no data" in "".join(control.read_logs(task.id, 0, None))

    def test_kill_ends_jobs_and_retry_goes_on_where_they_were(self) -> None:
        task = self.submit_gated(2, trials=6, free=1)
        control.kill(task)
        self.wait(task, "killed")
        assert control.overview([task])[0].status == "aborted"
        open_gate()
        time.sleep(0.4)
        assert self.finished(task) == ["0-1", "1-1"], "a killed job goes on"
        assert control.retry(task) == [0, 1]
        self.wait(task, "done")
        assert self.finished(task) == [f"{job}-{n}" for job in (0, 1) for n in range(1, 7)]

    def test_what_has_ended_is_neither_killed_nor_retried(self) -> None:
        task = self.submit(1, trials=1)
        self.wait(task, "done")
        with pytest.raises(UserError, match="has no job that waits or runs"):
            control.kill(task)
        with pytest.raises(UserError, match="is done: no job has failed"):
            control.retry(task)

    def test_a_job_that_vanishes_is_noticed_and_retried_alone(self) -> None:
        task = self.submit_gated(2, trials=4, free=1)
        self.vanish(task, 0)
        open_gate()
        self.wait(task, "done", "lost", "failed")
        assert self.states(task)[0] in ("lost", "failed")
        assert control.retry(task) == [0]
        self.wait(task, "done")
        assert self.finished(task) == [f"{job}-{n}" for job in (0, 1) for n in range(1, 5)]

    def test_one_question_for_all_tasks(self) -> None:
        first, second = self.submit(1, trials=1), self._again()
        self.wait(first, "done")
        self.wait(second, "done")
        statuses = make_site(self.site).status([first, second])
        assert {task: [job.state for job in jobs] for task, jobs in statuses.items()} == {
            first.id: ["done"], second.id: ["done"],
        }  # fmt: skip

    def _again(self) -> Task:
        return control.submit("p", site=None, n_jobs=1)

    @pytest.mark.parametrize("shared", [True, False])
    def test_jobs_share_a_search_unless_they_are_independent(self, shared: bool) -> None:
        script = "def train(config):\n    return config['x']\n"
        space = {"x": {"method": "categorical", "dimension": {"categories": [1, 2, 3]}}}
        store_project(script, space=space, trials=3, grid={"site": self.site, **self.grid})
        task = control.submit("p", site=None, n_jobs=2, shared=shared)
        self.wait(task, "done")
        values = sorted(as_number(trial.applied["x"]) for trial in study_of(task).finished)
        assert values == [1, 2, 3] if shared else [1, 1, 2, 2, 3, 3]

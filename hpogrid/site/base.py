"""The contract of a site: where jobs run, and how one asks after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from hpogrid.site.tasks import Task

JobState = Literal["queued", "running", "done", "unfinished", "failed", "killed", "lost", "unknown"]
Event = Literal["start", "finish", "time up", "fail", "kill", "vanish", "retry", "extend"]

TRANSITIONS: dict[JobState, dict[Event, JobState]] = {
    "queued": {"start": "running", "fail": "failed", "kill": "killed", "vanish": "lost"},
    "running": {
        "finish": "done",
        "time up": "unfinished",
        "fail": "failed",
        "kill": "killed",
        "vanish": "lost",
    },
    "done": {"extend": "unfinished"},
    "unfinished": {"retry": "queued", "extend": "unfinished"},
    "failed": {"retry": "queued", "extend": "failed"},
    "killed": {"retry": "queued", "extend": "killed"},
    "lost": {"retry": "queued", "extend": "lost"},
    "unknown": {},
}
"""What becomes of a job, at every site. A job that is done has nothing left to do; one whose time
was up, or to whose budget trials were added, is unfinished."""

ACTIVE = tuple(state for state, next_ in TRANSITIONS.items() if "kill" in next_)
RETRYABLE = tuple(state for state, next_ in TRANSITIONS.items() if "retry" in next_)
RESULTS: dict[str, JobState] = {
    "done": TRANSITIONS["running"]["finish"],
    "unfinished": TRANSITIONS["running"]["time up"],
    "failed": TRANSITIONS["running"]["fail"],
}
"""The state of a job by the final result that it wrote."""

ENDED = ("done", "finished", "failed", "broken", "aborted", "exhausted")
"""The statuses, in PanDA's words, of tasks in which nothing goes on by itself."""


Steering = Literal["finish", "finish softly", "pause", "resume", "reload"]
"""What a server does with a task besides ending and repeating it: end it and keep what is done, at
once or when running jobs are done; hold it; go on with it; look at its input again."""


class JobStatus(msgspec.Struct, frozen=True):
    """One job of a task.

    Attributes:
        job: its index, from 0.
        state: ``lost`` is a job that has vanished without a result, ``unfinished`` one whose
            time was up: both can be retried. ``unknown``: the site does not answer.
        reason: why, in words, where there is something to say.
    """

    job: int
    state: JobState
    reason: str | None = None


class Site(Protocol):
    """A kind of place where jobs run. One status call serves any number of tasks."""

    def plan(self, task: Task) -> list[list[str]]:
        """The commands that `submit` runs, as argument lists."""

    def submit(self, task: Task) -> None:
        """Start the jobs of a task; what is needed to find them again is kept in the task."""

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """The jobs of each task, by its id."""

    def kill(self, task: Task) -> None:
        """End all jobs that have not ended."""

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Start these jobs again; they go on from their ledgers."""

    def logs(self, task: Task, job: int) -> str:
        """What a job wrote to stdout and stderr."""

    def fetch(self, task: Task) -> Sequence[str] | None:
        """Bring the task's ledgers into its folder; say what is missing, a sentence each."""


class Seen(msgspec.Struct, frozen=True):
    """A task as its server tells it: its status in PanDA's words, and its jobs."""

    status: str
    jobs: list[JobStatus] = []


@runtime_checkable
class ServerSite(Site, Protocol):
    """A site whose server keeps the truth, and knows tasks that were submitted elsewhere."""

    def look(self, tasks: Sequence[Task], *, details: bool = False) -> dict[int, Seen]:
        """Ask after tasks; without ``details`` jobs are only counted by their state.

        A task whose number turns out only now is given it.
        """

    def remembered(self, task: Task) -> Seen:
        """The state of a task as it was last seen, for when the server does not answer."""

    def others(self, known: Sequence[Task], *, days: float, username: str | None) -> list[Task]:
        """Tasks on the server that are not among the known ones; they have no folder here."""

    def other(self, number: int) -> Task | None:
        """The task of that number on the server."""

    def files(self, task: Task) -> list[tuple[str, int]]:
        """What is sent with the task: names and sizes in bytes."""

    def notes(self, task: Task, *, ask: bool) -> list[str]:
        """What is to be said of a task before it is sent; ``ask``: servers may be asked."""

    def retry_otherwise(self, task: Task, jobs: Sequence[int], options: Mapping[str, Any]) -> None:
        """Start jobs again, with other parameters of the task from now on."""

    def steer(self, task: Task, what: Steering) -> None:
        """Have the server go on otherwise with the task."""

    def fetch_job(self, task: Task, job: int) -> None:
        """Bring the logs and checkpoints of a job's trials into its folder."""

    def metadata(self, task: Task) -> dict[str, Any]:
        """What the jobs left as ``userJobMetadata.json``, by the server's number of the job."""


@runtime_checkable
class WithScripts(Protocol):
    """A site that writes files when it submits, such as a submit script."""

    def scripts(self, task: Task) -> dict[Path, str]:
        """Those files, with their texts."""


def task_status(jobs: Sequence[JobStatus]) -> str:
    """The status of a task in PanDA's words."""
    states = {status.state for status in jobs}
    if "running" in states:
        return "running"
    if "queued" in states:
        return "pending" if states == {"queued"} else "running"
    if "unknown" in states:
        return "unknown"
    if "unfinished" in states:
        return "exhausted"
    if states == {"done"}:
        return "done"
    if "done" in states:
        return "finished"
    return "aborted" if "killed" in states else "failed"

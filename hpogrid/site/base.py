"""The contract of a site: where jobs run, and how one asks after them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import msgspec

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.engine.resources import cores_decide
from hpogrid.errors import RunError
from hpogrid.site.tasks import Task
from hpogrid.space.value import Value, Values

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


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of site can do: outside its own room nobody asks for its name or class.

    Attributes:
        shared_disk: its jobs see the task's folder and write into it.
        disk: the machine whose disk that is; empty: this one, and all that share it.
        here: its jobs run on this machine.
        image: the default image of the specification is there.
        nodes: a job may have several.
        modes: who can run the search (``hpogrid run --mode``).
    """

    shared_disk: bool = True
    disk: str = ""
    here: bool = False
    image: bool = False
    nodes: bool = False
    modes: tuple[str, ...] = ("grid",)


class Finding(NamedTuple):
    """One thing that has to be right; ``text`` says what was found, or what mends it."""

    item: str
    state: Literal["good", "bad", "unknown", "note"]
    text: str


class Kept(RunError):
    """Some of a task's jobs were taken, the others can be retried: the task stays."""


class Unsure(Kept):
    """Nobody knows whether jobs were taken: the task stays, and they are looked for."""


class Site(Protocol):
    """A kind of place where jobs run. One status call serves any number of tasks."""

    @property
    def traits(self) -> Traits:
        """What it can do."""

    @property
    def server(self) -> ServerSite | None:
        """The same site, where a server of its own keeps the truth about its jobs."""

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        """What one should know before jobs of a project are submitted, a sentence each.

        Args:
            task: as it would be.
            project: what it would run.
            ask: whether to ask servers for what is not known here.
        """

    def check_config(self, grid: GridConfig) -> None:
        """Refuse settings with which no job of any project could be submitted.

        Raises:
            UserError: which, and what to write instead.
        """

    def check(self, project: Project | None, name: str) -> Iterator[Finding]:
        """Whether all is ready for jobs, of a project if one is given; ``name`` is the site's."""

    def plan(self, task: Task) -> list[list[str]]:
        """The commands that `submit` runs, as argument lists."""

    def scripts(self, task: Task) -> dict[Path, str]:
        """The files that `submit` writes, such as a submit script, with their texts.

        Raises:
            UserError: something in the configs is wrong.
        """

    def submit(self, task: Task) -> None:
        """Start the jobs of a task; what is needed to find them again is kept in the task.

        Raises:
            Kept: some jobs were taken.
            Unsure: it is not known whether they were.
            UserError: all were refused.
        """

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """The jobs of each task that are at this site, by the task's id."""

    def kill(self, task: Task, jobs: Collection[int]) -> None:
        """End those of the jobs that have not ended."""

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Start these jobs, for the first time or again; they go on from their ledgers."""

    def logs(self, task: Task, job: int) -> str:
        """What a job wrote to stdout and stderr."""

    def fetch(self, task: Task) -> Sequence[str] | None:
        """Bring the task's ledgers into its folder; say what is missing, a sentence each."""

    def fetch_job(self, task: Task, job: int) -> None:
        """Bring the logs of a job's trials into its folder, where they are not there anyway."""


class Seen(msgspec.Struct, frozen=True):
    """A task as its server tells it: its status in PanDA's words, and its jobs."""

    status: str
    jobs: list[JobStatus] = []


class ServerSite(Site, Protocol):
    """A site whose server keeps the truth, and knows tasks that were submitted elsewhere."""

    label: str
    """What people call the server."""

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

    def examine(
        self, project: Project, name: str, *, image: bool, probe: bool
    ) -> Iterator[Finding]:
        """What `check` finds of a project after a closer look: in its image, by a job there."""

    def retry_otherwise(
        self, task: Task, jobs: Sequence[int], options: Mapping[str, Value]
    ) -> None:
        """Start jobs again, with other parameters of the task from now on."""

    def steer(self, task: Task, what: Steering) -> None:
        """Have the server go on otherwise with the task."""

    def metadata(self, task: Task) -> Values:
        """What the jobs left as ``userJobMetadata.json``, by the server's number of the job."""


def one_core_note(project: Project, who: str) -> list[str]:
    """What to know where a job that asks for no cores is given one."""
    at_once = project.hpo_config.at_once
    if at_once == 1 or not cores_decide(project):
        return []
    return [
        f"{who} gives a job one core if it asks for none, and then its trials run one at a time "
        f"(max_concurrent is {at_once}): ask with --cpus of the grid config"
    ]


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

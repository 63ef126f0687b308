"""What is kept of submissions to a batch system: which array has which jobs, and how they ended."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from hpogrid.files import read_record
from hpogrid.job.run import RESULT, read_result
from hpogrid.site.base import RESULTS, TRANSITIONS, JobStatus
from hpogrid.site.batchsystem import Member
from hpogrid.site.tasks import Task

END_RECORD = "ended.json"
"""The file in a job's folder that says how it ended, where the job itself did not."""


KILLED = "killed"
"""The file in a job's folder that says that it was killed from here."""

MISSING = "missing"
"""The file in a job's folder whose age is how long nobody has seen the job."""


class Array(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One submission: member ``n`` of the array (from 1) is job ``jobs[n - 1]``.

    Attributes:
        site: the kind of batch system; empty where an earlier version kept it: the task's.
        id: the scheduler's; empty while nobody knows whether it took the array.
        folder: of its script and its logs.
        jobs: of the task.
        first: which member of the script its first member is.
        name: by which the scheduler may know it too.
        time: when it was submitted, in seconds since 1970.
        said: what the scheduler said that was not understood.
        most: how many of its members run at once; 0: any number.
    """

    site: str = ""
    id: str
    folder: str
    jobs: list[int]
    first: int = 1
    name: str = ""
    time: float = 0.0
    said: str = ""
    most: int = 0


class Waiting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Jobs that wait to be submitted.

    Attributes:
        jobs: of the task.
        why: in words.
        queued: how many jobs the user had in the queue when it took no more; 0: nobody knows.
        tried: when they were offered last, in seconds since 1970.
        looked: when it was last looked whether there is room.
    """

    jobs: list[int] = []
    why: str = ""
    queued: int = 0
    tried: float = 0.0
    looked: float = 0.0


class Submissions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a batch site keeps of a task: its arrays, oldest first, and what waits."""

    arrays: list[Array] = []
    waiting: Waiting = Waiting()


def arrays_of(task: Task) -> list[Array]:
    """The submissions of a task, oldest first."""
    return task.native_as(Submissions).arrays


def waiting_of(task: Task) -> Waiting:
    """The jobs of a task that wait to be submitted."""
    return task.native_as(Submissions).waiting


def keep(task: Task, *, arrays: list[Array] | None = None, waiting: Waiting | None = None) -> None:
    """Keep what has changed of a task's submissions."""
    before = task.native_as(Submissions)
    after = replace(
        before,
        arrays=before.arrays if arrays is None else arrays,
        waiting=before.waiting if waiting is None else waiting,
    )
    task.keep(after)


def array_of(task: Task, job: int) -> Array | None:
    """The one in which a job was submitted last."""
    return next((array for array in reversed(arrays_of(task)) if job in array.jobs), None)


def member_of(task: Task, job: int) -> Member | None:
    """As what the scheduler knows a job."""
    array = array_of(task, job)
    return (array.id, array.jobs.index(job) + 1) if array and array.id else None


def forget_end(task: Task, job: int) -> None:
    """Forget how a job ended: it is started again, perhaps at another site."""
    for name in (RESULT, END_RECORD, KILLED, MISSING):
        (task.job_folder(job) / name).unlink(missing_ok=True)


def settled(task: Task, job: int) -> JobStatus | None:
    """The end of a job as it is written, or None."""
    folder = task.job_folder(job)
    result = read_result(folder)
    if result is not None and result.state in RESULTS:
        state = RESULTS[result.state]
        if state == "done" and result.added < task.added:
            state = TRANSITIONS[state]["extend"]
            more = task.added - result.added
            return JobStatus(job, state, f"{result.reason}; {more} more were asked for")
        return JobStatus(job, state, result.reason)
    return read_record(folder / END_RECORD, JobStatus)

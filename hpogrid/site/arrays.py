"""What is kept of submissions to a batch system: which array has which jobs, and how they ended."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from hpogrid.errors import UserError
from hpogrid.files import make_folder, read_record, write_atomic
from hpogrid.job.run import RESULT, read_result
from hpogrid.job.settings import marks_folder, waiting_marks
from hpogrid.site.base import RESULTS, TRANSITIONS, JobStatus
from hpogrid.site.batchsystem import Member, MemberState
from hpogrid.site.tasks import Task, load_task

END_RECORD = "ended.json"
"""The file in a job's folder that says how it ended, where the job itself did not."""


KILLED = "killed"
"""The file in a job's folder that says that it was killed from here."""

MISSING = "missing"
"""The file in a job's folder whose age is how long nobody has seen the job."""


class Array(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One submission: member ``lowest`` of the array is job ``jobs[0]``, and so on.

    Attributes:
        site: the kind of batch system; empty where an earlier version kept it: the task's.
        id: the scheduler's; empty while nobody knows whether it took the array.
        folder: of its script and its logs.
        jobs: of the task.
        lowest: the number of its first member.
        first: which member of the script that is.
        name: by which the scheduler may know it too.
        time: when it was submitted, in seconds since 1970.
        said: what the scheduler said that was not understood.
        most: how many of its members run at once; 0: any number.
    """

    site: str = ""
    id: str
    folder: str
    jobs: list[int]
    lowest: int = 1
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
    if waiting is not None:
        _mark(task, bool(waiting.jobs))


def _mark(task: Task, waits: bool) -> None:
    mark = marks_folder() / str(task.id)
    if waits:
        make_folder(mark.parent)
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def waiting_tasks() -> list[Task]:
    """The tasks with jobs that wait to be submitted."""
    found = []
    for mark in waiting_marks():
        try:
            found.append(load_task(int(mark.name)))
        except UserError:
            mark.unlink(missing_ok=True)
    return found


def array_of(task: Task, job: int) -> Array | None:
    """The one in which a job was submitted last."""
    return next((array for array in reversed(arrays_of(task)) if job in array.jobs), None)


def member_of(task: Task, job: int) -> Member | None:
    """As what the scheduler knows a job."""
    array = array_of(task, job)
    return (array.id, array.lowest + array.jobs.index(job)) if array and array.id else None


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


def write_end(task: Task, job: int, seen: MemberState) -> JobStatus:
    """Keep how a job ended: schedulers forget it within minutes."""
    status = JobStatus(job, *seen)
    write_atomic(task.job_folder(job) / END_RECORD, msgspec.json.encode(status) + b"\n")
    return status

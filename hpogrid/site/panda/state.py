"""What the PanDA server says about tasks and jobs, in our words."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from hpogrid.site.base import ENDED, JobState, JobStatus, Seen
from hpogrid.site.panda.client import JobInfo, TaskInfo, get_task, list_jobs, task_error
from hpogrid.site.tasks import OWNER, Task

TASK, STATUS, STATISTICS, RETRIED = "jediTaskID", "status", "statistics", "retried"
_REGISTERED_SECONDS = 900.0  # until a task that was taken has to be on the list
_SUBMIT_SECONDS = 900.0  # until a task that is not on the list was never sent
_RETRY_SECONDS = 300.0  # until a task that is to be retried shows it

_JOB_STATES: dict[str, JobState] = {
    "finished": "done", "failed": "failed", "cancelled": "killed", "closed": "killed",
    "starting": "running", "running": "running", "holding": "running", "transferring": "running",
    "merging": "running", "broken": "failed", "lost": "failed", "missing": "failed",
}  # fmt: skip


def number_of(task: Task) -> int | None:
    """The number that the server gave to a task; None: it is not known that it has one."""
    number = task.native.get(TASK)
    return number if isinstance(number, int) else None


def take_number(task: Task, number: int) -> None:
    """Note the number that the server gave; it becomes the task's own."""
    task.native[TASK] = number
    task.save()
    task.renumber(number)


def remember(task: Task, status: str, info: TaskInfo | None) -> None:
    """Keep the state for when the server does not answer."""
    told = {STATUS: status}
    if info is not None and info.statistics is not None:
        told[STATISTICS] = info.statistics
    if info is not None and info.user is not None:
        told[OWNER] = info.user
    if not told.items() <= task.native.items() and task.folder.is_dir():
        task.native |= told
        task.save()


def remembered(task: Task) -> Seen:
    """The state of a task as it was last seen."""
    return Seen(str(task.native.get(STATUS, "unknown")), _counted_before(task))


def _counted_before(task: Task) -> list[JobStatus]:
    return counted(str(task.native.get(STATISTICS, "")))


def see(task: Task, info: TaskInfo | None, details: bool) -> Seen:
    """The state of a task.

    Args:
        task: one of ours.
        info: what the server's list says, if it is there.
        details: whether to ask for its jobs.
    """
    number = number_of(task)
    if number is None:
        return _never_sent(task)
    if info is None:
        info = get_task(number)
    if info is None:
        fresh = time.time() - task.created < _REGISTERED_SECONDS
        return Seen("registered" if fresh else "unknown")
    status = _after_retry(task, info.status)
    if not details:
        return Seen(status, counted(info.statistics) or _counted_before(task))
    jobs = latest(list_jobs(number))
    if status in ENDED and not jobs:
        reason = task_error(number)
        jobs = [JobStatus(job, "failed", reason) for job in range(task.n_jobs)]
    return Seen(status, jobs)


def note_retry(task: Task) -> None:
    """Note that the server was asked for new jobs: until it gets to it, it tells the old status."""
    if task.folder.is_dir():
        task.native[RETRIED] = {"time": time.time(), "status": task.native.get(STATUS)}
        task.save()


def _after_retry(task: Task, status: str) -> str:
    """The status that the server tells, unless it has not got to a retry yet."""
    retried = task.native.get(RETRIED)
    if not isinstance(retried, dict):
        return status
    if status == retried["status"] and time.time() - retried["time"] < _RETRY_SECONDS:
        return "toretry"
    del task.native[RETRIED]
    task.save()
    return status


def _never_sent(task: Task) -> Seen:
    if time.time() - task.created < _SUBMIT_SECONDS:
        return Seen("submitting")
    reason = "it was never sent (its submission was cut off)"
    return Seen("broken", [JobStatus(job, "lost", reason) for job in range(task.n_jobs)])


def counted(statistics: str | None) -> list[JobStatus]:
    """Jobs by their state (``finished*2,ready*1``); which of them is which is not told."""
    states: list[JobState] = []
    for part in (statistics or "").split(","):
        match = re.fullmatch(r"(\w+)\*(\d{1,5})", part.strip())
        if match:
            states += [_JOB_STATES.get(match.group(1), "queued")] * int(match.group(2))
    return [JobStatus(index, state) for index, state in enumerate(states)]


def newest(jobs: Sequence[JobInfo]) -> dict[int, JobInfo]:
    """The newest attempt of each job; those of the HPO service have no number, but an order."""
    order = {job.id: number for number, job in enumerate(jobs)}
    return {order[job.id] if job.index is None else job.index: job for job in jobs}


def latest(jobs: Sequence[JobInfo]) -> list[JobStatus]:
    """The state of the newest attempt of each job."""
    found = []
    for index, job in sorted(newest(jobs).items()):
        state = _JOB_STATES.get(job.status, "queued")
        words = [f"PanDA {job.id}", f"attempt {job.attempt}" if job.attempt > 1 else "", job.site]
        about = ", ".join(word for word in words if word)
        reason = f"{about}: {job.reason}" if state in ("failed", "killed") and job.reason else about
        found.append(JobStatus(index, state, reason))
    return found


def foreign(info: TaskInfo, user: str | None = None) -> Task:
    """A task that has no folder here; ``user``: whose it is, for the server."""
    owner = re.match(r"(?:user|group)\.([^.]+)\.", info.name)
    project = re.search(r"\.hpogrid\.(.+)\.out\.", info.name)
    return Task(
        id=info.id,
        name=info.name.rstrip("/"),
        project=project.group(1) if project else "",
        site=info.site or "ANY",
        user=owner.group(1) if owner else "",
        n_jobs=max(1, len(counted(info.statistics))),
        created=_time(info.created),
        seed=0,
        project_hash="",
        native={
            TASK: info.id,
            STATUS: info.status,
            STATISTICS: info.statistics or "",
            OWNER: info.user or user or "",
        },
    )


def _time(text: str | None) -> float:
    """A time of the server (UTC) in seconds since the epoch."""
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return 0.0

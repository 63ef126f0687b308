"""What has become of jobs: their results, what the batch system says, or that they are lost.

A job's truth is, in this order: the result that it wrote, the queue, the accounting record, how it
was known to have ended, and else it is lost.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from hpogrid.errors import RunError
from hpogrid.files import locked
from hpogrid.job.run import read_result
from hpogrid.site import jobs_at
from hpogrid.site.arrays import (
    KILLED,
    MISSING,
    Array,
    array_of,
    arrays_of,
    keep,
    member_of,
    settled,
    waiting_of,
    write_end,
)
from hpogrid.site.base import ACTIVE, JobStatus
from hpogrid.site.batchsystem import MemberState
from hpogrid.site.cluster import Cluster
from hpogrid.site.polling import Told
from hpogrid.site.tasks import Task

_GRACE_SECONDS = 20.0
"""How long after a job left the queue its result or its record may still turn up."""

_UNSURE_SECONDS = 600.0
"""How long an array is looked for of which it is not known whether it was taken."""


class States:
    """The states of jobs that a cluster has.

    Args:
        cluster: that is asked where jobs wrote no result.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._scheduler = cluster.scheduler

    def of(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """Look at the results, and ask the scheduler once about all jobs that have none."""
        jobs = {task.id: jobs_at(task, self._scheduler.name) for task in tasks}
        known = {(task.id, job): settled(task, job) for task in tasks for job in jobs[task.id]}
        wanted = {
            member
            for task in tasks
            for job in jobs[task.id]
            if known[task.id, job] is None
            and job not in waiting_of(task).jobs
            and (member := member_of(task, job))
        }
        told, problem = Told({}), None
        if wanted:
            try:
                told = self._cluster.look(wanted)
            except RunError as error:
                problem = str(error)
        return {
            task.id: [
                known[task.id, job] or self._open(task, job, told, problem) for job in jobs[task.id]
            ]
            for task in tasks
        }

    def look_for_unsure(self, task: Task) -> None:
        """Look for arrays by their names of which it is not known whether they were taken."""
        if not any(self.may_be_there(array) for array in arrays_of(task)):
            return
        with locked(task.folder):
            arrays = [self._identified(array) for array in arrays_of(task)]
            if arrays != arrays_of(task):
                keep(task, arrays=arrays)
                self._cluster.forget()

    def may_be_there(self, array: Array) -> bool:
        """Whether an array may have been taken that has no number yet."""
        own = array.site in (self._scheduler.name, "")
        return own and not array.id and time.time() - array.time < _UNSURE_SECONDS

    def _identified(self, array: Array) -> Array:
        search = self._scheduler.search(array.name) if self.may_be_there(array) else []
        answer = self._cluster.asked(search)
        number = answer and self._scheduler.found(answer.code, answer.text, array.name)
        return replace(array, id=number, said="") if number else array

    def _open(self, task: Task, job: int, told: Told, problem: str | None) -> JobStatus:
        """The state of a job that has written no final result."""
        waiting = waiting_of(task)
        if job in waiting.jobs:
            return JobStatus(job, "queued", f"waiting to be submitted: {waiting.why}")
        if problem is not None:
            return JobStatus(job, "unknown", problem)
        member = member_of(task, job)
        if member is None and (array := array_of(task, job)) is not None:
            return settled(task, job) or self._unidentified(job, array)
        found = told.seen.get(member) if member else None
        folder = task.job_folder(job)
        if found is not None and found.state in ACTIVE:
            (folder / MISSING).unlink(missing_ok=True)
            return JobStatus(job, *found)
        late = settled(task, job)
        if late is not None:
            return late
        if (folder / KILLED).exists():
            killed = MemberState("killed", "killed by 'hpogrid tasks kill'")
            return write_end(task, job, killed)
        if found is not None and found.state != "done":
            return write_end(task, job, found)
        result = read_result(folder)
        if result is not None:
            return write_end(task, job, MemberState("killed", result.reason))
        return self._vanished(job, folder, found, told.problem)

    def _unidentified(self, job: int, array: Array) -> JobStatus:
        label = self._scheduler.label
        if self.may_be_there(array):
            return JobStatus(job, "queued", f"{label} may have it or not: it said '{array.said}'")
        return JobStatus(job, "lost", f"{label} knows no job called {array.name}: it was not taken")

    def _vanished(
        self, job: int, folder: Path, found: MemberState | None, problem: str | None
    ) -> JobStatus:
        """A job that ended without a result, as far as one sees: it may still turn up."""
        mark = folder / MISSING
        with contextlib.suppress(FileExistsError):
            mark.touch(exist_ok=False)
        if time.time() - mark.stat().st_mtime < _GRACE_SECONDS:
            return JobStatus(job, "running", "it has left the queue; waiting for its result")
        if found is not None:
            return JobStatus(job, "lost", "it ended with exit code 0 and left no result")
        why = f"; how it ended cannot be read: {problem}" if problem else ""
        return JobStatus(job, "lost", f"{self._scheduler.label} knows no such job any more{why}")

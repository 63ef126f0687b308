"""Submission: in as many arrays as it takes, and in waves, as there is room for jobs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from hpogrid.errors import RunError, UserError
from hpogrid.files import locked, write_atomic
from hpogrid.job.settings import JOB
from hpogrid.site import jobs_at
from hpogrid.site.arrays import (
    Array,
    Waiting,
    array_of,
    arrays_of,
    keep,
    settled,
    waiting_of,
    write_end,
)
from hpogrid.site.base import Kept, Unsure
from hpogrid.site.batchsystem import MemberState
from hpogrid.site.carry import write_carried
from hpogrid.site.cluster import Cluster
from hpogrid.site.commands import NoAnswer, run_command
from hpogrid.site.parts import Part, Parts
from hpogrid.site.tasks import Task, project_at

_WAVE_SECONDS = 10.0
"""How long at least between two looks whether jobs can be submitted that wait for it."""

_ANYHOW_SECONDS = 600.0
"""After how long they are offered though the user has as many in the queue as ever."""


class Waves:
    """Submits the jobs of tasks; those that are not taken wait.

    Args:
        cluster: that is to take them.
        parts: of what it takes at once.
        prepare: makes what goes with a part beside its script.
    """

    def __init__(
        self, cluster: Cluster, parts: Parts, prepare: Callable[[Task, Part], None]
    ) -> None:
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._parts = parts
        self._prepare = prepare

    def start(self, task: Task, jobs: Sequence[int]) -> None:
        """Submit jobs. What the scheduler took is kept in the task at once."""
        with locked(task.folder):
            try:
                self._submit_all(task, list(jobs))
            finally:
                self._cluster.forget()
            waiting = waiting_of(task)
            if waiting.jobs:
                logging.getLogger(__name__).warning(
                    "task %d: %d of %d jobs wait to be submitted (%s); they go in when there is "
                    "room, as a job ends or somebody looks: hpogrid watch %d",
                    task.id, len(waiting.jobs), task.n_jobs, waiting.why, task.id,
                )  # fmt: skip

    def _submit_all(self, task: Task, jobs: Sequence[int], most: int | None = None) -> None:
        """Submit jobs, as many as are taken; the others wait.

        Args:
            task: whose they are.
            jobs: of the task.
            most: offer only so many of them, if they are fewer than an array has; None: all.

        Raises:
            RunError: they are refused, for good; that is kept as their end.
        """
        write_carried(project_at(task, self._scheduler.name).grid_config)
        left, why, queued, number = list(jobs), "", 0, len(arrays_of(task)) + 1
        groups = [list(part.jobs) for part in self._parts.of(task, jobs)]
        if most is not None and most < len(groups[0]):
            groups = [groups[0][:most]]
        while groups and not why:
            if self._scheduler.arrays:
                number = len(arrays_of(task)) + 1
            part = self._parts.part(task, groups[0], jobs, number, self._room(task, left))
            if part is None:
                why = "as many run as max_jobs allows"
                continue
            try:
                self._submit(task, part)
            except RunError as error:
                if len(part.jobs) > 1 and self._said(error, self._scheduler.too_large):
                    middle = (len(part.jobs) + 1) // 2
                    groups[:1] = [groups[0][:middle], groups[0][middle:]]
                elif self._said(error, self._scheduler.too_many) or self._tries(error):
                    why, queued = str(error), self._cluster.queued() or 0
                else:
                    raise self._cut_short(task, left, len(jobs), error) from error
                continue
            left = [job for job in left if job not in part.jobs]
            del groups[0]
        before = waiting_of(task)
        if not why and left:
            why, queued = before.why, self._cluster.queued() or 0
        others = [job for job in before.jobs if job not in jobs]
        keep(task, waiting=Waiting(sorted([*others, *left]), why, queued, time.time()))

    def _room(self, task: Task, jobs: Sequence[int]) -> int | None:
        """How many of these jobs may run at once beside those that do; None: any number."""
        most = project_at(task, self._scheduler.name).grid_config.max_jobs
        if most is None:
            return None
        for array in arrays_of(task):
            there = [
                job
                for job in array.jobs
                if array.id and job not in jobs
                and array_of(task, job) == array and settled(task, job) is None
            ]  # fmt: skip
            most -= min(array.most or len(there), len(there))
        return max(most, 0)

    def go_on(self, task: Task) -> None:
        """Submit what waits, where there may be room by now."""
        if not waiting_of(task).jobs:
            return
        with locked(task.folder):
            task.refresh()
            waiting = waiting_of(task)
            now = time.time()
            own = [job for job in waiting.jobs if job in jobs_at(task, self._scheduler.name)]
            lately = 0 <= now - max(waiting.tried, waiting.looked) < _WAVE_SECONDS
            if not own or (lately and JOB not in os.environ):
                return
            keep(task, waiting=replace(waiting, looked=now))
            free, there = None, self._cluster.queued()
            if there is None:
                return
            if waiting.queued:
                patience = now - waiting.tried >= _ANYHOW_SECONDS
                free = max(waiting.queued - there, int(patience))
            if free != 0:
                try:
                    self._submit_all(task, own, free)
                except RunError:
                    pass  # it is written as their end
                except UserError as error:
                    keep(task, waiting=replace(waiting_of(task), why=str(error)))
                self._cluster.forget()

    def _submit(self, task: Task, part: Part) -> None:
        """Submit one array. It is noted before: should this be cut off, it can be looked for.

        Raises:
            Unsure: nobody knows whether it was taken.
            RunError: it was refused.
        """
        request, label = part.request, self._scheduler.label
        self._prepare(task, part)
        for path, text in self._parts.files(task, [part]).items():
            write_atomic(path, text.encode())
            path.chmod(0o755)
        before, waiting = arrays_of(task), waiting_of(task)
        array = Array(
            site=self._scheduler.name,
            id="",
            folder=request.folder.name,
            jobs=list(part.jobs),
            lowest=request.lowest,
            first=request.only or request.lowest,
            name=request.name,
            time=time.time(),
            said="it was cut off",
            most=request.grid.max_jobs or 0,
        )
        others = [job for job in waiting.jobs if job not in part.jobs]
        keep(task, arrays=[*before, array], waiting=replace(waiting, jobs=others))
        try:
            answer = run_command(self._scheduler.submit(request), label)
        except NoAnswer as error:
            raise self._unsure(task, array, str(error)) from error
        except RunError:
            keep(task, arrays=before, waiting=waiting)
            raise
        number = self._scheduler.submitted(answer.code, answer.text)
        if number is not None:
            keep(task, arrays=[*before, replace(array, id=number, said="")])
        elif answer.code == 0 or any(word in answer.all for word in self._scheduler.cut_off):
            raise self._unsure(task, array, answer.words)
        else:
            keep(task, arrays=before, waiting=waiting)
            raise RunError(f"{label} refused the job: {answer.words}")

    def _unsure(self, task: Task, array: Array, said: str) -> Unsure:
        """Note what the scheduler said; the array may be in its queue."""
        keep(task, arrays=[*arrays_of(task)[:-1], replace(array, said=said)])
        return Unsure(
            f"it is not known whether {self._scheduler.label} took the job, which answered: "
            f"{said}; the task stays, and 'hpogrid tasks show {task.id}' looks for it"
        )

    def _said(self, error: RunError, words: Sequence[str]) -> bool:
        """Whether a refusal has one of these words in it."""
        return not isinstance(error, Unsure) and any(word in str(error) for word in words)

    def _tries(self, error: RunError) -> bool:
        """Whether it is a job that submits: what is refused to it may be taken elsewhere."""
        return JOB in os.environ and not isinstance(error, Unsure)

    def _cut_short(self, task: Task, left: list[int], asked: int, error: RunError) -> RunError:
        """Mark the jobs that were not submitted, and do not wait; say how many were."""
        unsure = [job for job in left if (array := array_of(task, job)) and not array.id]
        for job in left:
            if job not in unsure:
                write_end(task, job, MemberState("failed", f"not submitted: {error}"))
        waiting = waiting_of(task)
        others = [job for job in waiting.jobs if job not in left]
        keep(task, waiting=replace(waiting, jobs=others))
        if len(left) == asked or isinstance(error, Unsure):
            return error
        return Kept(
            f"{error}; {asked - len(left)} of {asked} jobs were submitted, "
            f"'hpogrid tasks retry {task.id}' submits the others"
        )

"""Batch sites: native job arrays of a cluster whose nodes see the task's folder.

What differs between the kinds of cluster is a `BatchSystem` of pure functions; everything that
touches files or runs commands is here, in `hpogrid.site.waves` (submission), `states` (what became
of it) and `cluster` (questions).
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import RunError, UserError
from hpogrid.files import locked
from hpogrid.site.arrays import (
    KILLED,
    arrays_of,
    forget_end,
    keep,
    member_of,
    settled,
    waiting_of,
    write_end,
)
from hpogrid.site.base import ACTIVE, Finding, JobStatus, Traits, one_core_note
from hpogrid.site.batchsystem import NO_MEMORY, BatchSystem, MemberState, Target
from hpogrid.site.check import check_parts, look
from hpogrid.site.cluster import Cluster
from hpogrid.site.commands import NotHere, run_command
from hpogrid.site.parts import Part, Parts
from hpogrid.site.script import names_cores
from hpogrid.site.states import States
from hpogrid.site.tasks import Task, next_number, sketch
from hpogrid.site.waves import Waves
from hpogrid.text import counted

_SAY = {
    "walltime": "limit the time of a job",
    "memory": "say how much memory a job has",
    "cpus": "say how many cores a job has",
    "gpus": "say how many GPUs a job has",
    "max_attempts": "say whether a job is queued again",
    "nodes": "say how many nodes a job has",
}
"""What settings do that there are native options for as well."""


class BatchSite:
    """A cluster (see `Site`).

    Args:
        scheduler: its kind.
    """

    def __init__(self, scheduler: BatchSystem) -> None:
        self.scheduler = scheduler
        self._cluster = Cluster(scheduler)
        self._parts = Parts(self._cluster, self.check_config)
        self._states = States(self._cluster)
        self._waves = Waves(self._cluster, self._parts, self.prepare)

    @property
    def traits(self) -> Traits:
        """A cluster whose nodes see the task's folder."""
        return Traits(nodes=bool(self.scheduler.job_nodes))

    server = None

    def check_config(self, grid: GridConfig) -> None:
        """Refuse native options that there are not, or that contradict a setting."""
        self.scheduler.check_options(grid.extra)
        for setting, name in self.scheduler.settings_in(grid.extra).items():
            if getattr(grid, setting) is not None:
                raise UserError(
                    f"extra: '{name}' and {setting} both {_SAY[setting]}; leave one of them out"
                )

    # --- submission ----------------------------------------------------------------------------

    def plan(self, task: Task) -> list[list[str]]:
        """The commands that submit all jobs: one for each array."""
        return [self.scheduler.submit(part.request) for part in self._parts.of(task)]

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        """What the cluster would do otherwise than one may think."""
        unfit = self._cluster.unfit() if ask else None
        notes = [unfit] if unfit else []
        if project.grid_config.max_attempts and self.scheduler.again is None:
            notes.append(
                f"max_attempts has no effect at {self.scheduler.label}: when the time of a job is "
                "up, 'hpogrid tasks retry' goes on"
            )
        if not self.scheduler.cores_by_number and not names_cores(project.grid_config):
            notes += one_core_note(project, self.scheduler.label)
        nodes = self.scheduler.nodes(project.grid_config.extra)
        if nodes > 1:
            notes.append(
                f"each job gets {nodes} nodes, and hpogrid runs its trials on the first one only: "
                "with --nodes instead, engine ray uses all, and nodes_per_trial shares them out"
            )
        return notes

    def scripts(self, task: Task) -> dict[Path, str]:
        """The files that `submit` writes, with their texts."""
        return self._parts.files(task, self._parts.of(task))

    def submit(self, task: Task) -> None:
        """Submit all jobs: as arrays as large as the cluster takes them, or one after the other.

        Raises:
            Kept: some jobs were taken.
            Unsure: nobody knows whether they were.
            RunError: the scheduler is not here, does not answer, or refuses; in its words.
        """
        self.start(task, range(task.n_jobs))

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Submit these jobs anew; they go on from their ledgers."""
        parts = self._parts.of(task, jobs)
        self._parts.files(task, parts)  # refuses what is wrong before all is forgotten
        for job in jobs:
            end = settled(task, job)
            if end is not None and (end.reason or "").startswith(NO_MEMORY):
                times = task.short_of_memory.get(job, 0) + 1
                task.short_of_memory = {**task.short_of_memory, job: times}
            forget_end(task, job)
        self.start(task, jobs)

    def start(self, task: Task, jobs: Sequence[int]) -> None:
        """Submit jobs, for the first time or anew (see `submit`)."""
        self._waves.start(task, jobs)

    def prepare(self, task: Task, part: Part) -> None:
        """Make what goes with a part beside its script."""

    # --- what became of it ---------------------------------------------------------------------

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """Look at the results, and ask the scheduler once about all jobs that have none.

        Jobs that wait to be submitted go in where there is room.
        """
        for task in tasks:
            self._states.look_for_unsure(task)
            self._waves.go_on(task)
        return self._states.of(tasks)

    # --- before a submission -------------------------------------------------------------------

    def check(self, project: Project | None, name: str) -> Iterator[Finding]:
        """The parts of a project, whether its jobs would be taken, and the scheduler itself."""
        if project is not None:
            task = sketch(project, name, 1, number=next_number())
            yield from check_parts(project, task, here=False)
            yield look("submission", lambda: self._rehearse(task))
        if unfit := self._cluster.unfit():
            yield Finding("shared disk", "bad", unfit)
        yield look(name, self._answer)
        version = self._cluster.version()
        if version:
            tested = ", ".join(self.scheduler.tested) or "none"
            known = any(version.startswith(one) for one in self.scheduler.tested)
            text = f"{self.scheduler.label} {version}; tested with: {tested}"
            yield Finding("version", "good" if known else "unknown", text)

    def _rehearse(self, task: Task) -> str:
        """Ask whether the scheduler would take the jobs; where it cannot tell, look at the files.

        Raises:
            UserError: it would not.
        """
        part = self._parts.of(task)[0]
        files, scheduler = self._parts.files(task, [part]), self.scheduler
        told = shlex.join(scheduler.submit(part.request))
        with tempfile.TemporaryDirectory(prefix="hpogrid-") as folder:
            request = dataclasses.replace(part.request, folder=Path(folder), home=Path(folder))
            command = scheduler.rehearsal(request)
            if not command:
                return told
            script = files[part.request.script].replace(f"{task.folder}", folder)
            request.script.write_text(script)
            try:
                answer = run_command(command, scheduler.label)
            except NotHere:
                return told
        if answer.code != 0:
            raise RunError(f"{scheduler.label} would refuse the job: {answer.words}")
        return told

    def _answer(self) -> str:
        """What the scheduler has of the user.

        Raises:
            RunError: it is not here, or does not answer.
        """
        active = [state for state in self._cluster.queue().values() if state.state in ACTIVE]
        jobs = counted(len(active), "job")
        return f"{self.scheduler.label} answers; {jobs} of yours waiting or running"

    # --- the rest ------------------------------------------------------------------------------

    def kill(self, task: Task, jobs: Collection[int]) -> None:
        """End those of the jobs that wait or run.

        Raises:
            RunError: the scheduler does not answer or refuses.
        """
        self._cluster.forget()
        self._states.look_for_unsure(task)
        self._submit_no_more(task, jobs)
        unsure = [array for array in arrays_of(task) if self._states.may_be_there(array)]
        refused = []
        for target, ended in self._targets(task, jobs):
            answer = run_command(self.scheduler.kill([target]), self.scheduler.label)
            if answer.code == 0:
                for job in ended:
                    (task.job_folder(job) / KILLED).touch()
            else:  # unless it had ended before, of something else
                refused.append(f"{self.scheduler.label} did not kill {target[0]}: {answer.words}")
        self._cluster.forget()
        if refused and self._still_there(task, jobs):
            raise RunError("; ".join(refused))
        if unsure:
            raise RunError(
                f"{self.scheduler.label} may have taken {unsure[0].name} without having said so, "
                f"and does not show it: look at 'hpogrid tasks show {task.id}' in some minutes"
            )

    def _submit_no_more(self, task: Task, jobs: Collection[int]) -> None:
        """End those of the jobs that wait to be submitted."""
        with locked(task.folder):
            task.refresh()
            waiting = waiting_of(task)
            others = [job for job in waiting.jobs if job not in jobs]
            keep(task, waiting=replace(waiting, jobs=others))
            for job in set(waiting.jobs) - set(others):
                killed = MemberState("killed", "killed by 'hpogrid tasks kill' before it was there")
                write_end(task, job, killed)

    def _targets(self, task: Task, jobs: Collection[int]) -> Iterator[tuple[Target, list[int]]]:
        """What is to be killed by a command of its own, and which of the jobs that are."""
        for array in arrays_of(task):
            members = [
                number
                for number, job in enumerate(array.jobs, start=array.lowest)
                if job in jobs
                and array.site in (self.scheduler.name, "")
                and member_of(task, job) == (array.id, number)
                and settled(task, job) is None
            ]
            if self.scheduler.kill_one:
                yield from (((array.id, [n]), [array.jobs[n - array.lowest]]) for n in members)
            elif members:
                whole = len(members) == len(array.jobs)
                ended = [array.jobs[number - array.lowest] for number in members]
                yield (array.id, None if whole else members), ended

    def _still_there(self, task: Task, jobs: Collection[int]) -> bool:
        found = self.status([task])[task.id]
        return any(status.state in ACTIVE for status in found if status.job in jobs)

    def logs(self, task: Task, job: int) -> str:
        """What all attempts of the job wrote, oldest first."""
        parts = []
        for array in arrays_of(task):
            if job in array.jobs:
                folder = task.folder / "batch" / array.folder
                member = array.first + array.jobs.index(job)
                for path in self.scheduler.logs(folder, member):
                    with contextlib.suppress(FileNotFoundError):
                        parts.append(path.read_text(errors="replace"))
        return "".join(parts)

    def fetch(self, task: Task) -> None:
        """Nothing to do: the ledgers are in the task's folder."""

    def fetch_job(self, task: Task, job: int) -> None:
        """Nothing to do: the logs are in the task's folder."""

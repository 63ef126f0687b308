"""Batch sites: native job arrays of a cluster whose nodes see the task's folder.

What differs between the kinds of cluster is a `BatchSystem` of pure functions; everything that
touches files or runs commands is here. A job's truth is, in this order: the result that it
wrote, the queue, the accounting record, how it was known to have ended, and else it is lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from hpogrid.config.home import home
from hpogrid.config.project import Project, load_project
from hpogrid.errors import RunError
from hpogrid.files import locked, write_atomic
from hpogrid.job.run import RESULT, read_result
from hpogrid.site.arrays import END_RECORD, Array, arrays_of, member_of, settled
from hpogrid.site.base import ACTIVE, JobStatus, one_core_note
from hpogrid.site.batchsystem import BatchSystem, Member, MemberState, Request, Target
from hpogrid.site.carry import write_carried
from hpogrid.site.commands import run_command
from hpogrid.site.polling import Poll
from hpogrid.site.script import job_script, make_request, names_cores
from hpogrid.site.tasks import Task

_KILLED = "killed"
_MISSING = "missing"
_GRACE_SECONDS = 20.0
"""How long after a job left the queue its result or its record may still turn up."""


class BatchSite:
    """A cluster (see `Site`).

    Args:
        scheduler: its kind.
    """

    def __init__(self, scheduler: BatchSystem) -> None:
        self.scheduler = scheduler
        path = home() / "sites" / f"{scheduler.name}.json"
        self._poll = Poll(path, self._ask)

    # --- submission ----------------------------------------------------------------------------

    def plan(self, task: Task) -> list[list[str]]:
        """The command that submits all jobs; where there are no arrays, one for each of them."""
        return [self.scheduler.submit(part) for part in self._parts(task, range(task.n_jobs))]

    def notes(self, project: Project) -> list[str]:
        """Where a job has one core."""
        if self.scheduler.cores_by_number or names_cores(project.grid_config):
            return []
        note = one_core_note(project, self.scheduler.label)
        return [] if note is None else [note]

    def scripts(self, task: Task) -> dict[Path, str]:
        """The files that `submit` writes, with their texts."""
        return self._files(task, range(task.n_jobs))

    def submit(self, task: Task) -> None:
        """Submit all jobs as one array, or one after the other.

        Raises:
            RunError: the scheduler is not here, does not answer, or refuses; in its words.
        """
        self._start(task, range(task.n_jobs))

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Submit these jobs as a new array; they go on from their ledgers."""
        self._files(task, jobs)  # refuses what is wrong before anything is forgotten
        for job in jobs:
            for name in (RESULT, END_RECORD, _KILLED, _MISSING):
                (task.job_folder(job) / name).unlink(missing_ok=True)
        self._start(task, jobs)

    def _start(self, task: Task, jobs: Sequence[int]) -> None:
        """Submit jobs. What the scheduler took is kept in the task at once."""
        with locked(task.folder):
            before = arrays_of(task)
            parts = self._parts(task, jobs)
            for path, text in self._files(task, jobs).items():
                write_atomic(path, text.encode())
                path.chmod(0o755)
            write_carried(_project(task).grid_config)
            try:
                for part in parts:
                    self._submit(task, part, jobs)
            except RunError as error:
                self._poll.forget()
                raise self._cut_short(
                    task, jobs, len(arrays_of(task)) - len(before), error
                ) from error
        self._poll.forget()

    def _submit(self, task: Task, part: Request, jobs: Sequence[int]) -> None:
        answer = run_command(self.scheduler.submit(part), self.scheduler.label)
        number = self.scheduler.submitted(answer.code, answer.text)
        if number is None:
            raise RunError(f"{self.scheduler.label} refused the job: {answer.words}")
        members = list(jobs) if part.only is None else [jobs[part.only - 1]]
        array = Array(number, part.folder.name, members, part.only or 1)
        task.native["arrays"] = msgspec.to_builtins([*arrays_of(task), array])
        task.save()

    def _cut_short(self, task: Task, jobs: Sequence[int], done: int, error: RunError) -> RunError:
        """Mark the jobs that were not submitted; say how many were."""
        started = jobs[:done] if not self.scheduler.arrays else []
        for job in jobs[len(started) :]:
            self._write_end(task, job, MemberState("failed", f"not submitted: {error}"))
        if not started:
            return error
        return RunError(
            f"{error}; {len(started)} of {len(jobs)} jobs were submitted, "
            f"'hpogrid tasks retry {task.id}' submits the others"
        )

    def _parts(self, task: Task, jobs: Sequence[int]) -> list[Request]:
        """What is submitted by a command of its own."""
        request = self._request(task, jobs)
        if self.scheduler.arrays:
            return [request]
        return [dataclasses.replace(request, only=number + 1) for number in range(len(jobs))]

    def _request(self, task: Task, jobs: Sequence[int]) -> Request:
        folder = task.folder / "batch" / f"{len(arrays_of(task)) + 1:03d}"
        cores = self.scheduler.cores_by_number
        return make_request(task, _project(task), folder, len(jobs), cores=cores)

    def _files(self, task: Task, jobs: Sequence[int]) -> dict[Path, str]:
        request = self._request(task, jobs)
        script = job_script(self.scheduler, request, task, _project(task), jobs)
        texts = {request.script.name: script, **self.scheduler.files(request)}
        return {request.folder / name: text for name, text in texts.items()}

    # --- what became of it ---------------------------------------------------------------------

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """Look at the results, and ask the scheduler once about all jobs that have none."""
        known = {(task.id, job): settled(task, job) for task in tasks for job in range(task.n_jobs)}
        wanted = {
            member
            for task in tasks
            for job in range(task.n_jobs)
            if known[task.id, job] is None and (member := member_of(task, job))
        }
        seen: dict[Member, MemberState] = {}
        problem = None
        if wanted:
            try:
                seen = self._poll.look(wanted)
            except RunError as error:
                problem = str(error)
        return {
            task.id: [
                known[task.id, job] or self._open(task, job, seen, problem)
                for job in range(task.n_jobs)
            ]
            for task in tasks
        }

    def _ask(self, members: Collection[Member]) -> dict[Member, MemberState]:
        """What queue and accounting say; a member that neither knows is left out."""
        scheduler = self.scheduler
        queue = self._queue(sorted({array for array, _ in members}))
        seen = {member: queue[member] for member in members if member in queue}
        gone = sorted({array for array, number in members if (array, number) not in seen})
        for command in scheduler.history(gone) if gone else []:
            answer = run_command(command, scheduler.label)
            known = scheduler.in_history(answer.code, answer.text)
            seen |= {m: known[m] for m in members if m in known and m not in seen}
        return seen

    def _queue(self, arrays: Sequence[str]) -> dict[Member, MemberState]:
        scheduler = self.scheduler
        answer = run_command(scheduler.queue(arrays), scheduler.label)
        queue = scheduler.in_queue(answer.code, answer.text)
        if queue is None:
            raise RunError(f"{scheduler.label} does not answer: {answer.words}; try again later")
        return queue

    def check(self) -> str:
        """Ask the scheduler whether it is there.

        Raises:
            RunError: it is not, or does not answer.
        """
        active = [state for state in self._queue([]).values() if state.state in ACTIVE]
        return f"{self.scheduler.label} answers; {len(active)} jobs of yours wait or run"

    def _open(
        self, task: Task, job: int, seen: dict[Member, MemberState], problem: str | None
    ) -> JobStatus:
        """The state of a job that has written no final result."""
        if problem is not None:
            return JobStatus(job, "unknown", problem)
        member = member_of(task, job)
        found = seen.get(member) if member else None
        folder = task.job_folder(job)
        if found is not None and found.state in ACTIVE:
            (folder / _MISSING).unlink(missing_ok=True)
            return JobStatus(job, *found)
        late = settled(task, job)
        if late is not None:
            return late
        if (folder / _KILLED).exists():
            killed = MemberState("killed", "killed by 'hpogrid tasks kill'")
            return self._write_end(task, job, killed)
        if found is not None and found.state != "done":
            return self._write_end(task, job, found)
        result = read_result(folder)
        if result is not None:
            return self._write_end(task, job, MemberState("killed", result.reason))
        return self._vanished(job, folder, found)

    def _vanished(self, job: int, folder: Path, found: MemberState | None) -> JobStatus:
        """A job that ended without a result, as far as one sees: it may still turn up."""
        mark = folder / _MISSING
        with contextlib.suppress(FileExistsError):
            mark.touch(exist_ok=False)
        if time.time() - mark.stat().st_mtime < _GRACE_SECONDS:
            return JobStatus(job, "running", "it has left the queue; waiting for its result")
        if found is not None:
            return JobStatus(job, "lost", "it ended with exit code 0 and left no result")
        return JobStatus(job, "lost", f"{self.scheduler.label} knows no such job any more")

    def _write_end(self, task: Task, job: int, seen: MemberState) -> JobStatus:
        """Keep how a job ended: schedulers forget it within minutes."""
        status = JobStatus(job, *seen)
        write_atomic(task.job_folder(job) / END_RECORD, msgspec.json.encode(status) + b"\n")
        return status

    # --- the rest ------------------------------------------------------------------------------

    def kill(self, task: Task) -> None:
        """End what waits or runs.

        Raises:
            RunError: the scheduler does not answer or refuses.
        """
        self._poll.forget()
        targets: list[Target] = []
        asked: list[int] = []
        for array in arrays_of(task):
            members = [
                number
                for number, job in enumerate(array.jobs, start=1)
                if member_of(task, job) == (array.id, number) and settled(task, job) is None
            ]
            asked += [array.jobs[number - 1] for number in members]
            if members:
                targets.append((array.id, members if len(members) < len(array.jobs) else None))
        if targets:
            answer = run_command(self.scheduler.kill(targets), self.scheduler.label)
            if answer.code != 0 and self._still_there(task):
                arrays = ", ".join(array for array, _ in targets)
                raise RunError(f"{self.scheduler.label} did not kill {arrays}: {answer.words}")
            if answer.code == 0:  # else they had ended before, of something else
                for job in asked:
                    (task.job_folder(job) / _KILLED).touch()
        self._poll.forget()

    def _still_there(self, task: Task) -> bool:
        return any(status.state in ACTIVE for status in self.status([task])[task.id])

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


def _project(task: Task) -> Project:
    """The task's project; before there is a bundle, as it would be."""
    return task.read_project() if task.bundle.exists() else load_project(task.project)

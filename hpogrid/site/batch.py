"""Batch sites: native job arrays of a cluster whose nodes see the task's folder.

What differs between the kinds of cluster is a `BatchSystem` of pure functions; everything that
touches files or runs commands is here. A job's truth is, in this order: the result that it
wrote, the queue, the accounting record, how it was known to have ended, and else it is lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import shlex
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from hpogrid.config.home import home
from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import RunError, UserError
from hpogrid.files import locked, write_atomic
from hpogrid.job.run import read_result
from hpogrid.site import jobs_at
from hpogrid.site.arrays import (
    END_RECORD,
    KILLED,
    MISSING,
    Array,
    Waiting,
    array_of,
    arrays_of,
    forget_end,
    keep,
    member_of,
    settled,
    waiting_of,
)
from hpogrid.site.base import (
    ACTIVE,
    Finding,
    JobStatus,
    Kept,
    Traits,
    Unsure,
    one_core_note,
)
from hpogrid.site.batchsystem import NO_MEMORY, BatchSystem, Member, MemberState, Request, Target
from hpogrid.site.carry import write_carried
from hpogrid.site.check import check_parts, look
from hpogrid.site.commands import Answer, NoAnswer, NotHere, run_command
from hpogrid.site.polling import Poll, Told
from hpogrid.site.script import job_script, make_request, names_cores
from hpogrid.site.tasks import Task, next_number, project_at, sketch
from hpogrid.text import counted

_GRACE_SECONDS = 20.0
"""How long after a job left the queue its result or its record may still turn up."""

_UNSURE_SECONDS = 600.0
"""How long an array is looked for of which it is not known whether it was taken."""

_WAVE_SECONDS = 10.0
"""How long at least between two looks whether jobs can be submitted that wait for it."""

_ANYHOW_SECONDS = 600.0
"""After how long they are offered though the user has as many in the queue as ever."""


_SAY = {
    "walltime": "limit the time of a job",
    "memory": "say how much memory a job has",
    "cpus": "say how many cores a job has",
    "gpus": "say how many GPUs a job has",
    "max_attempts": "say whether a job is queued again",
    "nodes": "say how many nodes a job has",
}
"""What settings do that there are native options for as well."""


class Part(NamedTuple):
    """What is submitted by a command of its own: jobs, being some of the members of a script."""

    request: Request
    jobs: Sequence[int]
    members: Sequence[int]


class BatchSite:
    """A cluster (see `Site`).

    Args:
        scheduler: its kind.
    """

    def __init__(self, scheduler: BatchSystem) -> None:
        self.scheduler = scheduler
        path = home() / "sites" / f"{scheduler.name}.json"
        self._poll = Poll(path, self._ask)

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
        return [self.scheduler.submit(part.request) for part in self._parts(task)]

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        """What the cluster would do otherwise than one may think."""
        unfit = self._unfit() if ask else None
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

    def _unfit(self) -> str | None:
        """Why no machine can run jobs that need this disk, as far as the cluster tells."""
        answers = [self._asked(command) for command in self.scheduler.pool()]
        texts = [answer.text for answer in answers if answer is not None and answer.code == 0]
        return self.scheduler.unfit(texts) if texts and len(texts) == len(answers) else None

    def _asked(self, command: Sequence[str]) -> Answer | None:
        """What a command says; None: there is none, or no answer."""
        try:
            return run_command(command, self.scheduler.label) if command else None
        except RunError:
            return None

    def scripts(self, task: Task) -> dict[Path, str]:
        """The files that `submit` writes, with their texts."""
        return self._files(task, self._parts(task))

    def submit(self, task: Task) -> None:
        """Submit all jobs: as arrays as large as the cluster takes them, or one after the other.

        Raises:
            Kept: some jobs were taken.
            Unsure: nobody knows whether they were.
            RunError: the scheduler is not here, does not answer, or refuses; in its words.
        """
        self._start(task, range(task.n_jobs))

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Submit these jobs anew; they go on from their ledgers."""
        self._files(task, self._parts(task, jobs))  # refuses what is wrong before all is forgotten
        for job in jobs:
            end = settled(task, job)
            if end is not None and (end.reason or "").startswith(NO_MEMORY):
                times = task.short_of_memory.get(job, 0) + 1
                task.short_of_memory = {**task.short_of_memory, job: times}
            forget_end(task, job)
        self._start(task, jobs)

    def _start(self, task: Task, jobs: Sequence[int]) -> None:
        """Submit jobs. What the scheduler took is kept in the task at once."""
        with locked(task.folder):
            write_carried(project_at(task, self.scheduler.name).grid_config)
            try:
                self._submit_all(task, list(jobs))
            finally:
                self._poll.forget()
            waiting = waiting_of(task)
            if waiting.jobs:
                logging.getLogger(__name__).warning(
                    "task %d: %d of %d jobs wait to be submitted (%s); they go in when there is "
                    "room and somebody looks: hpogrid watch %d",
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
        left, why, queued, number = list(jobs), "", 0, len(arrays_of(task)) + 1
        groups = [list(part.jobs) for part in self._parts(task, jobs)]
        if most is not None and most < len(groups[0]):
            groups = [groups[0][:most]]
        while groups and not why:
            if self.scheduler.arrays:
                number = len(arrays_of(task)) + 1
            part = self._part(task, groups[0], jobs, number, self._room(task, left))
            if part is None:
                why = "as many run as max_jobs allows"
                continue
            try:
                self._submit(task, part)
            except RunError as error:
                if len(part.jobs) > 1 and self._said(error, self.scheduler.too_large):
                    middle = (len(part.jobs) + 1) // 2
                    groups[:1] = [groups[0][:middle], groups[0][middle:]]
                elif self._said(error, self.scheduler.too_many):
                    why, queued = str(error), self._queued() or 0
                else:
                    raise self._cut_short(task, left, len(jobs), error) from error
                continue
            left = [job for job in left if job not in part.jobs]
            del groups[0]
        before = waiting_of(task)
        if not why and left:
            why, queued = before.why, self._queued() or 0
        others = [job for job in before.jobs if job not in jobs]
        keep(task, waiting=Waiting(sorted([*others, *left]), why, queued, time.time()))

    def _room(self, task: Task, jobs: Sequence[int]) -> int | None:
        """How many of these jobs may run at once beside those that do; None: any number."""
        most = project_at(task, self.scheduler.name).grid_config.max_jobs
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

    def _queued(self) -> int | None:
        """How many jobs of the user wait or run; None: the scheduler does not answer."""
        try:
            return sum(seen.state in ACTIVE for seen in self._queue([]).values())
        except RunError:
            return None

    def _go_on(self, task: Task) -> None:
        """Submit what waits, where there may be room by now."""
        if not waiting_of(task).jobs:
            return
        with locked(task.folder):
            task.refresh()
            waiting = waiting_of(task)
            now = time.time()
            own = [job for job in waiting.jobs if job in jobs_at(task, self.scheduler.name)]
            if not own or 0 <= now - max(waiting.tried, waiting.looked) < _WAVE_SECONDS:
                return
            keep(task, waiting=replace(waiting, looked=now))
            free, there = None, self._queued()
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
                self._poll.forget()

    def _submit(self, task: Task, part: Part) -> None:
        """Submit one array. It is noted before: should this be cut off, it can be looked for.

        Raises:
            Unsure: nobody knows whether it was taken.
            RunError: it was refused.
        """
        request, label = part.request, self.scheduler.label
        for path, text in self._files(task, [part]).items():
            write_atomic(path, text.encode())
            path.chmod(0o755)
        before, waiting = arrays_of(task), waiting_of(task)
        array = Array(
            site=self.scheduler.name,
            id="",
            folder=request.folder.name,
            jobs=list(part.jobs),
            first=request.only or 1,
            name=request.name,
            time=time.time(),
            said="it was cut off",
            most=request.grid.max_jobs or 0,
        )
        others = [job for job in waiting.jobs if job not in part.jobs]
        keep(task, arrays=[*before, array], waiting=replace(waiting, jobs=others))
        try:
            answer = run_command(self.scheduler.submit(request), label)
        except NoAnswer as error:
            raise self._unsure(task, array, str(error)) from error
        except RunError:
            keep(task, arrays=before, waiting=waiting)
            raise
        number = self.scheduler.submitted(answer.code, answer.text)
        if number is not None:
            keep(task, arrays=[*before, replace(array, id=number, said="")])
        elif answer.code == 0 or any(word in answer.all for word in self.scheduler.cut_off):
            raise self._unsure(task, array, answer.words)
        else:
            keep(task, arrays=before, waiting=waiting)
            raise RunError(f"{label} refused the job: {answer.words}")

    def _unsure(self, task: Task, array: Array, said: str) -> Unsure:
        """Note what the scheduler said; the array may be in its queue."""
        keep(task, arrays=[*arrays_of(task)[:-1], replace(array, said=said)])
        return Unsure(
            f"it is not known whether {self.scheduler.label} took the job, which answered: {said}; "
            f"the task stays, and 'hpogrid tasks show {task.id}' looks for it"
        )

    def _said(self, error: RunError, words: Sequence[str]) -> bool:
        """Whether a refusal has one of these words in it."""
        return not isinstance(error, Unsure) and any(word in str(error) for word in words)

    def _cut_short(self, task: Task, left: list[int], asked: int, error: RunError) -> RunError:
        """Mark the jobs that were not submitted, and do not wait; say how many were."""
        unsure = [job for job in left if (array := array_of(task, job)) and not array.id]
        for job in left:
            if job not in unsure:
                self._write_end(task, job, MemberState("failed", f"not submitted: {error}"))
        waiting = waiting_of(task)
        others = [job for job in waiting.jobs if job not in left]
        keep(task, waiting=replace(waiting, jobs=others))
        if len(left) == asked or isinstance(error, Unsure):
            return error
        return Kept(
            f"{error}; {asked - len(left)} of {asked} jobs were submitted, "
            f"'hpogrid tasks retry {task.id}' submits the others"
        )

    def _parts(self, task: Task, jobs: Sequence[int] | None = None) -> list[Part]:
        """What is submitted by a command of its own."""
        jobs = range(task.n_jobs) if jobs is None else jobs
        most = 1
        if self.scheduler.arrays:
            most = (self._largest_array() if len(jobs) > 1 else None) or len(jobs)
        groups = [same[at : at + most] for same in self._by_memory(task, jobs)
                  for at in range(0, len(same), most)]  # fmt: skip
        first, step = len(arrays_of(task)) + 1, int(self.scheduler.arrays)
        parts = (
            self._part(task, group, jobs, first + at * step) for at, group in enumerate(groups)
        )
        return [part for part in parts if part is not None]

    def _by_memory(self, task: Task, jobs: Sequence[int]) -> list[Sequence[int]]:
        """The jobs, apart by how much memory they get: one script asks for the same for all."""
        times = [task.short_of_memory.get(job, 0) for job in jobs]
        if not self.scheduler.arrays or len(set(times)) == 1:
            return [jobs]
        both = list(zip(jobs, times, strict=True))
        return [[job for job, own in both if own == one] for one in sorted(set(times))]

    def _part(
        self,
        task: Task,
        group: Sequence[int],
        jobs: Sequence[int],
        number: int,
        room: int | None = None,
    ) -> Part | None:
        """An array of some of the jobs that are submitted together; None: there is no room.

        Args:
            task: whose they are.
            group: the jobs of the array.
            jobs: all; together their arrays keep to ``max_jobs``.
            number: of its script.
            room: how many of its members may run at once; None: as many as of the others.
        """
        if room == 0:
            return None
        self.check_config(project_at(task, self.scheduler.name).grid_config)
        cores = self.scheduler.cores_by_number
        members, only = group, None
        if not self.scheduler.arrays:
            members, only = jobs, jobs.index(group[0]) + 1
        folder = task.folder / "batch" / f"{number:03d}"
        request = make_request(
            task, project_at(task, self.scheduler.name), folder, len(members), cores=cores
        )
        most = request.grid.max_jobs
        share = max(most * len(group) // len(jobs), 1) if most and only is None else most
        share = min(share, room) if share and room else share
        times = max(task.short_of_memory.get(job, 0) for job in members)
        grid = replace(request.grid, max_jobs=share, memory=_memory(request.grid, times))
        name = request.name if number == 1 else f"{request.name}-{number}"
        request = dataclasses.replace(request, grid=grid, name=name, only=only, jobs=tuple(members))
        return Part(request, group, members)

    def _largest_array(self) -> int | None:
        """How many members an array may have, if the cluster tells."""
        answer = self._asked(self.scheduler.settings())
        return self.scheduler.largest_array(answer.text) if answer else None

    def _files(self, task: Task, parts: Sequence[Part]) -> dict[Path, str]:
        files: dict[Path, str] = {}
        project = project_at(task, self.scheduler.name)
        for request, _, members in parts:
            script = job_script(self.scheduler, request, task, project, members)
            texts = {request.script.name: script, **self.scheduler.files(request)}
            files |= {request.folder / name: text for name, text in texts.items()}
        return files

    # --- what became of it ---------------------------------------------------------------------

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """Look at the results, and ask the scheduler once about all jobs that have none."""
        for task in tasks:
            self._look_for_unsure(task)
            self._go_on(task)
        jobs = {task.id: jobs_at(task, self.scheduler.name) for task in tasks}
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
                told = self._poll.look(wanted)
            except RunError as error:
                problem = str(error)
        return {
            task.id: [
                known[task.id, job] or self._open(task, job, told, problem) for job in jobs[task.id]
            ]
            for task in tasks
        }

    def _look_for_unsure(self, task: Task) -> None:
        """Look for arrays by their names of which it is not known whether they were taken."""
        if not any(self._may_be_there(array) for array in arrays_of(task)):
            return
        with locked(task.folder):
            arrays = [self._identified(array) for array in arrays_of(task)]
            if arrays != arrays_of(task):
                keep(task, arrays=arrays)
                self._poll.forget()

    def _may_be_there(self, array: Array) -> bool:
        own = array.site in (self.scheduler.name, "")
        return own and not array.id and time.time() - array.time < _UNSURE_SECONDS

    def _identified(self, array: Array) -> Array:
        answer = (
            self._asked(self.scheduler.search(array.name)) if self._may_be_there(array) else None
        )
        number = answer and self.scheduler.found(answer.code, answer.text, array.name)
        return replace(array, id=number, said="") if number else array

    def _ask(self, members: Collection[Member]) -> Told:
        """What queue and accounting say; a member that neither knows is left out."""
        scheduler = self.scheduler
        queue = self._queue(sorted({array for array, _ in members}))
        seen = {member: queue[member] for member in members if member in queue}
        gone = sorted({array for array, number in members if (array, number) not in seen})
        problem = None
        for command in scheduler.history(gone) if gone else []:
            try:
                answer = run_command(command, scheduler.label)
            except RunError as error:
                problem = str(error)
                continue
            text = answer.text if answer.code == 0 else answer.all
            known = scheduler.in_history(answer.code, text)
            if known is None:
                problem = f"'{command[0]}' said: {answer.words}"
            seen |= {m: known[m] for m in members if known and m in known and m not in seen}
        return Told(seen, problem)

    def _queue(self, arrays: Sequence[str]) -> dict[Member, MemberState]:
        scheduler = self.scheduler
        answer = run_command(scheduler.queue(arrays), scheduler.label)
        queue = scheduler.in_queue(answer.code, answer.text)
        if queue is None:
            raise RunError(f"{scheduler.label} does not answer: {answer.words}; try again later")
        return queue

    # --- before a submission -------------------------------------------------------------------

    def check(self, project: Project | None, name: str) -> Iterator[Finding]:
        """The parts of a project, whether its jobs would be taken, and the scheduler itself."""
        if project is not None:
            task = sketch(project, name, 1, number=next_number())
            yield from check_parts(project, task, here=False)
            yield look("submission", lambda: self._rehearse(task))
        if unfit := self._unfit():
            yield Finding("shared disk", "bad", unfit)
        yield look(name, self._answer)
        version = self._version()
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
        part = self._parts(task)[0]
        files, scheduler = self._files(task, [part]), self.scheduler
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
        active = [state for state in self._queue([]).values() if state.state in ACTIVE]
        jobs = counted(len(active), "job")
        return f"{self.scheduler.label} answers; {jobs} of yours waiting or running"

    def _version(self) -> str | None:
        answer = self._asked(self.scheduler.version())
        match = re.search(r"\d+(\.\d+)+\w*", answer.text) if answer else None
        return match.group() if match else None

    # --- the state of a job --------------------------------------------------------------------

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
            return self._write_end(task, job, killed)
        if found is not None and found.state != "done":
            return self._write_end(task, job, found)
        result = read_result(folder)
        if result is not None:
            return self._write_end(task, job, MemberState("killed", result.reason))
        return self._vanished(job, folder, found, told.problem)

    def _unidentified(self, job: int, array: Array) -> JobStatus:
        label = self.scheduler.label
        if self._may_be_there(array):
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
        return JobStatus(job, "lost", f"{self.scheduler.label} knows no such job any more{why}")

    def _write_end(self, task: Task, job: int, seen: MemberState) -> JobStatus:
        """Keep how a job ended: schedulers forget it within minutes."""
        status = JobStatus(job, *seen)
        write_atomic(task.job_folder(job) / END_RECORD, msgspec.json.encode(status) + b"\n")
        return status

    # --- the rest ------------------------------------------------------------------------------

    def kill(self, task: Task, jobs: Collection[int]) -> None:
        """End those of the jobs that wait or run.

        Raises:
            RunError: the scheduler does not answer or refuses.
        """
        self._poll.forget()
        self._look_for_unsure(task)
        self._submit_no_more(task, jobs)
        unsure = [array for array in arrays_of(task) if self._may_be_there(array)]
        refused = []
        for target, ended in self._targets(task, jobs):
            answer = run_command(self.scheduler.kill([target]), self.scheduler.label)
            if answer.code == 0:
                for job in ended:
                    (task.job_folder(job) / KILLED).touch()
            else:  # unless it had ended before, of something else
                refused.append(f"{self.scheduler.label} did not kill {target[0]}: {answer.words}")
        self._poll.forget()
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
                self._write_end(task, job, killed)

    def _targets(self, task: Task, jobs: Collection[int]) -> Iterator[tuple[Target, list[int]]]:
        """What is to be killed by a command of its own, and which of the jobs that are."""
        for array in arrays_of(task):
            members = [
                number
                for number, job in enumerate(array.jobs, start=1)
                if job in jobs
                and array.site in (self.scheduler.name, "")
                and member_of(task, job) == (array.id, number)
                and settled(task, job) is None
            ]
            if self.scheduler.kill_one:
                yield from (((array.id, [n]), [array.jobs[n - 1]]) for n in members)
            elif members:
                whole = len(members) == len(array.jobs)
                ended = [array.jobs[number - 1] for number in members]
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


def _memory(grid: GridConfig, times: int) -> str | None:
    """The memory of a job that ended so many times for lack of it."""
    if grid.memory_mb is None or grid.memory_factor is None or not times:
        return grid.memory
    return f"{int(grid.memory_mb * grid.memory_factor**times)}M"

"""The local site: detached processes on this machine, at most as many as it carries.

For each submission a runner process (``python -m hpogrid.site.local TASK JOB...``) waits
for free cores and starts the jobs one after another. Runner and jobs hold locks; see
`hpogrid.site.processes`. If the runner is killed its running jobs go on, and those it had not
started are ``lost`` and can be retried.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from hpogrid.config.home import home
from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.engine.deadline import END_VARIABLES
from hpogrid.engine.resources import cpu_count
from hpogrid.engine.run import Run
from hpogrid.errors import RunError
from hpogrid.files import explained, write_atomic
from hpogrid.identity import Identity
from hpogrid.job.here import run_in_folder
from hpogrid.job.run import JobResult, read_result
from hpogrid.job.settings import TaskFolder
from hpogrid.site import HERE, jobs_at, processes
from hpogrid.site.arrays import KILLED, forget_end, settled
from hpogrid.site.base import ACTIVE, Finding, JobStatus, Traits
from hpogrid.site.carry import write_carried
from hpogrid.site.check import check_parts, look
from hpogrid.site.script import local_script
from hpogrid.site.tasks import Task, load_task, next_number, project_at, sketch
from hpogrid.text import numbered

SCRIPT = "local.sh"
_LOCK = "job.lock"
_QUEUED = "queued"
_GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1
_PATIENCE = 1.0
_PYTHON = (sys.executable, "-P", "-m")  # -P: the user's folder hides no module


class LocalSite:
    """Jobs as processes of this machine (see `Site`)."""

    traits = Traits(here=True)
    server = None

    def check_config(self, grid: GridConfig) -> None:
        """Nothing is wrong of itself."""

    def check(self, project: Project | None, name: str) -> Iterator[Finding]:
        """The parts of a project, and the machine."""
        if project is not None:
            task = sketch(project, name, 1, number=next_number())
            yield from check_parts(project, task, here=True)
            yield look("submission", lambda: self._submission(task))
        yield Finding(name, "good", f"this machine, {cpu_count()} cores")

    def _submission(self, task: Task) -> str:
        self.scripts(task)
        return shlex.join(self._runner(task, range(task.n_jobs)))

    def plan(self, task: Task) -> list[list[str]]:
        """The runner's command."""
        return [self._runner(task, range(task.n_jobs))]

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        """What has no effect here. Jobs wait for the cores that they need."""
        if project.grid_config.max_attempts is None:
            return []
        return ["max_attempts has no effect here: when time is up, 'hpogrid tasks retry' goes on"]

    def scripts(self, task: Task) -> dict[Path, str]:
        """The script that runs a job in its container, or after its setup, if it wants that.

        Raises:
            UserError: the container cannot be used on this machine.
        """
        project = project_at(task, HERE)
        text = local_script(task, project)
        return {} if text is None else {task.folder / SCRIPT: text}

    def submit(self, task: Task) -> None:
        """Start a runner for all jobs."""
        self._start(task, range(task.n_jobs))

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """Look at results, then at locks."""
        return {task.id: self._statuses(task) for task in tasks}

    def kill(self, task: Task, jobs: Collection[int]) -> None:
        """End jobs: by asking first, and when their trials have had time, by force.

        The runner ends with the last of them.

        Raises:
            RunError: they run elsewhere, or do not end.
        """
        locks = {job: task.job_folder(job) / _LOCK for job in jobs}
        runners = self._runner_locks(task)
        _refuse_elsewhere(task, [*runners, *locks.values()])
        open_jobs = [job for job in locks if read_result(task.job_folder(job)) is None]
        waiting = [job for job in open_jobs if self._is_queued(task, task.job_folder(job))]
        if set(jobs_at(task, HERE)) <= {*jobs, *self._ended(task)}:
            _end(runners, signal.SIGKILL)
        for job in waiting:
            (task.job_folder(job) / KILLED).touch()  # its runner passes over it
        grace = task.read_project().hpo_config.grace_seconds
        _end(locks.values(), signal.SIGTERM, grace + _GRACE_SECONDS)
        _end(locks.values(), signal.SIGKILL)
        for job in open_jobs:
            if not processes.held(locks[job]):
                (task.job_folder(job) / KILLED).touch()
        left = [job for job, lock in locks.items() if processes.held(lock)]
        if left:
            raise RunError(f"task {task.id}: {numbered('job', left)} did not end; try again")

    def retry(self, task: Task, jobs: Sequence[int]) -> None:
        """Start a new runner for these jobs."""
        self._start(task, jobs)

    def logs(self, task: Task, job: int) -> str:
        """The job's stdout and stderr."""
        parts = []
        for name in ("stdout", "stderr"):
            with contextlib.suppress(FileNotFoundError):
                parts.append((task.job_folder(job) / name).read_text(errors="replace"))
        return "".join(parts)

    def fetch(self, task: Task) -> None:
        """Nothing to do: the ledgers are in the task's folder."""

    def fetch_job(self, task: Task, job: int) -> None:
        """Nothing to do: the logs are in the task's folder."""

    # --- the details -------------------------------------------------------------------------

    def _runner(self, task: Task, jobs: Sequence[int]) -> list[str]:
        return [*_PYTHON, "hpogrid.site.local", str(task.id), *map(str, jobs)]

    def _runner_locks(self, task: Task) -> list[Path]:
        return sorted(task.folder.glob("runner-*.lock"))

    def _start(self, task: Task, jobs: Sequence[int]) -> None:
        for path, text in self.scripts(task).items():
            write_carried(project_at(task, HERE).grid_config)
            write_atomic(path, text.encode())
        lock = task.folder / f"runner-{len(self._runner_locks(task)):03d}.lock"
        handle = processes.take(lock, _PATIENCE)
        if handle is None:
            raise RunError(f"task {task.id} is being started by another process; try again")
        try:
            for job in jobs:
                folder = task.job_folder(job)
                forget_end(task, job)
                write_atomic(folder / _QUEUED, lock.name.encode())
            command = self._runner(task, jobs)
            log = task.folder / "runner.log"
            with explained(log):
                processes.start_detached(command, locks=[handle], stdout=log, stderr=log)
        finally:
            processes.release([handle])

    def _statuses(self, task: Task) -> list[JobStatus]:
        return [self._status(task, job) for job in jobs_at(task, HERE)]

    def _ended(self, task: Task) -> list[int]:
        return [status.job for status in self._statuses(task) if status.state not in ACTIVE]

    def _status(self, task: Task, job: int) -> JobStatus:
        folder = task.job_folder(job)
        # Looked at before the lock and the result: a job that ended meanwhile is not lost.
        queued = self._is_queued(task, folder)
        if processes.held(folder / _LOCK):
            return JobStatus(job, "running")
        if (ended := settled(task, job)) is not None:
            return ended
        result = read_result(folder)
        if (folder / KILLED).exists():
            return JobStatus(job, "killed", "killed by 'hpogrid tasks kill'")
        if result is not None:
            return JobStatus(job, "killed", result.reason)
        if queued:
            return JobStatus(job, "queued", "waiting for free cores")
        return JobStatus(job, "lost", "its process ended without a result")

    def _is_queued(self, task: Task, folder: Path) -> bool:
        try:
            return processes.held(task.folder / (folder / _QUEUED).read_text())
        except (OSError, ValueError):
            return False


def run_here(task: Task, progress: Callable[[Run], None]) -> JobResult:
    """Run the only job of a task in this process.

    Raises:
        RunError: another process runs it.
    """
    handle = processes.take(task.job_folder(0) / _LOCK, _PATIENCE)
    if handle is None:
        raise RunError(f"task {task.id} is running already; 'hpogrid tasks show {task.id}'")
    processes.write_holder(handle)
    (task.job_folder(0) / KILLED).unlink(missing_ok=True)
    try:
        return run_in_folder(TaskFolder(task.folder), 0, progress)
    finally:
        processes.release([handle])


def _refuse_elsewhere(task: Task, locks: Iterable[Path]) -> None:
    """Refuse to signal processes of another machine or container: numbers mean others here."""
    for lock in locks:
        found = processes.holder(lock)
        if found is not None and not found.here:
            raise RunError(
                f"task {task.id} runs on {found.host} (process {found.pid} there), which cannot be "
                f"reached from here: type 'hpogrid tasks kill {task.id}' on {found.host}, in the "
                "container that it was started in if there is one"
            )


def _end(locks: Collection[Path], number: signal.Signals, seconds: float = _GRACE_SECONDS) -> None:
    """Send a signal to those who hold the locks, and wait so many seconds for their end."""
    told: set[Identity] = set()
    deadline = time.monotonic() + seconds
    while any(map(processes.held, locks)) and time.monotonic() < deadline:
        holders = {found for lock in locks if (found := processes.holder(lock))}
        for found in holders - told:
            found.signal(number)
        told |= holders
        time.sleep(_POLL_SECONDS)


# --- the runner ----------------------------------------------------------------------------


def run_jobs(task: Task, jobs: Sequence[int]) -> None:
    """Start each job as soon as the machine has cores for it, and wait for all to end."""
    project = project_at(task, HERE)
    config, grid = project.hpo_config, project.grid_config
    cores = config.max_concurrent * (config.cpus_per_trial or 1)
    needed = min(math.ceil(cores), cpu_count())
    slots = [home() / "local" / f"core-{index}.lock" for index in range(cpu_count())]
    running: list[subprocess.Popen[bytes]] = []
    for job in jobs:
        while sum(other.poll() is None for other in running) >= (grid.max_jobs or len(jobs)):
            time.sleep(_POLL_SECONDS)
        held = _wait_for(slots, needed)
        folder = task.job_folder(job)
        if (folder / KILLED).exists():  # while it waited
            processes.release(held)
            continue
        own = processes.take(folder / _LOCK, _PATIENCE)
        if own is None:
            processes.release(held)
            continue  # an earlier attempt of it still runs
        (folder / _QUEUED).unlink(missing_ok=True)
        started = processes.start_detached(
            _command(task, job),
            locks=[own, *held],
            stdout=folder / "stdout",
            stderr=folder / "stderr",
            environment=_end_time(grid.walltime_seconds),
        )
        processes.release([own, *held])
        running.append(started)
    for process in running:
        process.wait()


def _end_time(seconds: int | None) -> dict[str, str]:
    """What tells a job that starts now when it has to be over."""
    return {} if seconds is None else {END_VARIABLES[0]: str(int(time.time()) + seconds)}


def _command(task: Task, job: int) -> list[str]:
    """What runs a job: hpogrid itself, or the script that does so in a container."""
    script = task.folder / SCRIPT
    if script.exists():
        return [*_PYTHON, "hpogrid.job.contained", str(script), str(job)]
    return [*_PYTHON, "hpogrid.job.here", str(task.folder), str(job)]


def _wait_for(slots: Sequence[Path], count: int) -> list[int]:
    while True:
        held = processes.take_several(slots, count)
        if held is not None:
            return held
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    run_jobs(load_task(int(sys.argv[1])), [int(job) for job in sys.argv[2:]])

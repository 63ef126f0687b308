"""HTCondor where the nodes see no folder of this machine: it carries what jobs need and leave.

A job gets the task as an archive, and a folder of its own (`STATE`), which comes back into the
job's folder here. What is in that is taken into the task whenever one looks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from hpogrid.archives import Refused, unpack
from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.files import explained, locked, make_folder, write_atomic
from hpogrid.job.run import RESULT, read_result
from hpogrid.job.settings import PACKED, PASS, STATE, JobSettings, TaskFolder
from hpogrid.site import jobs_at
from hpogrid.site.arrays import settled
from hpogrid.site.base import JobStatus, Traits
from hpogrid.site.batch import BatchSite
from hpogrid.site.batchsystem import Request
from hpogrid.site.carry import Content, bundled, carried, write_archive
from hpogrid.site.htcondor import HTCondor, escaped
from hpogrid.site.parts import Part
from hpogrid.site.script import ARCHIVE
from hpogrid.site.tasks import Task, project_at
from hpogrid.study.ledger import ledger_pattern
from hpogrid.study.serve.client import TOKEN_FILE
from hpogrid.study.serve.tokens import list_tokens, make_token, revoke

_SENT = "transfer_input_files"

_TOKEN_DAYS = 30.0
"""How long the jobs of a task may call the server, if they are not submitted again."""


class HTCondorTransfer(HTCondor):
    """See `BatchSystem`."""

    name = "htcondor-transfer"
    shared_disk = False
    options = HTCondor.options | {_SENT}
    reserved = HTCondor.reserved - {_SENT}

    def pool(self) -> list[list[str]]:
        """Any machine will do."""
        return []

    def where(self, request: Request) -> list[str]:
        """What goes, what comes back, and when: also when the job has to leave its machine."""
        return [
            f"initialdir = {escaped(request.home)}/jobs/$(job)",
            "# The nodes see no folder of this machine.",
            "should_transfer_files = YES",
            "when_to_transfer_output = ON_EXIT_OR_EVICT",
            f"transfer_output_files = {STATE}",
            "# Trials come home while the job runs.",
            "+WantIOProxy = true",
        ]

    def queue_line(self, request: Request) -> str:
        """What goes, beside files that the user names; and the jobs by their numbers."""
        own = f"../../batch/{escaped(request.folder.name)}/{ARCHIVE}, {STATE}"
        also = f", $({_SENT})" if _SENT in request.grid.extra else ""
        jobs = ", ".join(map(str, request.jobs))
        return f"{_SENT} = {own}{also}\nqueue job in ({jobs})"


class TransferSite(BatchSite):
    """Jobs that share no disk with this machine (see `Site`)."""

    def __init__(self) -> None:
        super().__init__(HTCondorTransfer())

    @property
    def traits(self) -> Traits:
        """Its jobs have a copy of the task."""
        return Traits(shared_disk=False)

    def check_config(self, grid: GridConfig) -> None:
        """Refuse what only a folder of this machine could give as well."""
        super().check_config(grid)
        if grid.inDS:
            raise UserError(
                f"inDS: jobs at {self.scheduler.name} see no folder of this machine; put small "
                "data beside the scripts, and have the script fetch large ones"
            )

    def notes(self, task: Task, project: Project, *, ask: bool) -> list[str]:
        """Also what it means that the jobs share no disk."""
        notes = super().notes(task, project, ask=ask)
        if task.n_jobs > 1 and task.shared and project.storage is None:
            notes.append(
                "the jobs share no disk and do not see each other: each is a search of its own, "
                "and one report has them all; with 'hpogrid serve' (--storage of the hpo config) "
                "they are one search"
            )
        return notes

    def status(self, tasks: Sequence[Task]) -> dict[int, list[JobStatus]]:
        """Take in what came home first."""
        for task in tasks:
            for job in jobs_at(task, self.scheduler.name):
                if settled(task, job) is None:
                    take_in(task, job)
        return super().status(tasks)

    def fetch(self, task: Task) -> None:
        """Take in what came home."""
        for job in jobs_at(task, self.scheduler.name):
            take_in(task, job)

    def fetch_job(self, task: Task, job: int) -> None:
        """Take in the logs and checkpoints of the job's trials."""
        take_in(task, job)
        packed = task.job_folder(job) / STATE / PACKED
        if packed.exists():
            try:
                unpack(packed, task.job_folder(job))
            except (OSError, Refused) as error:
                raise UserError(f"{packed} is damaged: {error}") from error

    def start(self, task: Task, jobs: Sequence[int]) -> None:
        """Also with what is known of their earlier attempts."""
        token = _token(task, project_at(task, self.scheduler.name))
        for job in jobs:
            _make_state(task, job, token)
        super().start(task, jobs)

    def prepare(self, task: Task, part: Part) -> None:
        """The task as an archive."""
        project = project_at(task, self.scheduler.name)
        path = part.request.folder / ARCHIVE
        with explained(path):
            make_folder(path.parent)
            write_archive(_content(task, project), path)


def _content(task: Task, project: Project) -> Content:
    """What all jobs of a task get: the project, what it was told, and hpogrid itself."""
    settings = JobSettings(
        name=task.name,
        seed=task.seed,
        n_jobs=task.n_jobs,
        shared=task.shared,
        added=task.added,
        begun_with=task.begun_with,
    )
    return {
        **carried(project.grid_config),
        **bundled(task.bundle),
        TaskFolder.RECORD: msgspec.json.encode(settings),
    }


def _token(task: Task, project: Project) -> str | None:
    """With what the jobs may call the server of this user directory; None: they need nothing."""
    url = project.storage
    if not task.shared or url is None or not url.startswith(("http://", "https://")):
        return None  # ssh takes keys
    if TOKEN_FILE in project.grid_config.environment:
        return None
    from hpogrid.site.serving import task_key

    path, name = task.folder / PASS, f"task-{task.id}"
    known = next((token for token in list_tokens() if token.name == name), None)
    if path.exists() and known is not None and not known.over:
        return path.read_text()
    if known is not None:
        revoke(name)
    text = make_token(name, "write", task_key(task), _TOKEN_DAYS)
    write_atomic(path, text.encode(), mode=0o600)
    return text


def _make_state(task: Task, job: int, token: str | None = None) -> None:
    """Make what goes with a job: a token, and what is known of its earlier attempts."""
    take_in(task, job)
    state = task.job_folder(job) / STATE
    with explained(state):
        make_folder(state)
        (state / RESULT).unlink(missing_ok=True)
        if token is not None:
            write_atomic(state / PASS, token.encode(), mode=0o600)
        for path in task.ledgers.glob(ledger_pattern(job)):
            copy = state / path.name
            if not copy.exists() or copy.stat().st_size < path.stat().st_size:
                shutil.copyfile(path, copy)


def take_in(task: Task, job: int) -> None:
    """Have the ledgers and the result of a job that came home be where those of all jobs are."""
    state = task.job_folder(job) / STATE
    if not state.is_dir():
        return
    with locked(task.folder):
        for path in state.glob(ledger_pattern(job)):
            _extend(task.ledgers / path.name, path)
        with suppress(FileNotFoundError):
            data = (state / RESULT).read_bytes()
            if read_result(state) is not None:
                write_atomic(task.job_folder(job) / RESULT, data)


def _extend(ledger: Path, came: Path) -> None:
    """Append what a ledger has not yet; both are the same file, as far as they go."""
    handle = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with came.open("rb") as source, os.fdopen(handle, "wb") as target:
        # At its place: a server may be doing the same.
        target.seek(source.seek(os.fstat(handle).st_size))
        shutil.copyfileobj(source, target)


def site() -> TransferSite:
    """The site ``htcondor-transfer``."""
    return TransferSite()

"""The task table: what was submitted, one folder for each task in the user directory.

A task's folder holds ``task.json`` (`Task`), ``bundle/`` (the project as it was), ``ledger/``
and ``jobs/<index>/``.
"""

from __future__ import annotations

import fnmatch
import functools
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from hpogrid.config.home import home
from hpogrid.config.project import SCRIPTS, Project, copy_bundle, load_project, read_project
from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.files import (
    Damaged,
    copy_files,
    explained,
    files_below,
    load_record,
    locked,
    make_folder,
    write_atomic,
)
from hpogrid.job.settings import TaskFolder
from hpogrid.job.start import Start, write_start
from hpogrid.study.events import Time

T = TypeVar("T")
FILE = TaskFolder.RECORD
DAY = 86400.0
LARGEST = 10**6
"""The table's own numbers stay below this; those of PanDA's tasks, everybody's, are above."""

MOST_JOBS = 100_000
PROVISIONAL = "provisional"
"""What a task is marked with, in `Task.native`, whose number is the table's own for a while."""

OWNER = "owner"
"""Under which, in `Task.native`, a server's name for the user is, such as the full name."""

_Line = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]+\Z", max_length=1000)]
"""Text that is one line, without what a terminal would obey."""


class Task(msgspec.Struct, kw_only=True):
    """One submission: ``n_jobs`` jobs of a project at a site.

    Attributes:
        id: the number that users type; for PanDA tasks the server's, else the table's own.
        name: unique; holds the project's name.
        created: seconds since the epoch.
        shared: whether the jobs are one search.
        added: how many trials were added to the budget of each job after the submission.
        begun_with: how many jobs there were at first, if some were added; 0: as many as now.
        sites: where single jobs are that are not at the task's site.
        grids: how jobs run at sites to which they were moved or added, instead of as the grid
            config in the bundle says.
        short_of_memory: how often a job ended for lack of memory and was retried.
        mode: who runs the search, of those that the site can have do it.
        point: whether it is one trial with values that the user chose.
        confirms: whether it evaluates configurations of a search anew.
        replays: the trial that it runs again, as ``<task>:<trial>``; mostly none.
        imported: whether its jobs ran elsewhere.
        native: what the site needs to find the jobs again: a record of its own (`native_as`).
    """

    id: int
    name: _Line
    project: _Line
    site: _Line
    user: _Line
    n_jobs: Annotated[int, msgspec.Meta(ge=1, le=MOST_JOBS)]
    created: Time
    seed: int
    project_hash: str
    shared: bool = True
    foreground: bool = False
    added: Annotated[int, msgspec.Meta(ge=0)] = 0
    begun_with: Annotated[int, msgspec.Meta(ge=0)] = 0
    sites: dict[int, _Line] = {}
    grids: dict[str, GridConfig] = {}
    short_of_memory: dict[int, int] = {}
    mode: str = "grid"
    point: bool = False
    confirms: bool = False
    replays: str = ""
    imported: bool = False
    native: dict[str, Any] = {}
    version: int = 1

    def __post_init__(self) -> None:
        """What earlier versions kept among the site's own."""
        self.point = bool(self.native.pop("point", self.point))
        self.imported = bool(self.native.pop("imported", self.imported))
        self.mode = str(self.native.pop("mode", self.mode))

    @property
    def searches(self) -> bool:
        """Whether its trials are part of the study."""
        return not (self.point or self.confirms or self.replays)

    @property
    def folder(self) -> Path:
        """Where everything about the task is kept."""
        return tasks_path() / str(self.id)

    @property
    def bundle(self) -> Path:
        """The project as it was when it was submitted."""
        return TaskFolder(self.folder).bundle

    @property
    def scripts(self) -> Path:
        """The training scripts as they were."""
        return self.bundle / SCRIPTS

    @property
    def ledgers(self) -> Path:
        """The ledgers of all jobs."""
        return TaskFolder(self.folder).ledgers

    @property
    def prep(self) -> Path:
        """What was prepared for the trials of all jobs."""
        return TaskFolder(self.folder).prep

    @property
    def requests(self) -> Path:
        """What users ask of jobs that run."""
        return TaskFolder(self.folder).requests

    def site_of(self, job: int) -> str:
        """Where a job is."""
        return self.sites.get(job, self.site)

    def job_folder(self, job: int) -> Path:
        """What belongs to one job."""
        return TaskFolder(self.folder).job(job)

    def read_project(self) -> Project:
        """The project as it was when it was submitted."""
        return read_project(self.bundle)

    def budget(self, project: Project) -> int:
        """How many trials its jobs do together."""
        return (project.hpo_config.trials + self.added) * self.n_jobs

    def save(self, folder: Path | None = None) -> None:
        """Write ``task.json``, where its folder is not in its place yet into ``folder``."""
        data = msgspec.json.format(msgspec.json.encode(self), indent=2)
        write_atomic((folder or self.folder) / FILE, data + b"\n")

    def native_as(self, kind: type[T]) -> T:
        """What the site keeps, as the record that it is.

        Raises:
            Damaged: it is none.
        """
        try:
            return msgspec.convert(self.native, kind)
        except msgspec.ValidationError as error:
            raise Damaged(f"{self.folder / FILE} is damaged: {error}") from error

    def keep(self, record: msgspec.Struct) -> None:
        """Keep what the site needs to find the jobs again."""
        self.native = msgspec.to_builtins(record)
        self.save()

    def refresh(self) -> None:
        """Take over what other processes have written of the task."""
        now = load_task(self.id)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(now, name))

    def add_trials(self, count: int) -> None:
        """Add trials to the budget of each job; jobs know it when they start the next time."""
        with locked(self.folder):
            self.added = load_task(self.id).added + count
            self.save()

    def renumber(self, number: int) -> None:
        """Take the number that a server gave; where it is taken here, keep the own one.

        One that another task only has until a server gives it one makes room.
        """
        target = tasks_path() / str(number)
        if target != self.folder and target.exists() and load_task(number).native.get(PROVISIONAL):
            target = self._make_room(number)
        with locked(tasks_path()):
            if not target.exists():
                self.folder.rename(target)
                self.id = number
        self.native.pop(PROVISIONAL, None)
        self.save()

    def _make_room(self, number: int) -> Path:
        """Give the other task of a number a new one; return the place that becomes free."""
        other, new = load_task(number), claim_folder()
        place = other.folder
        place.rename(tasks_path() / str(new))
        other.id = new
        other.save()
        return place


def tasks_path() -> Path:
    """The folder of all tasks."""
    return home() / "tasks"


def check_jobs(count: int) -> None:
    """Refuse more jobs than a task can have.

    Raises:
        UserError: how many it can have.
    """
    if count > MOST_JOBS:
        raise UserError(f"n_jobs: a task has at most {MOST_JOBS:,} jobs, not {count:,}")


def sketch(
    project: Project,
    site: str,
    n_jobs: int,
    *,
    number: int = 0,
    shared: bool = True,
    foreground: bool = False,
    mode: str = "grid",
) -> Task:
    """A task as it would be, without a folder.

    Raises:
        UserError: too many jobs.
    """
    from hpogrid.search.base import derive_seed

    check_jobs(n_jobs)
    stamp = time.strftime("%Y%m%d%H%M%S")
    seed = project.hpo_config.seed
    return Task(
        id=number,
        name=f"hpogrid.{project.name}.{stamp}.{number}",
        project=project.name,
        site=site,
        user=user_name(),
        n_jobs=n_jobs,
        created=time.time(),
        seed=seed if seed is not None else derive_seed(os.urandom(8)),
        project_hash=project.hash,
        shared=shared,
        foreground=foreground,
        mode=mode,
    )


def new_task(
    project: Project,
    *,
    site: str,
    n_jobs: int = 1,
    shared: bool = True,
    foreground: bool = False,
    start: Start | None = None,
    mode: str = "grid",
    bundle: Path | None = None,
) -> Task:
    """Make a task's folder with a bundle of the project as it is now, or with a copy of another."""
    task = sketch(
        project,
        site,
        n_jobs,
        number=claim_folder(),
        shared=shared,
        foreground=foreground,
        mode=mode,
    )
    try:
        if bundle is None:
            copy_bundle(project, task.bundle)
        else:
            copy_files(files_below(bundle), task.bundle)
        write_start(task.bundle, msgspec.structs.replace(start or Start(), task=task.name))
        with explained(task.folder):
            task.ledgers.mkdir()
            for job in range(n_jobs):
                task.job_folder(job).mkdir(parents=True)
        task.save()
    except BaseException:
        shutil.rmtree(task.folder, ignore_errors=True)
        raise
    return task


def take_in(task: Task, project: Project) -> None:
    """Make the folder of a task that only its server knew, with the project as it is now."""
    with explained(task.folder):
        make_folder(tasks_path())
        try:
            task.folder.mkdir()
        except FileExistsError:
            return
        copy_bundle(project, task.bundle)
        task.ledgers.mkdir()
        task.save()


def claim_folder() -> int:
    """The next free number; its folder is ours once it is made."""
    with explained(tasks_path()):
        make_folder(tasks_path())
        number = max((number for number in _numbers() if number < LARGEST), default=0)
        while True:
            number += 1
            try:
                (tasks_path() / str(number)).mkdir()
                return number
            except FileExistsError:
                continue


def next_number() -> int:
    """The number that the next task is likely to get."""
    if not tasks_path().is_dir():
        return 1
    return max((number for number in _numbers() if number < LARGEST), default=0) + 1


def _numbers() -> Iterable[int]:
    return (int(path.name) for path in tasks_path().iterdir() if path.name.isdecimal())


def user_name() -> str:
    """Who submits: the grid account if there is one, else the login name."""
    import getpass

    try:
        return os.environ.get("RUCIO_ACCOUNT") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def load_task(number: int) -> Task:
    """The task of that number.

    Raises:
        Damaged: its record cannot be read.
        UserError: there is none.
    """
    try:
        task = load_record(tasks_path() / str(number) / FILE, Task)
    except FileNotFoundError as error:
        raise UserError(f"there is no task {number}; 'hpogrid tasks show' lists them") from error
    return msgspec.structs.replace(task, id=number)


def project_at(task: Task, kind: str) -> Project:
    """The project of a task as it runs at a kind of site; before there is a bundle, as it would."""
    project = task.read_project() if task.bundle.exists() else load_project(task.project)
    grid = task.grids.get(kind, project.grid_config)
    return msgspec.structs.replace(project, grid_config=grid)


class TaskFilter(msgspec.Struct, frozen=True):
    """Which tasks to take: those that match all of what is given (see `find_tasks`)."""

    project: str | None = None
    taskname: str | None = None
    username: str | None = None
    days: float | None = None
    ids: IdRange | None = None

    def passes(self, task: Task) -> bool:
        """Whether a task matches."""
        return (
            (self.project is None or task.project == self.project)
            and (self.taskname is None or fnmatch.fnmatchcase(task.name, self.taskname))
            and (self.username is None or self._is_of(task, self.username))
            and (self.days is None or task.created >= time.time() - self.days * DAY)
            and (self.ids is None or task.id in self.ids)
        )

    def _is_of(self, task: Task, username: str) -> bool:
        """Whether it is a user's, by the short name or by that of a server."""
        names = (task.user, str(task.native.get(OWNER, "")))
        return any(fnmatch.fnmatchcase(name, username) for name in names)


def find_tasks(
    *,
    project: str | None = None,
    taskname: str | None = None,
    username: str | None = None,
    days: float | None = None,
    limit: int | None = None,
    ids: IdRange | None = None,
) -> list[Task]:
    """The tasks that match all of the filters, newest first; damaged ones are left out.

    Args:
        project: the exact name of a project.
        taskname, username: wildcard patterns.
        days: not older than this.
        limit: at most so many.
        ids: only these numbers.
    """
    if not tasks_path().is_dir():
        return []
    wanted = TaskFilter(project, taskname, username, days, ids)
    found: list[Task] = []
    for number in sorted(_numbers(), reverse=True):
        if limit is not None and len(found) >= limit:
            break
        if ids is not None and number not in ids:
            continue
        if not (tasks_path() / str(number) / FILE).exists():
            continue  # a submission that was killed before it was one
        try:
            task = load_task(number)
        except Damaged as error:
            _leave_out(number, str(error))
            continue
        if wanted.passes(task):
            found.append(task)
    return found


@functools.cache  # said once
def _leave_out(number: int, why: str) -> None:
    logging.getLogger(__name__).warning("task %d is left out: %s", number, why)


class IdRange:
    """Numbers of tasks: ``7``, ``3-9`` (both included), ``3-``, ``-9``.

    Raises:
        UserError: the text is none of these.
    """

    def __init__(self, text: str) -> None:
        match = re.fullmatch(r"\s*(?:(\d+)|(\d*)\s*-\s*(\d*))\s*", text)
        if match is None or not any(match.groups()):
            raise UserError(f"'{text}' is no range of task ids; write 7, 3-9, 3- or -9")
        single, low, high = match.groups()
        self.low = int(single or low or 0)
        self.high = int(single) if single else (int(high) if high else None)
        if self.high is not None and self.low > self.high:
            raise UserError(f"the range '{text}' is empty: write {self.high}-{self.low}")

    def __contains__(self, number: int) -> bool:
        return number >= self.low and (self.high is None or number <= self.high)

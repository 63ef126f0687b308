"""Which tasks a person means, and what is left out of them, a sentence each.

A study is a version of a project: what its scripts, its space and its metric were. Tasks of one
version belong together; a task that evaluates a single point is part of none.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import msgspec

from hpogrid.config.project import load_project
from hpogrid.errors import UserError
from hpogrid.site.tasks import IdRange, Task, TaskFilter, find_tasks
from hpogrid.study.ledger import SUFFIX
from hpogrid.text import counted

LIMIT = 1000


class Filters(msgspec.Struct, frozen=True):
    """Which tasks count.

    Attributes:
        limit: at most so many, the newest ones.
        days: not older than this. None: of any age; servers are asked as `SERVER_DAYS` says.
        taskname: a wildcard pattern.
        ids: a range of task ids, as `IdRange` reads it.
        all_versions: take also the tasks of earlier versions of a project.
    """

    limit: int = LIMIT
    days: float | None = None
    taskname: str | None = None
    ids: str | None = None
    all_versions: bool = False

    @property
    def named(self) -> bool:
        """Whether tasks are named one by one."""
        return self.taskname is not None or self.ids is not None

    def wanted(self, project: str | None = None, username: str | None = None) -> TaskFilter:
        """What a task has to be."""
        ids = IdRange(self.ids) if self.ids else None
        return TaskFilter(project, self.taskname, username, self.days, ids)


class Choice(NamedTuple):
    """Tasks, newest first, and what is left out."""

    tasks: list[Task]
    notes: list[str]


def choose(filters: Filters, *, project: str | None = None, username: str | None = None) -> Choice:
    """The tasks of this machine's table that pass the filters, of whatever version."""
    wanted = filters.wanted(project, username)
    found = find_tasks(project=project, taskname=wanted.taskname, username=username, ids=wanted.ids)
    recent = [task for task in found if wanted.passes(task)]
    notes = []
    if older := len(found) - len(recent):
        notes.append(f"{counted(older, 'older task')} left out: --days {filters.days:g}")
    if (more := len(recent) - filters.limit) > 0:
        notes.append(f"{counted(more, 'older task')} left out: --limit {filters.limit}")
    return Choice(recent[: filters.limit], notes)


def study_of(name: str, filters: Filters | None = None) -> Choice:
    """The tasks of a project that are one study.

    That is the version that the project has now, or, where no task ran it, that of the newest.
    """
    filters = filters or Filters()
    every, notes = choose(filters, project=name)
    found, copies = _each_once(every)
    notes += copies
    searches = [task for task in found if task.searches]
    if not searches:
        return Choice(found, notes)
    if single := sum(task.point for task in found):
        notes.append(f"{counted(single, 'task')} of a single point left out: --range ID shows it")
    if filters.all_versions:
        return Choice(searches, notes)
    versions = [version_of(task) for task in searches]
    current = current_version(name)
    if current not in versions:
        if current is not None:
            notes.append(
                f"project '{name}' has changed since task {searches[0].id} ran: its present "
                "version has no results yet, these are of the version before"
            )
        current = next((one for one in versions if one), "")
    kept = [task for task, one in zip(searches, versions, strict=True) if one == current]
    if others := len(searches) - len(kept):
        notes.append(f"{counted(others, 'task')} of earlier versions left out: --all_versions")
    return Choice(kept, notes)


def _each_once(tasks: list[Task]) -> Choice:
    """Tasks without the copies of one that were imported beside it: where it went furthest."""
    same = defaultdict(list)
    for task in tasks:
        same[task.name, task.created].append(task)
    notes, kept = [], set()
    for copies in same.values():
        first = max(copies, key=_extent) if len(copies) > 1 else copies[0]
        kept.add(first.id)
        notes += [
            f"task {task.id} is a copy of task {first.id} and left out: --range {task.id} shows it"
            for task in copies
            if task is not first
        ]
    return Choice([task for task in tasks if task.id in kept], notes)


def _extent(task: Task) -> tuple[int, int]:
    """How much was written of a task; of equal ones the first."""
    written = sum(path.stat().st_size for path in task.ledgers.glob(f"*{SUFFIX}"))
    return written, -task.id


def version_of(task: Task) -> str:
    """The version of the study that a task is a part of; empty where its bundle is damaged."""
    try:
        return task.read_project().study_version
    except UserError:
        return ""


def current_version(name: str) -> str | None:
    """The version that a project has now; None where it is not stored here."""
    try:
        return load_project(name).study_version
    except UserError:  # it was removed, or is damaged
        return None

"""Which trial a person means by a project, or a task, and the trial's name."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from hpogrid.errors import UserError
from hpogrid.report.load import load_sources
from hpogrid.report.results import Origin
from hpogrid.site.choice import Filters
from hpogrid.site.control import any_task, trial_names
from hpogrid.site.tasks import Task, load_task
from hpogrid.study.study import Trial


class Chosen(NamedTuple):
    """A trial, its task, and what the report knows of that."""

    task: Task
    trial: Trial
    origin: Origin


def find_trial(target: str, name: str) -> Chosen:
    """The trial of a project's study, or of one task.

    Args:
        target: the name of a project, or the number of a task.
        name: of the trial, ``<job>-<number>``.

    Raises:
        UserError: no such project, task or trial, or several of that name.
    """
    only = target.isdecimal()
    project = any_task(int(target)).project if only else target
    filters = Filters(ids=target, all_versions=True) if only else Filters()
    sources = [item for item in load_sources(project, filters) if isinstance(item.task.id, int)]
    found = [source for source in sources if name in source.study.trials]
    if not found:
        known = [trial for source in sources for trial in source.study.trials]
        where = f"task {target}" if only else f"project '{target}'"
        raise UserError(f"{where} has no trial '{name}'; {trial_names(known)}")
    numbers = [str(source.task.id) for source in found]
    if len(found) > 1:
        raise UserError(
            f"there is a trial {name} in each of the tasks {', '.join(numbers)}: name one of them "
            f"instead of the project, such as {shlex.join([numbers[-1], name])}"
        )
    return Chosen(load_task(int(numbers[0])), found[0].study.trials[name], found[0].task)

"""Fresh evaluations of a few configurations of a search, as tasks that are no part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hpogrid.config.project import FILE, Project
from hpogrid.files import write_atomic
from hpogrid.job.start import Start
from hpogrid.search.base import derive_seed
from hpogrid.site import HERE, make_site
from hpogrid.site.choice import version_of
from hpogrid.site.tasks import Task, find_tasks, new_task


def confirm_task(
    project: Project, points: Sequence[dict[str, Any]], repeat: int, site: str | None
) -> Task:
    """Make a task that evaluates suggested values ``repeat`` times each, with seeds of their own.

    Args:
        project: whose objective is evaluated.
        points: the suggested values.
        repeat: how often each of them.
        site: where; it is submitted there. None: it shall run in this process.

    Raises:
        UserError: the site refuses it.
    """
    hpo = project.hpo_config
    config = msgspec.structs.replace(
        hpo.without_search("max_concurrent"),
        trials=len(points) * repeat,
        repeat=repeat,
        stop_search=type(hpo.stop_search)(),
        storage=None,
    )
    task = new_task(
        project, site=site or HERE, foreground=site is None, start=Start(first=list(points))
    )
    changed = msgspec.structs.replace(project, hpo_config=config).with_hash()
    write_atomic(task.bundle / FILE, msgspec.json.encode(changed))
    task.project_hash, task.confirms = changed.hash, True
    task.seed = derive_seed("confirm", task.name, task.seed)  # not that of the search
    task.save()
    if site is not None:
        make_site(site).submit(task)
    return task


def confirm_tasks(project: str, version: str) -> list[Task]:
    """The tasks that confirm the results of a version of a project, oldest first."""
    marked = (task for task in find_tasks(project=project) if task.confirms)
    return [task for task in marked if version_of(task) == version][::-1]

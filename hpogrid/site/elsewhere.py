"""Tasks that were submitted from another machine."""

from __future__ import annotations

from hpogrid.config.project import load_project, project_names
from hpogrid.errors import UserError
from hpogrid.site import make_site, site_kind
from hpogrid.site.base import ServerSite
from hpogrid.site.tasks import TaskFilter, find_tasks, take_in

SERVER_DAYS = 30.0
"""How far back a server is asked, where nobody says."""


def adopt(name: str, wanted: TaskFilter) -> list[str]:
    """Take tasks of a project that were submitted elsewhere into this machine's table.

    Args:
        name: of the project; only one that is stored here, and is for the grid, is looked for.
        wanted: which of its tasks.

    Returns:
        What could not be found out, a sentence each.
    """
    if name not in project_names():
        return []
    project = load_project(name)
    known = find_tasks()
    sites = [project.grid_config.site, *(task.site for task in known if task.project == name)]
    if all(site_kind(site) != "panda" for site in sites):
        return []
    site = make_site("panda")
    assert isinstance(site, ServerSite)
    try:
        others = site.others(known, days=wanted.days or SERVER_DAYS, username=None)
    except UserError as error:
        return [str(error)]
    for task in others:
        if task.project == name and wanted.passes(task):
            take_in(task, project)
    return []

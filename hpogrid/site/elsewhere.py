"""Tasks that were submitted from another machine."""

from __future__ import annotations

from hpogrid.config.project import load_project, project_names
from hpogrid.errors import UserError
from hpogrid.site import make_site, site_kind
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
    sites = [project.grid_config.place, *(task.site for task in known if task.project == name)]
    problems = []
    for kind in dict.fromkeys(map(site_kind, sites)):
        server = make_site(kind).server
        try:
            days = wanted.days or SERVER_DAYS
            others = server.others(known, days=days, username=None) if server else []
        except UserError as error:
            problems.append(str(error))
            continue
        for task in others:
            if task.project == name and wanted.passes(task):
                take_in(task, project)
    return problems

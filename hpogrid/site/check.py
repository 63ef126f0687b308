"""Whether a project can run at a site of the user's own, before anything is submitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hpogrid.config.project import SCRIPTS, Project, project_path
from hpogrid.errors import UserError
from hpogrid.site.base import Finding
from hpogrid.site.container import wanted
from hpogrid.site.tasks import Task


def look(item: str, find: Callable[[], str]) -> Finding:
    """What ``find`` says, or why it refuses."""
    try:
        return Finding(item, "good", find())
    except UserError as error:
        return Finding(item, "bad", str(error))


def check_parts(project: Project, task: Task, *, here: bool) -> Iterator[Finding]:
    """The scripts and the image of a project.

    Args:
        project: to check.
        task: a sketch of what would be submitted.
        here: whether jobs run on this machine.
    """
    yield look("scripts", lambda: _scripts(project))
    yield look("container", lambda: _container(project, task, here))


def _scripts(project: Project) -> str:
    model = project.model_config
    if model.script is None or model.model is None:
        return "no function or class to import"
    from hpogrid.trial.check import check_script

    folder = project_path(project.name) / SCRIPTS
    return check_script(folder, model.script, model.model) or f"{model.script} can be imported"


def _container(project: Project, task: Task, here: bool) -> str:
    found = wanted(project, task, here=here)
    return "none" if found is None else f"{found.image}, by {' or '.join(found.runtimes)}"

"""Whether a project can run at a site of the user's own, before anything is submitted."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

from hpogrid.config.project import SCRIPTS, Project, project_path
from hpogrid.engine.resources import cpu_count
from hpogrid.errors import UserError
from hpogrid.site import make_site
from hpogrid.site.base import WithScripts
from hpogrid.site.batch import BatchSite
from hpogrid.site.container import wanted
from hpogrid.site.panda.check import Finding
from hpogrid.site.tasks import Task, next_number, sketch


def check_site(project: Project, site: str) -> Iterator[Finding]:
    """The scripts, image and options of a project, and whether the site answers."""
    task = sketch(project, site, 1, number=next_number())
    yield _try("scripts", lambda: _scripts(project))
    yield _try("container", lambda: _container(project, task))
    yield _try("submission", lambda: _submission(task))
    yield _try(site, lambda: _answer(site))


def _try(item: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(item, "good", look())
    except UserError as error:
        return Finding(item, "bad", str(error))


def _scripts(project: Project) -> str:
    model = project.model_config
    if model.script is None or model.model is None:
        return "no function or class to import"
    from hpogrid.trial.check import check_script

    folder = project_path(project.name) / SCRIPTS
    return check_script(folder, model.script, model.model) or f"{model.script} can be imported"


def _container(project: Project, task: Task) -> str:
    found = wanted(project, task, here=task.site == "local")
    return "none" if found is None else f"{found.image}, by {' or '.join(found.runtimes)}"


def _submission(task: Task) -> str:
    where = make_site(task.site)
    if isinstance(where, WithScripts):
        where.scripts(task)
    return shlex.join(where.plan(task)[0])


def _answer(site: str) -> str:
    where = make_site(site)
    return where.check() if isinstance(where, BatchSite) else f"this machine, {cpu_count()} cores"

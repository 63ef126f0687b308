"""One trial of a project with values that the user chose."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import msgspec

from hpogrid.config.project import FILE, Project
from hpogrid.errors import UserError
from hpogrid.files import write_atomic
from hpogrid.job.points import at_point
from hpogrid.site import HERE
from hpogrid.site.tasks import Task, new_task
from hpogrid.space.parameter import Value
from hpogrid.space.space import Space
from hpogrid.space.value import same


def point_task(project: Project, values: Mapping[str, Value], *, debug: bool = False) -> Task:
    """Make a task of one trial with these values, to be run in the foreground.

    Args:
        project: whose objective is evaluated.
        values: for each hyperparameter what the objective gets (the applied value). One with a
            condition can be left out.
        debug: whether it runs in the process that runs the job, with a debugger where it fails.

    Raises:
        UserError: a name that is not a hyperparameter, one that is missing, or a value that is
            not in the space.
    """
    fixed = at_point(project, _inside(project.space, values))
    if debug:
        config = msgspec.structs.replace(fixed.hpo_config, engine="debug")
        fixed = msgspec.structs.replace(fixed, hpo_config=config).with_hash()
    task = new_task(project, site=HERE, foreground=True)
    write_atomic(task.bundle / FILE, msgspec.json.encode(fixed))
    task.project_hash, task.point = fixed.hash, True
    task.save()
    return task


def _inside(space: Space, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values as the space has them; products and inactive parameters as they are."""
    found = dict(values)
    for name, value in values.items():
        item = space.parameters.get(name)
        if item is None or item.source is not None or (item.when and same(value, item.otherwise)):
            continue
        try:
            found[name] = item.taken(value)
        except ValueError as error:
            raise UserError(f"--point: '{name}': {error}") from error
    return found


def debug_command(project: Project, applied: Mapping[str, Value]) -> str:
    """What to type to run a trial again in a debugger."""
    point = msgspec.json.encode(project.space.present(applied)).decode()
    return shlex.join(["hpogrid", "local_run", project.name, "--point", point, "--debug"])

"""One trial of a project with values that the user chose."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hpogrid.config.project import FILE, Project
from hpogrid.errors import UserError
from hpogrid.files import write_atomic
from hpogrid.registry import unknown
from hpogrid.site.tasks import Task, new_task
from hpogrid.space.parameter import Constant, Value
from hpogrid.space.space import Space
from hpogrid.space.value import same

POINT = "point"
"""What such a task is marked with, in `Task.native`."""


def point_task(project: Project, values: Mapping[str, Value]) -> Task:
    """Make a task of one trial with these values, to be run in the foreground.

    Args:
        project: whose objective is evaluated.
        values: for each hyperparameter what the objective gets (the applied value). One with a
            condition can be left out.

    Raises:
        UserError: a name that is not a hyperparameter, one that is missing, or a value that is
            not in the space.
    """
    fixed = at_point(project, _inside(project.space, values))
    task = new_task(project, site="local", foreground=True)
    write_atomic(task.bundle / FILE, msgspec.json.encode(fixed))
    task.project_hash, task.native = fixed.hash, {POINT: True}
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


def at_point(project: Project, values: Mapping[str, Value]) -> Project:
    """The same project with a space of this one point."""
    parameters = project.space.parameters
    for name in values:
        if name not in parameters:
            raise UserError(f"--point: {unknown('hyperparameter', name, list(parameters))}")
    missing = [name for name, item in parameters.items() if name not in values and not item.when]
    if missing:
        raise UserError(f"--point: give also a value for {', '.join(missing)}")
    space = Space({name: Constant(value=value) for name, value in values.items()})
    config = msgspec.structs.replace(
        project.hpo_config,
        algorithm="random",
        algorithm_param={},
        scheduler="none",
        scheduler_param={},
        trials=1,
    )
    changed = msgspec.structs.replace(project, hpo_config=config, search_space=space.to_json())
    return changed.with_hash()

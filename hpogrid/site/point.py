"""One trial of a project with values that the user chose."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hpogrid.config.project import FILE, Project
from hpogrid.files import write_atomic
from hpogrid.job.points import at_point
from hpogrid.site.tasks import Task, new_task
from hpogrid.space.parameter import Value

POINT = "point"
"""What such a task is marked with, in `Task.native`."""


def point_task(project: Project, values: Mapping[str, Value]) -> Task:
    """Make a task of one trial with these values, to be run in the foreground.

    Args:
        project: whose objective is evaluated.
        values: for each hyperparameter what the objective gets (the applied value). One with a
            condition can be left out.

    Raises:
        UserError: a name that is not a hyperparameter, or one that is missing.
    """
    fixed = at_point(project, values)
    task = new_task(project, site="local", foreground=True)
    write_atomic(task.bundle / FILE, msgspec.json.encode(fixed))
    task.project_hash, task.native = fixed.hash, {POINT: True}
    task.save()
    return task

"""Who runs the trials inside one job."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

from hpogrid.config.project import Project
from hpogrid.registry import Entry, Registry

ENGINES = Registry(
    "engine",
    {
        "process": Entry(
            "hpogrid.engine.process:ProcessEngine",
            "worker processes on one machine: a millisecond of overhead for a trial",
        ),
        "ray": Entry(
            "hpogrid.engine.ray.engine:RayEngine",
            "Ray Tune: also on a cluster of several nodes",
        ),
        "debug": Entry(
            "hpogrid.engine.debug:DebugEngine",
            "one trial at a time in this very process, for a debugger",
        ),
    },
)


class Choice(NamedTuple):
    """An engine, and why it is this one."""

    name: str
    why: str


def choose_engine(project: Project, scripts: Path) -> Choice:
    """The engine of a project: the one that its hpo config names, else what it needs.

    Args:
        project: says what is run, and where.
        scripts: the folder with its training scripts.
    """
    from hpogrid.trial.raytune import uses_ray

    config, model = project.hpo_config, project.model_config
    if config.ray_address is not None and config.engine != "process":
        whose = "who else may use it is up to its owner"
        return Choice("ray", f"the trials run on the Ray cluster at {config.ray_address}; {whose}")
    if config.engine != "auto":
        return Choice(config.engine, "the hpo config says so")
    if config.nodes_per_trial is not None:
        return Choice("process", "the trials use the nodes of the job themselves")
    if model.python is not None:
        return Choice("process", "the trials have a Python of their own")
    if (project.grid_config.nodes or 1) > 1:
        return Choice("ray", "the jobs have several nodes")
    if uses_ray(scripts, model.script if model.model else None):
        if importlib.util.find_spec("ray") is not None:
            return Choice("ray", f"{model.script} is written for Ray Tune")
        return Choice("process", "Ray is not installed here")
    return Choice("process", "nothing here needs Ray")

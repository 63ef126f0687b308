"""What is allowed but probably not meant, and what does not fit together."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hpogrid.config.direction import direction
from hpogrid.config.project import Project
from hpogrid.config.schemas import HpoConfig
from hpogrid.config.scripts import changed_scripts
from hpogrid.errors import UserError
from hpogrid.schedule import SCHEDULERS, schedule_options
from hpogrid.search import ALGORITHMS
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.study.study import Trial

_MOST_NAMED = 3
_RESTORES = re.compile(
    rb"get_checkpoint|load_checkpoint|checkpoint_dir|HPOGRID_RESTORE|def _restore\b"
)


def hpo_notes(config: HpoConfig) -> list[str]:
    """What the user of an hpo config should look at again."""
    notes = []
    for metric, mode in zip(config.metrics, config.modes, strict=True):
        other = direction(metric)
        if other is not None and other != mode:
            notes.append(
                f"the metric '{metric}' with mode {mode} looks for the worst trial; "
                f"give --mode {other}, or the --metric that is meant"
            )
    scheduler = SCHEDULERS.load(config.scheduler)
    if scheduler.pauses and config.stop.get("training_iteration", 2) <= 1:
        notes.append(
            f"every trial stops after its first report, so scheduler {config.scheduler} decides "
            "nothing; give --stop '{\"training_iteration\": 81}' or what is wanted"
        )
    if scheduler.ends_late and _learns_of_ends(config.algorithm):
        notes.append(
            f"with scheduler {config.scheduler} most trials wait to the end, and algorithm "
            f"{config.algorithm} learns of none before it has ended; give --algorithm gp, bohb "
            "or random"
        )
    limit = default_max_t(config)
    if limit is not None:
        notes.append(f"scheduler {config.scheduler} ends every trial at {limit}")
    if config.prior and config.algorithm == "grid":
        notes.append(
            "algorithm grid takes every configuration: of the prior only the first point counts"
        )
    return notes + _below_stop(config)


def _learns_of_ends(algorithm: str) -> bool:
    """Whether an algorithm learns, and of nothing but trials that have ended."""
    kind = ALGORITHMS.load(algorithm)
    return bool(not kind.multifidelity and kind.learns)


def _below_stop(config: HpoConfig) -> list[str]:
    """That the scheduler ends trials before ``stop`` does."""
    options = schedule_options(config.scheduler, config.scheduler_param)
    most, stop = getattr(options, "max_t", None), config.stop.get(options.time_attr)
    if "max_t" not in config.scheduler_param or most is None or stop is None or most >= stop:
        return []
    return [
        f"scheduler {config.scheduler} ends every trial at max_t={most} of {options.time_attr}, "
        f"before stop at {stop:g} counts"
    ]


def project_notes(project: Project, files: Mapping[str, Path]) -> list[str]:
    """What the user of a project should look at again, before any trial runs.

    Args:
        project: with its configs.
        files: the scripts by their names.
    """
    notes = hpo_notes(project.hpo_config) + node_notes(project)
    return notes + _metric_notes(project, files)


def _metric_notes(project: Project, files: Mapping[str, Path]) -> list[str]:
    """That the script, as far as its names can be read, reports other metrics."""
    from hpogrid.config.reading.metrics import metrics_of
    from hpogrid.trial.placeholders import command_words

    model = project.model_config
    if model.metric_regex is not None:
        return []
    words = command_words(model.command, model.script)
    name = next((word for word in words if word in files and word.endswith(".py")), None)
    names = metrics_of(files[name], name, model.model) if name is not None else []
    other = [metric for metric in project.hpo_config.metrics if names and metric not in names]
    return [
        f"{name} reports {', '.join(names)}, and no '{metric}': name one of them as the metric"
        for metric in other
    ]


def cut_note(config: HpoConfig, trials: Iterable[Trial]) -> str | None:
    """That trials were ended where nobody said that they should be."""
    options = schedule_options(config.scheduler, config.scheduler_param)
    limit, most = default_max_t(config), getattr(options, "max_t", math.inf)
    cut = sum(
        trial.state == "complete"
        and trial.metrics.get(options.time_attr, len(trial.reports)) == most
        for trial in trials
    )
    if limit is None or not cut:
        return None
    return (
        f"{counted(cut, 'trial', 'was', 'were')} ended by scheduler {config.scheduler} at {limit}"
    )


def default_max_t(config: HpoConfig) -> str | None:
    """The longest that a trial may take by a default, and how to change it; None: it was given."""
    options = schedule_options(config.scheduler, config.scheduler_param)
    attr, most = options.time_attr, getattr(options, "max_t", None)
    if most is None or "max_t" in config.scheduler_param or attr in config.stop:
        return None
    return (
        f"max_t={most} of {attr}, its default; give --stop '{{\"{attr}\": N}}' for another, or "
        "--scheduler none"
    )


def node_notes(project: Project) -> list[str]:
    """Which nodes of a job no trial is going to use.

    Raises:
        UserError: a trial needs more than there are, or who runs the trials can use one only.
    """
    config, nodes = project.hpo_config, project.grid_config.nodes or 1
    each = config.nodes_per_trial
    if each is not None and each > nodes:
        raise UserError(
            f"nodes_per_trial: a trial needs {each} nodes, and a job has {nodes}; give the grid "
            f"config --nodes {each} or more"
        )
    if nodes == 1:
        return []
    if each is None:
        _check_engine(project, nodes)
    used = min(config.at_once, nodes // (each or 1)) * (each or 1)
    if used == nodes:
        return []
    return [
        f"a job has {nodes} nodes, and its trials use {used} of them at once: max_concurrent is "
        f"{config.max_concurrent}, nodes_per_trial is {each or 'not given'}"
    ]


def _check_engine(project: Project, nodes: int) -> None:
    """Refuse nodes that trials cannot use."""
    config, why = project.hpo_config, None
    if config.engine in ("process", "debug"):
        why = f"engine {config.engine} runs trials on one node"
    elif config.ray_address is not None:
        why = f"the trials run on the Ray cluster at {config.ray_address}"
    elif project.model_config.python is not None:
        why = "trials with a --python of their own run on one node"
    if why is not None:
        raise UserError(
            f"nodes: {why}, and the jobs have {nodes}: leave it out of the grid config, have Ray "
            "use them (--engine ray), or give each trial some (--nodes_per_trial)"
        )


def drift_notes(project: Project) -> list[str]:
    """What the user should know who edited a script after the project took its copy of it."""
    try:
        changed = changed_scripts(Path(project.scripts_path), project.scripts)
    except (UserError, OSError):
        return []  # they are not here (any more): the project may come from elsewhere
    if not changed:
        return []
    names = ", ".join(changed[:_MOST_NAMED]) + (", ..." if len(changed) > _MOST_NAMED else "")
    command = ["hpogrid", "project", "update", project.name, "--scripts_path", project.scripts_path]
    return [
        f"{names} {'has' if len(changed) == 1 else 'have'} changed since project '{project.name}' "
        f"took its copy, and the copy is what runs; to take the change over: {shlex.join(command)}"
    ]


def checkpoint_notes(project: Project, files: Mapping[str, Path]) -> list[str]:
    """What the user should know of scripts that do not go on from checkpoints.

    Args:
        project: says which scheduler there is.
        files: the scripts by their names.

    Raises:
        UserError: the scheduler can do nothing without checkpoints.
    """
    name = project.hpo_config.scheduler
    scheduler = SCHEDULERS.load(name)
    if not scheduler.pauses or project.model_config.command is not None:
        return []
    if any(_RESTORES.search(path.read_bytes()) for path in files.values() if path.suffix == ".py"):
        return []
    how = (
        "a function saves in 'with hpogrid.checkpoint() as folder' and goes on from "
        "hpogrid.get_checkpoint(), a class has save_checkpoint and load_checkpoint"
    )
    if scheduler.needs_checkpoints:
        raise UserError(
            f"scheduler {name} needs an objective that goes on from checkpoints, and no script "
            f"here does: {how}"
        )
    return [f"trials that {name} lets go on will begin anew, as no script uses checkpoints: {how}"]

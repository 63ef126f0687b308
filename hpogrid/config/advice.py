"""What is allowed but probably not meant, and what does not fit together."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from hpogrid.config.project import Project
from hpogrid.config.schemas import HpoConfig
from hpogrid.config.scripts import changed_scripts
from hpogrid.errors import UserError
from hpogrid.schedule import SCHEDULERS

_BETTER_HIGH = re.compile(r"(^|[^a-z])(acc|accuracy|auc|f1|precision|recall|reward|r2)($|[^a-z])")
_BETTER_LOW = re.compile(r"(^|[^a-z])(loss|error|mse|mae|rmse|perplexity|cost|regret)($|[^a-z])")
_MOST_NAMED = 3
_RESTORES = re.compile(
    rb"get_checkpoint|load_checkpoint|checkpoint_dir|HPOGRID_RESTORE|def _restore\b"
)


def hpo_notes(config: HpoConfig) -> list[str]:
    """What the user of an hpo config should look at again."""
    notes = []
    for metric, mode in zip(config.metrics, config.modes, strict=True):
        wrong = _BETTER_HIGH if mode == "min" else _BETTER_LOW
        if wrong.search(metric.lower()):
            other = "max" if mode == "min" else "min"
            notes.append(
                f"the metric '{metric}' with mode {mode} looks for the worst trial; "
                f"give --mode {other}, or the --metric that is meant"
            )
    pauses = SCHEDULERS.load(config.scheduler).pauses
    if pauses and config.stop.get("training_iteration", 2) <= 1:
        notes.append(
            f"every trial stops after its first report, so scheduler {config.scheduler} decides "
            "nothing; give --stop '{\"training_iteration\": 81}' or what is wanted"
        )
    return notes


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

"""What an engine tells a worker of a project and its trials (see `hpogrid.trial.messages`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.config.project import Project
from hpogrid.config.schemas import ModelConfig, PrepStage
from hpogrid.engine.assignment import Assignment
from hpogrid.space.value import Value, Values
from hpogrid.trial.messages import Evaluate, Model, Setup
from hpogrid.trial.placeholders import command_words, uses

SPARE = ".spare"
"""In the folder of the trials: working folders that wait for the next trial."""


class PrepSetup(msgspec.Struct):
    """What is prepared before trials, and where; ``fixed`` are the values that all trials share."""

    stages: list[PrepStage]
    folder: str
    fixed: Values


class Tasks:
    """Makes the messages to workers.

    Args:
        project: what is evaluated.
        scripts: the folder of the training scripts.
        logs: the folder for the logs of trials.
        trials: the folder of the trials' own.

    Raises:
        UserError: its template cannot be read.
    """

    def __init__(self, project: Project, scripts: Path, logs: Path, trials: Path) -> None:
        self._project = project
        self._space = project.space
        self._scripts = scripts.absolute()
        self._logs = logs.absolute()
        self._trials = str(trials.absolute())
        self._fill = _filling(project, scripts)

    def setup(self, slot: int, *, looks: bool = False) -> Setup:
        """The first message to the worker of a slot; one that looks says in what it runs."""
        config, model = self._project.hpo_config, self._project.model_config
        fields = {name: getattr(model, name) for name in Model.__dataclass_fields__}
        return Setup(
            str(self._scripts),
            fields,
            list(config.metrics),
            str(self._logs),
            slot,
            f"{self._trials}/{SPARE}",
            config.grace_seconds,
            str(config.scheduler_param.get("time_attr", "")),
            looks,
        )

    def evaluate(self, assignment: Assignment) -> Evaluate:
        """What a worker is told of a trial."""
        return Evaluate(
            assignment.trial,
            assignment.config,
            assignment.seed,
            assignment.attempt,
            assignment.from_step,
            f"{self._trials}/{assignment.trial}",
            str(assignment.restore) if assignment.restore else None,
            self._fill(assignment.config) if self._fill else None,
            sorted(self._space.absent(assignment.config)),
        )


def _filling(project: Project, scripts: Path) -> Callable[[Mapping[str, Value]], Any] | None:
    """How the values of a trial get into the project's template, if it has one."""
    model = project.model_config
    if model.template is None or not _wants_tree(model):
        return None
    from hpogrid.space.template import read_template_file

    names = [*model.param, *project.space.parameters]
    template = read_template_file(scripts / model.template, names)
    write = template.fill if model.model is not None else template.write
    return lambda values: write({**model.param, **values})


def _wants_tree(model: ModelConfig) -> bool:
    return model.model is not None or uses(command_words(model.command, model.script), "config")

"""Experiments defined in Python: the four configs and the project in one object.

::

    from hpogrid import Experiment
    from hpogrid.space.dialects.python_types import loguniform, randint

    experiment = Experiment(
        script="train.py",
        config_space={"lr": loguniform(1e-6, 1), "layers": randint(1, 8), "epochs": 40},
        metric="val_loss",
        mode="min",
        max_resource_attr="epochs",
        max_wallclock_time=3600,
    )
    experiment.run()
    experiment.results()
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpogrid.errors import UserError
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.config.project import Project
    from hpogrid.config.schemas import Config
    from hpogrid.job.run import JobResult
    from hpogrid.report.api import LoadedStudy
    from hpogrid.space.space import Space


def _json_object(text: str) -> Any:
    return _json(text, dict)


def _json_list(text: str) -> Any:
    return _json(text, list)


def _json(text: str, kind: type) -> Any:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text} is no JSON: {error}") from error
    if not isinstance(found, kind):
        raise argparse.ArgumentTypeError(f"{text} is no JSON {kind.__name__}")
    return found


_READERS: dict[str, Any] = {
    "int": int,
    "float": float,
    "int | None": int,
    "float | None": float,
    "Mapping[str, Any]": _json_object,
    "Sequence[Mapping[str, Any]]": _json_list,
}
"""How the text after an option becomes a setting, by the setting's type."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Experiment:
    """A search, as the stored configs of the same name describe it.

    Attributes:
        script: the training script, or a folder of scripts.
        config_space: a dict of Python types and constants, or any form of a space that
            ``search_space create`` takes.
        metric, mode: what is optimised, and whether min or max (several: ``a,b``, or a list);
            without a mode, the metric's name says it, as for the command line, and so does a
            warning.
        name: of the configs and the project; the script's, if not given.
        model: a function or class in the script; None: the script itself is the trial.
        command: instead of a script: what starts a trial, with placeholders.
        template: a config file beside the script (see ``model_config create``).
        metric_regex: a pattern for the metric in the output.
        param: further settings that each trial gets.
        trials: of each job.
        max_wallclock_time: seconds after which no further trial starts.
        n_workers: trials at once in a job.
        max_resource_attr: the constant of the space that says how many reports (epochs) a
            trial may make.
        resource_attr: the metric that counts them; None: reports are counted.
        points_to_evaluate: configurations to evaluate first; missing values are filled in.
        site: where `submit` sends the jobs.
        hpo: further settings of the hpo config, by its names.
        grid: further settings of the grid config, by its names.
    """

    script: str
    config_space: Any
    metric: str | Sequence[str]
    mode: str | Sequence[str] | None = None
    name: str | None = None
    model: str | None = None
    command: str | None = None
    template: str | None = None
    metric_regex: str | None = None
    param: Mapping[str, Any] = field(default_factory=dict)
    trials: int = 100
    algorithm: str = "random"
    scheduler: str = "asynchyperband"
    max_wallclock_time: float | None = None
    n_workers: int = 4
    max_resource_attr: str | None = None
    resource_attr: str | None = None
    points_to_evaluate: Sequence[Mapping[str, Any]] = ()
    seed: int | None = None
    repeat: int = 1
    site: str = "local"
    hpo: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        metric = _joined(self.metric)
        count = counted(self.trials, "trial")
        return f"<experiment {self.project_name}: {self.modes} of {metric}, {count}>"

    @property
    def project_name(self) -> str:
        """The name of the configs and the project."""
        return self.name or Path(self.script).stem

    @property
    def modes(self) -> str:
        """Which way each metric is better."""
        if self.mode is not None:
            return _joined(self.mode)
        return self._default_modes()[0]

    def _default_modes(self) -> tuple[str, list[str]]:
        from hpogrid.config.direction import default_modes

        return default_modes(_joined(self.metric).split(","))

    def override(self, arguments: Sequence[str]) -> Experiment:
        """The same with other settings, from a command line: ``--max_wallclock_time 60``.

        Every setting is an option, and ``--help`` lists them; ``--hpo``, ``--grid`` and ``--param``
        take JSON objects, which are added to what there is.
        """
        parser = argparse.ArgumentParser(description=f"Experiment {self.project_name}")
        for item in dataclasses.fields(self):
            if item.name != "config_space":
                parser.add_argument(
                    f"--{item.name}",
                    type=_READERS.get(str(item.type), str),
                    default=argparse.SUPPRESS,
                    help=f"default: {getattr(self, item.name)}".replace("%", "%%"),
                )
        given = vars(parser.parse_args(list(arguments)))
        for name in {"hpo", "grid", "param"} & set(given):
            given[name] = {**getattr(self, name), **given[name]}
        return dataclasses.replace(self, **given)

    def space(self) -> Space:
        """The search space.

        Raises:
            UserError: what is wrong with it.
        """
        from hpogrid.space.dialects import read_space
        from hpogrid.space.space import Space

        if isinstance(self.config_space, Space):
            return self.config_space
        return read_space(self.config_space, f"search space '{self.project_name}'")[0]

    def store(self) -> Project:
        """Store the four configs and the project under the experiment's name.

        What is stored already and says the same stays; else it is replaced, and a dated backup
        of the project is kept.

        Raises:
            UserError: what is wrong with a setting.
        """
        from hpogrid.config.project import load_project
        from hpogrid.config.whole import store_whole

        if self.mode is None:
            _warn(self._default_modes()[1])
        _warn(store_whole(self.project_name, self._configs(), Path(self.script)))
        return load_project(self.project_name)

    def run(self) -> JobResult:
        """Run the experiment here, with a progress bar; return how it ended.

        At the end of a cell of a notebook that is a table of the best trials, and the history.

        Raises:
            UserError: what is wrong with a setting, or with the script.
        """
        import msgspec

        from hpogrid.cli.progress import progress_of_run
        from hpogrid.report.notebook import Ran
        from hpogrid.site import HERE
        from hpogrid.site.local import run_here
        from hpogrid.site.tasks import new_task

        project = self.store()
        task = new_task(project, site=HERE, foreground=True, start=self._start())
        with progress_of_run() as progress:
            result = run_here(task, progress)
        return Ran(**msgspec.structs.asdict(result), project=project.name, task=task.id)

    def submit(self, n_jobs: int = 1) -> int:
        """Submit jobs, which are one search, to the site; return the number of the task."""
        from hpogrid.site.control import submit

        self.store()
        return submit(self.project_name, site=self.site, n_jobs=n_jobs, start=self._start()).id

    def results(self) -> LoadedStudy:
        """What all runs of the experiment have found so far."""
        from hpogrid.report.api import load_study

        return load_study(self.project_name)

    # --- the equivalents of the stored configs -----------------------------------------------

    def _configs(self) -> dict[str, Config | Space]:
        from hpogrid.config.store import read_config

        name = self.project_name
        script = None if self.command is not None else Path(self.script).name
        model = {
            "script": script, "model": self.model, "command": self.command,
            "template": self.template, "metric_regex": self.metric_regex, "param": self.param,
        }  # fmt: skip
        data: dict[str, dict[str, Any]] = {
            "hpo_config": self._hpo(),
            "grid_config": {"site": self.site, **self.grid},
            "model_config": model,
        }
        configs: dict[str, Config | Space] = {
            kind: read_config(kind, settings, f"{kind} '{name}'") for kind, settings in data.items()
        }
        return {**configs, "search_space": self.space()}

    def _hpo(self) -> dict[str, Any]:
        counter = self.resource_attr or "training_iteration"
        scheduler_param: dict[str, Any] = {"max_concurrent": self.n_workers}
        settings: dict[str, Any] = {
            "algorithm": self.algorithm,
            "metric": _joined(self.metric),
            "mode": self.modes,
            "trials": self.trials,
            "scheduler": self.scheduler,
            "time_limit": self.max_wallclock_time,
            "seed": self.seed,
            "repeat": self.repeat,
            "stop": {},
        }
        most = self._max_resource()
        if most is not None:
            settings["stop"] = {counter: float(most)}
            if self.scheduler == "asynchyperband":
                scheduler_param |= {"max_t": most, "time_attr": counter}
        scheduler_param |= self.hpo.get("scheduler_param", {})
        return {**settings, **self.hpo, "scheduler_param": scheduler_param}

    def _max_resource(self) -> int | None:
        if self.max_resource_attr is None:
            return None
        item = self.space().parameters.get(self.max_resource_attr)
        most = getattr(item, "value", None)
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise UserError(
                f"max_resource_attr: '{self.max_resource_attr}' must be a constant whole number "
                'in config_space, such as "epochs": 40'
            )
        return most

    def _start(self) -> Any:
        from hpogrid.job.start import Start
        from hpogrid.search.points import complete

        space = self.space()
        points = [
            complete(dict(values), space, f"points_to_evaluate: point {number}")
            for number, values in enumerate(self.points_to_evaluate, start=1)
        ]
        return Start(first=[point.suggested for point in points])


def _warn(notes: Sequence[str]) -> None:
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=4)


def _joined(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ",".join(names)

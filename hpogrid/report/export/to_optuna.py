"""A study of Optuna, in any storage that it knows, and its dashboard on a snapshot."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.axes import label
from hpogrid.report.export import told_of, trial_key
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.space.value import Value, Values
from hpogrid.study.address import without_secret
from hpogrid.study.optuna_view import distributions, to_params
from hpogrid.study.storage import open_study
from hpogrid.study.study import Trial
from hpogrid.study.values import number
from hpogrid.text import counted

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

HOST = "127.0.0.1"
_KEY = "hpogrid_key"
_STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


class OptunaExporter:
    """One study with the name of the project; trials that have ended are added to it once."""

    def __init__(self) -> None:
        require("optuna", extra="optuna", what="--to_optuna")

    def export(self, results: Results, target: str) -> str:
        """Add what is not there yet to the study at a storage URL."""
        objectives = results.objectives or (Objective("value", "min"),)
        names, modes = [item.name for item in objectives], [item.mode for item in objectives]
        storage, study = open_study(target, results.name, names, modes)
        there = {
            frozen.user_attrs.get(_KEY) for frozen in storage.get_all_trials(study, deepcopy=False)
        }
        added = 0
        for key, frozen in frozen_trials(results):
            if key not in there:
                storage.create_new_trial(study, template_trial=frozen)
                added += 1
        return (
            f"{counted(added, 'trial')} added to the study '{results.name}' in "
            f"{without_secret(target)}; {len(there - {None})} were there"
        )


def frozen_trials(results: Results) -> Iterable[tuple[str, FrozenTrial]]:
    """The trials that have ended, as Optuna's, in the order in which they started."""
    known = _Distributions(results)
    both = zip(results.trials, results.tasks, strict=True)
    for trial, task in sorted(both, key=lambda pair: pair[0].started):
        if trial.state in _STATES:
            yield trial_key(results, task, trial), _frozen(results, trial, task, known)


def _frozen(results: Results, trial: Trial, task: Origin, known: _Distributions) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    params = known.params(trial)
    values = [results.value(trial, index) for index in range(len(results.objectives))]
    found = [value for value in values if value is not None]
    usable = trial.state != "failed" and found and len(found) == len(values)
    state = TrialState[_STATES[trial.state] if usable else "FAIL"]
    frozen = create_trial(
        state=state,
        params=params,
        distributions={name: known.known[name] for name in params},
        values=found if usable else None,
        intermediate_values=_intermediate(results, trial) if len(values) == 1 else None,
        user_attrs={
            _KEY: trial_key(results, task, trial),
            "hpogrid_trial": trial.id,
            "task": task.id,
            "site": task.site,
            "host": trial.host,
            "applied": trial.applied,
            "metrics": trial.metrics,
            **({"reason": trial.reason} if trial.reason else {}),
            **told_of(task, trial),
        },
    )
    frozen.datetime_start = datetime.fromtimestamp(trial.started)
    frozen.datetime_complete = datetime.fromtimestamp(trial.ended or trial.started)
    return frozen


def _intermediate(results: Results, trial: Trial) -> dict[int, float]:
    name = results.objectives[0].name
    values = {report.step: number(report.metrics.get(name)) for report in trial.reports}
    return {step: float(value) for step, value in values.items() if value is not None}


class _Distributions:
    """What Optuna is told about each hyperparameter: from the space, or from the values seen."""

    def __init__(self, results: Results) -> None:
        of_space = distributions(results.space) if results.space else {}
        self._space = results.space if of_space else None
        self.known = of_space or {
            name: _from_values([t.applied[name] for t in results.trials if name in t.applied])
            for name in results.parameters
        }

    def params(self, trial: Trial) -> Values:
        """The parameters of a trial that a distribution is known for and that fit it."""
        if self._space is not None:
            inside = {n: v for n, v in trial.suggested.items() if n in self.known}
            params = to_params(self._space, inside)
        else:
            params = {
                name: value if hasattr(self.known[name], "low") else label(value)
                for name, value in trial.applied.items()
            }
        return {name: value for name, value in params.items() if _fits(self.known[name], value)}


def _from_values(values: list[Value]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = [value for value in map(number, values) if value is not None]
    if len(numbers) == len(values) and numbers:
        return FloatDistribution(float(min(numbers)), float(max(numbers)))
    return CategoricalDistribution(tuple(dict.fromkeys(map(label, values))))


def _fits(distribution: BaseDistribution, value: object) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError):
        return False


def serve(results: Results, port: int, ready: Callable[[], None]) -> None:
    """Serve Optuna's dashboard on a snapshot to this machine only, until Ctrl-C.

    Args:
        results: what to show.
        port: of the page.
        ready: called as soon as the page can be opened.

    Raises:
        UserError: the port is taken, a library is missing, or it is not known what is optimised.
    """
    dashboard = require("optuna_dashboard", extra="dashboard", what="dashboard")
    if not results.objectives:
        raise UserError("it is not known what is optimised; give --metric and --mode")
    from wsgiref.simple_server import make_server

    with tempfile.TemporaryDirectory(prefix="hpogrid-dashboard-") as folder:
        url = f"sqlite:///{Path(folder, 'snapshot.db')}"
        OptunaExporter().export(results, url)
        page = dashboard.wsgi(url)
        try:
            server = make_server(HOST, port, page)
        except OSError as error:
            raise UserError(
                f"port {port} cannot be used: {error.strerror}; name another one with --port"
            ) from error
        ready()
        with server:
            server.serve_forever()

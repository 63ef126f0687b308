"""The argument of objectives written for Optuna: ``def objective(trial)``."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from hpogrid.trial.session import VERDICT, Session, StopTrial, plain, plain_metrics


class OptunaTrial:
    """Looks like an Optuna trial to an objective; the values come from hpogrid's search space.

    The bounds in the script's ``suggest_...`` calls are not looked at: the stored space rules.
    What they say of the type is kept: an integer, a number, one of the choices, or a refusal.
    """

    def __init__(self, config: dict[str, Any], session: Session, metric: str) -> None:
        self.params = {name: config[name] for name in config if name not in session.absent}
        self._shapes: dict[str, tuple[str, dict[str, Any]]] = {}
        self.relative_params: dict[str, Any] = {}
        self.user_attrs: dict[str, Any] = {}
        self.system_attrs: dict[str, Any] = {}
        self.constraints: dict[str, float] = {}
        self.number = _number(session.trial_id)
        self.datetime_start = datetime.datetime.now()  # without a zone, as Optuna's is
        self._session = session
        self._metric = metric

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a trial of hpogrid has no '{name}', which Optuna's has with a study")

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The parameter as a number."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _refusal(name, value, "a number")
        shape = {"low": low, "high": high, "log": log, "step": step}
        return float(self._suggested(name, float(value), "FloatDistribution", shape))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The parameter as an integer."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            raise _refusal(name, value, "an integer")
        shape = {"low": low, "high": high, "log": log, "step": step}
        return int(self._suggested(name, int(value), "IntDistribution", shape))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The one of the choices that is the parameter's value."""
        value = self._value(name)
        for same in (_exactly, _alike):
            for choice in choices:
                if same(choice, value):
                    shape = {"choices": tuple(choices)}
                    return self._suggested(name, choice, "CategoricalDistribution", shape)
        raise _refusal(name, value, f"one of {', '.join(map(repr, choices))}")

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """See `suggest_float`."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """See `suggest_float`."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """See `suggest_float`."""
        return self.suggest_float(name, low, high, step=q)

    def _value(self, name: str) -> Any:
        if name not in self.params:
            raise KeyError(f"this trial has no parameter '{name}'; it has {', '.join(self.params)}")
        return self.params[name]

    def _suggested(self, name: str, value: Any, kind: str, shape: dict[str, Any]) -> Any:
        self.params[name] = value
        self._shapes[name] = (kind, shape)
        return value

    @property
    def distributions(self) -> dict[str, Any]:
        """What the script said of the parameters that it has asked for."""
        return {name: _distribution(*said) for name, said in self._shapes.items()}

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value; the trial ends here if it shall be pruned."""
        self._session.report(plain_metrics({self._metric: value, "step": step}))

    def should_prune(self) -> bool:
        """Always False: a trial that shall end does so in `report`."""
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a note for the length of the trial."""
        self.user_attrs[key] = value

    def set_system_attr(self, key: str, value: Any) -> None:
        """Keep a note for the length of the trial."""
        self.system_attrs[key] = value

    def set_constraint(self, key: str, value: float) -> None:
        """Keep how far the trial is from what is allowed; no algorithm looks at it."""
        self.constraints[key] = float(value)


def _refusal(name: str, value: Any, wanted: str) -> TypeError:
    return TypeError(
        f"the search space gives {value!r} for '{name}' and the script wants {wanted}; "
        f"change '{name}' in the search space"
    )


def _exactly(choice: Any, value: Any) -> bool:
    return type(choice) is type(value) and bool(choice == value)


def _alike(choice: Any, value: Any) -> bool:
    """Equal as JSON has it, where tuples are lists; true is not 1."""
    if isinstance(choice, bool) or isinstance(value, bool):
        return False
    if isinstance(choice, (int, float)) and isinstance(value, (int, float)):
        return choice == value
    return json.dumps(plain(choice), sort_keys=True) == json.dumps(value, sort_keys=True)


def _distribution(kind: str, shape: dict[str, Any]) -> Any:
    """Optuna's own, where it is installed and agrees; else something with the same attributes."""
    try:
        distributions = importlib.import_module("optuna.distributions")
    except ImportError:
        return SimpleNamespace(**shape)
    try:
        return getattr(distributions, kind)(**shape)
    except ValueError:
        return SimpleNamespace(**shape)


@contextlib.contextmanager
def may_prune_itself(session: Session) -> Iterator[None]:
    """Let an objective end its trial early by raising Optuna's ``TrialPruned``."""
    try:
        yield
    except Exception as error:
        kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
        if "optuna.exceptions.TrialPruned" not in kinds:
            raise
        session.report({VERDICT: "pruned"})
        raise StopTrial from error


def _number(trial_id: str) -> int:
    """The running number in ``<job>-<number>``, counted from 0 as Optuna does."""
    tail = trial_id.rpartition("-")[2]
    return int(tail) - 1 if tail.isdigit() else 0

"""The argument of objectives written for Optuna: ``def objective(trial)``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hpogrid.trial.session import VERDICT, Session, StopTrial, plain_metrics


class OptunaTrial:
    """Looks like an Optuna trial to an objective; the values come from hpogrid's search space.

    The bounds in the script's ``suggest_...`` calls are not looked at: the stored space rules.
    """

    def __init__(self, config: dict[str, Any], session: Session, metric: str) -> None:
        self.params = dict(config)
        self.number = _number(session.trial_id)
        self.user_attrs: dict[str, Any] = {}
        self._session = session
        self._metric = metric

    def _suggest(self, name: str, *bounds: Any, **options: Any) -> Any:
        if name not in self.params:
            raise KeyError(
                f"the search space has no parameter '{name}'; it has {', '.join(self.params)}"
            )
        return self.params[name]

    suggest_float = _suggest
    suggest_int = _suggest
    suggest_categorical = _suggest
    suggest_uniform = _suggest
    suggest_loguniform = _suggest
    suggest_discrete_uniform = _suggest

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value; the trial ends here if it shall be pruned."""
        self._session.report(plain_metrics({self._metric: value, "step": step}))

    def should_prune(self) -> bool:
        """Always False: a trial that shall end does so in `report`."""
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a note for the length of the trial."""
        self.user_attrs[key] = value


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

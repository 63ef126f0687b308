"""When a job has done its part."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.budget import Budget, reached
from hpogrid.study.study import Trial


def trial(loss: Any, state: Any = "complete", **metrics: Any) -> Trial:
    return Trial("0-1", state, {}, {}, 1, 0, "h", 0.0, metrics={"loss": loss, **metrics})


def config(**settings: Any) -> HpoConfig:
    return HpoConfig(**{"metric": "loss", "mode": "min", "trials": 10, **settings})


@pytest.mark.parametrize(
    ("stop", "metrics", "words"),
    [
        ({"n": 3}, {"n": 3}, "n reached 3"),
        ({"n": 3}, {"n": 2.9}, None),
        ({"n": 3}, {"n": True}, None),
        ({"n": 3}, {"n": "4"}, None),
        ({"n": 3}, {}, None),
        ({"n": 3, "m": 1}, {"n": 1, "m": 1}, "m reached 1"),
        ({"loss": 0.5}, {"loss": 0.5}, "loss reached 0.5"),
        ({"loss": 0.5}, {"loss": 0.6}, None),
        ({"loss": 0.5}, {"loss": 0.1}, "loss reached 0.5"),
        ({"auc": 0.5}, {"auc": 0.1}, None),
    ],
)
def test_stop_criteria(stop: dict[str, float], metrics: dict[str, Any], words: str | None) -> None:
    assert reached(config(stop=stop), metrics) == words


def test_a_maximised_metric_is_reached_from_below() -> None:
    settings = config(mode="max", stop={"loss": 0.5})
    assert reached(settings, {"loss": 0.5}) == "loss reached 0.5"
    assert reached(settings, {"loss": 0.1}) is None


def test_trials_are_counted_with_those_that_failed() -> None:
    budget = Budget(config(trials=3))
    assert (budget.left(0), budget.left(2), budget.left(5)) == (3, 1, 0)
    budget.count([trial(1), trial(None, "failed")])
    assert (budget.finished, budget.failures, budget.left(1)) == (2, 1, 0)
    assert budget.spent is None
    budget.count([trial(2, "pruned")])
    assert budget.spent == "all 3 trials are done"


@pytest.mark.parametrize(("mode", "target", "enough"), [("min", 1.0, 1.0), ("max", 5.0, 5.0)])
def test_the_target_is_reached_at_its_value(mode: str, target: float, enough: float) -> None:
    budget = Budget(config(mode=mode, target=target))
    budget.count([trial(3.0), trial(enough, "failed")])
    before = budget.spent
    assert before is None
    budget.count([trial(enough)])
    assert budget.spent == f"the target {target:g} is reached"
    assert budget.best == enough


def test_failures() -> None:
    budget = Budget(config(max_failures=2))
    budget.count([trial(None, "failed"), trial(1)])
    assert budget.spent is None
    budget.count([trial(None, "failed")])
    assert budget.spent == "2 trials failed (max_failures)"

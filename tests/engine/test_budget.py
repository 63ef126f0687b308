"""When a job has done its part."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from hpogrid.config.schemas import HpoConfig, SearchStop
from hpogrid.engine.budget import Budget
from hpogrid.study.study import Trial


def trial(loss: Any, state: Any = "complete", **metrics: Any) -> Trial:
    return Trial("0-1", state, {}, {}, 1, 0, "h", 0.0, metrics={"loss": loss, **metrics})


def count(budget: Budget, trials: Iterable[Trial]) -> None:
    for one in trials:
        budget.count(one)


def config(**settings: Any) -> HpoConfig:
    return HpoConfig(**{"metric": "loss", "mode": "min", "trials": 10, **settings})


@pytest.mark.parametrize(
    ("stop", "metrics", "words"),
    [
        ({"n": 3}, {"n": 3}, "n reached 3"),
        ({"n": 3}, {"n": 2.9}, None),
        ({"n": 3}, {"n": True}, None),
        ({"done": 1}, {"done": True}, "done reached 1"),
        ({"done": 1}, {"done": False}, None),
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
    assert Budget(config(stop=stop)).reached(metrics) == words


def test_a_maximised_metric_is_reached_from_below() -> None:
    budget = Budget(config(mode="max", stop={"loss": 0.5}))
    assert budget.reached({"loss": 0.5}) == "loss reached 0.5"
    assert budget.reached({"loss": 0.1}) is None


def test_trials_are_counted_with_those_that_failed() -> None:
    budget = Budget(config(trials=3))
    assert (budget.left(0), budget.left(2), budget.left(5)) == (3, 1, 0)
    count(budget, [trial(1), trial(None, "failed")])
    assert (budget.finished, budget.failures, budget.left(1)) == (2, 1, 0)
    assert budget.spent is None
    count(budget, [trial(2, "pruned")])
    assert budget.spent == "all 3 trials are done"


@pytest.mark.parametrize(("mode", "target", "enough"), [("min", 1.0, 1.0), ("max", 5.0, 5.0)])
def test_the_target_is_reached_at_its_value(mode: str, target: float, enough: float) -> None:
    budget = Budget(config(mode=mode, target=target))
    count(budget, [trial(3.0), trial(enough, "failed")])
    before = budget.spent
    assert before is None
    count(budget, [trial(enough)])
    assert budget.spent == f"the target {target:g} is reached"
    assert budget.best == enough


def test_failures() -> None:
    budget = Budget(config(max_failures=2))
    count(budget, [trial(None, "failed"), trial(1)])
    assert budget.spent is None
    count(budget, [trial(None, "failed")])
    assert budget.spent == "2 trials failed (max_failures)"


# --- stop_search: every rule is met at its value ------------------------------------------------


def rules(**rules: Any) -> Budget:
    return Budget(config(trials=100, stop_search=msgspec.convert(rules, SearchStop)))


def not_spent(budget: Budget) -> bool:
    return budget.spent is None


def test_trials_started() -> None:
    budget = rules(max_trials_started=2)
    said = []
    for started in (1, 2):
        budget.started = started
        said.append((budget.all_begun, budget.left(started), budget.spent))
    assert said == [(None, 1, None), ("2 trials were started", 0, None)]


def test_trials_completed_are_those_that_did_not_fail() -> None:
    budget = rules(max_trials_completed=2)
    count(budget, [trial(1), trial(None, "failed")])
    assert not_spent(budget)
    count(budget, [trial(2, "pruned")])
    assert budget.spent == "2 trials are complete"


def test_trials_finished() -> None:
    budget = Budget(config(trials=2))
    count(budget, [trial(1)])
    assert not_spent(budget)
    count(budget, [trial(None, "failed")])
    assert budget.spent == "all 2 trials are done"


def test_cost() -> None:
    budget = rules(max_cost=1.5, cost_metric="dollars")
    count(budget, [trial(1, dollars=1.0), trial(1), trial(1, dollars="much")])
    assert not_spent(budget)
    count(budget, [trial(None, "failed", dollars=0.5)])
    assert budget.spent == "the cost reached 1.5"


@pytest.mark.parametrize(
    ("rule", "before", "at"),
    [
        ({"min_metric_value": {"loss": 0.5}}, {"loss": 0.6}, {"loss": 0.5}),
        ({"max_metric_value": {"loss": 0.5}}, {"loss": 0.4}, {"loss": 0.5}),
        ({"min_metric_value": {"a": 1}}, {"loss": 0.1, "a": 2}, {"loss": 9, "a": 1}),
        ({"max_metric_value": {"a": 3, "b": 1}}, {"loss": 0, "a": 2}, {"loss": 0, "b": 1.0}),
    ],
)
def test_metric_thresholds(
    rule: dict[str, Any], before: dict[str, Any], at: dict[str, Any]
) -> None:
    budget = rules(**rule)
    count(budget, [trial(**before), trial(at["loss"], "failed", **without_loss(at))])
    assert not_spent(budget)
    budget.see(trial(**at))  # of another job
    assert str(budget.spent).split(" came ")[0] in at


def without_loss(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name != "loss"}


def test_plateau() -> None:
    budget = rules(plateau={"std": 0.1, "trials": 2, "patience": 2})
    count(budget, [trial(5), trial(1.0), trial(1.2), trial(3)])
    assert not_spent(budget)  # only one trial came since
    count(budget, [trial(4)])
    assert budget.spent == "the best 2 trials are within 0.1 (plateau)"
    other = rules(plateau={"std": 0.09, "trials": 2, "patience": 2})
    count(other, [trial(5), trial(1.0), trial(1.2), trial(3), trial(4)])
    assert other.spent is None


def test_wall_clock() -> None:
    budget = Budget(config(time_limit=10))
    said = []
    for budget.elapsed in (9.9, 10.0):
        said.append(budget.spent)
    assert said == [None, "the time limit of 10 s is reached"]


# --- the end of the job -------------------------------------------------------------------------


def late(whole: float, left: float, longest: float) -> bool:
    """Whether it is too late for another trial in a job of ``whole`` seconds."""
    budget = Budget(config())
    budget.whole, budget.seconds_left = whole, left
    one = trial(1)
    one.ended = longest
    budget.see(one)
    return budget.spent == "no further trial could finish before the job's end"


def test_a_trial_starts_only_if_the_longest_so_far_would_fit() -> None:
    assert not late(95, 45, 44)
    assert late(95, 45, 46)
    assert not late(math.inf, math.inf, 1e9)


def test_a_trial_longer_than_the_job_may_start_with_it() -> None:
    assert not late(95, 95, 500)
    assert not late(95, 93.1, 500)
    assert late(95, 92, 500)


def test_a_job_that_is_late_already() -> None:
    assert late(0, -1, 0)

"""The contract of schedulers, over the whole registry; and ASHA, median and none in particular."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.schedule import SCHEDULERS, schedule_options
from hpogrid.schedule.base import Decision
from tests.commands import ok, parsed
from tests.projects import run_script, store_project
from tests.schedule.contract import SchedulerContract, make

PARAMS: dict[str, dict[str, Any]] = {
    "asynchyperband": {"max_t": 10, "reduction_factor": 2},
    "promotion": {"max_t": 9},
    "bohbhyperband": {"max_t": 9},
}
"""With which a scheduler decides within ten steps, where its defaults would wait for longer."""


class TestEveryScheduler(SchedulerContract):
    @pytest.fixture(params=list(SCHEDULERS), autouse=True)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.name = request.param
        self.params = PARAMS.get(self.name, {})


# --- ASHA --------------------------------------------------------------------------------------


def decide(scheduler: Any, *reports: tuple[str, float, float]) -> list[Decision]:
    return [scheduler.on_report(*report) for report in reports]


def test_asha_keeps_the_best_of_each_rung() -> None:
    asha = make("asynchyperband", max_t=9, reduction_factor=3)
    assert decide(asha, ("a", 1, 2.0), ("b", 1, 1.0), ("c", 1, 3.0)) == [
        "continue", "continue", "stop",
    ]  # fmt: skip
    assert decide(asha, ("d", 1, 1.6), ("e", 1, 1.7)) == ["continue", "stop"]
    assert decide(asha, ("a", 2, 9.0), ("a", 3, 1.0)) == ["continue", "continue"]
    assert decide(asha, ("b", 3, 9.0), ("d", 3, 0.5)) == ["stop", "continue"]


def test_asha_counts_a_jump_at_the_highest_rung_only() -> None:
    asha = make("asynchyperband", max_t=9, reduction_factor=3)
    assert decide(asha, ("a", 3, 1.0), ("b", 1, 5.0)) == ["continue", "continue"]
    assert decide(asha, ("b", 3, 2.0)) == ["stop"]


def test_rungs_lie_between_whole_numbers_and_rounding_misses_none() -> None:
    asha = make("asynchyperband", max_t=2, grace_period=0.5, reduction_factor=2)
    assert list(asha.rungs) == [0.5, 1, 2]
    assert decide(asha, ("a", 0.5, 1.0), ("b", 0.4, 9.0), ("b", 0.5, 9.0)) == [
        "continue", "continue", "stop",
    ]  # fmt: skip
    tenths = sum([0.1] * 10)
    assert decide(asha, ("a", tenths, 1.0), ("c", tenths, 2.0)) == ["continue", "stop"]
    assert decide(asha, ("a", 2 * tenths, 1.0)) == ["complete"]


def test_asha_lets_a_trial_that_reaches_max_t_be_complete() -> None:
    asha = make("asynchyperband", max_t=3)
    assert decide(asha, ("a", 1, 1.0), ("a", 2, 1.0), ("a", 3, 1.0), ("b", 7, 9.0)) == [
        "continue", "continue", "complete", "complete",
    ]  # fmt: skip


def test_asha_stops_nothing_before_the_grace_period() -> None:
    asha = make("asynchyperband", max_t=100, grace_period=5, reduction_factor=2)
    rng = random.Random(1)
    reports = [(str(trial), step, rng.random()) for trial in range(20) for step in range(1, 5)]
    assert set(decide(asha, *reports)) == {"continue"}
    assert "stop" in decide(asha, *[(str(trial), 5, rng.random()) for trial in range(20)])


def test_asha_stops_about_as_many_as_it_should() -> None:
    asha = make("asynchyperband", max_t=100, grace_period=1, reduction_factor=4)
    rng = random.Random(1)
    decisions = decide(asha, *[(str(trial), 1, rng.random()) for trial in range(400)])
    assert 0.2 < decisions.count("continue") / 400 < 0.35


def crossing(asha: Any, trials: int, *, at: float, end: float, lasts: bool) -> None:
    """Whole trials whose order at a rung lasts to the end, or turns round."""
    for trial in range(trials):
        asha.on_report(f"whole-{trial}", at, 1.0 - trial / 100)  # each better than those before
        final = -trial if lasts else trial
        assert asha.on_report(f"whole-{trial}", end, float(final)) == "complete"


@pytest.mark.parametrize("lasts", [True, False])
def test_a_rung_whose_order_does_not_last_stops_nobody(lasts: bool) -> None:
    asha = make("asynchyperband", max_t=9, grace_period=3)  # the highest rung
    crossing(asha, 4, at=3, end=9, lasts=lasts)
    assert decide(asha, ("a", 3, 5.0)) == ["stop"], "four trials tell nothing yet"
    asha.on_report("whole-4", 3, 0.5)
    asha.on_report("whole-4", 9, -4.0 if lasts else 4.0)
    assert decide(asha, ("b", 3, 5.0)) == ["stop" if lasts else "continue"]


def test_a_whole_trial_that_reports_again_counts_once() -> None:
    asha = make("asynchyperband", max_t=9, grace_period=3)
    crossing(asha, 4, at=3, end=9, lasts=False)
    assert decide(asha, ("whole-3", 9, 3.0), ("whole-3", 10, 3.0)) == ["complete"] * 2
    assert decide(asha, ("a", 3, 5.0)) == ["stop"]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"grace_period": 0}, "0 < grace_period <= max_t"),
        ({"grace_period": 5, "max_t": 4}, "0 < grace_period <= max_t"),
        ({"max_t": float("inf")}, "max_t: inf is not a finite number"),
        ({"reduction_factor": 1}, "reduction_factor 1 is not above 1"),
    ],
)
def test_asha_refuses(params: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        schedule_options("asynchyperband", params)


def test_asha_stops_about_as_many_where_nothing_dominates_anything() -> None:
    asha = make("asynchyperband", max_t=100, grace_period=1, reduction_factor=4)
    rng = random.Random(1)
    decisions = [
        asha.on_report(str(trial), 1, *(rng.random() for _ in range(6))) for trial in range(400)
    ]
    assert 0.2 < decisions.count("continue") / 400 < 0.3


@pytest.mark.parametrize(
    ("final", "decision"),
    [
        ([(1, 5), (2, 6), (3, 7), (4, 8), (5, 9)], "stop"),
        ([(5, 9), (4, 8), (3, 7), (2, 6), (1, 5)], "continue"),
        ([(1, 5), (2, 4), (3, 3), (4, 2), (5, 1)], "continue"),
        ([(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)], "stop"),
        ([(5, 0), (4, 1), (3, 2), (2, 3), (1, 4)], "continue"),
    ],
    ids=["lasts", "turns round", "by one it lasts", "one stays and one lasts", "one stays"],
)
def test_the_order_by_several_objectives_has_to_last(
    final: list[tuple[float, float]], decision: Decision
) -> None:
    asha = make("asynchyperband", max_t=9, grace_period=3, agreement=0.75)
    for place, losses in enumerate(final):
        asha.on_report(str(place), 3, float(place), float(place))
        assert asha.on_report(str(place), 9, *losses) == "complete"
    assert asha.on_report("new", 3, 9.0, 9.0) == decision


# --- median ------------------------------------------------------------------------------------


def test_median_stops_what_is_worse_than_the_others_averages() -> None:
    median = make("median", min_samples_required=3)
    for trial, loss in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        assert decide(median, (trial, 1, loss), (trial, 2, loss)) == ["continue", "continue"]
    assert decide(median, ("d", 1, 2.5)) == ["stop"]
    assert decide(median, ("e", 1, 2.0)) == ["continue"]
    assert decide(median, ("e", 2, 9.0)) == ["continue"], "its best counts, not its last"


def test_median_waits_for_enough_others_and_the_grace_period() -> None:
    median = make("median", min_samples_required=2, grace_period=3)
    decide(median, ("a", 1, 0.0), ("b", 1, 0.0))
    assert decide(median, ("c", 1, 9.0), ("c", 2, 9.0)) == ["continue", "continue"]
    assert decide(median, ("c", 3, 9.0)) == ["continue"], "nobody else has come so far"
    decide(median, ("a", 3, 0.0), ("b", 3, 0.0))
    assert decide(median, ("d", 3, 9.0)) == ["stop"]


def test_median_keeps_every_report_between_whole_numbers() -> None:
    median = make("median", min_samples_required=2)
    decide(median, ("a", 1.0, 1.0), ("b", 1.0, 1.0), ("a", 1.1, 1.0), ("b", 1.1, 1.0))
    assert decide(median, ("c", 1.0, 0.0), ("c", 1.1, 9.0)) == ["continue", "continue"]


def test_median_goes_by_the_best_and_the_averages_of_each_objective() -> None:
    for losses, decision in (
        ((2.0, 2.0), "continue"),
        ((3.0, 3.0), "stop"),
        ((9.0, 0.0), "continue"),
    ):
        median = make("median", min_samples_required=3)
        for other in range(1, 4):
            median.on_report(str(other), 1, float(other), float(other))
        assert median.on_report("new", 1, *losses) == decision


# --- in a run ----------------------------------------------------------------------------------

EPOCHS = """
def train(config):
    for epoch in range(1, 10):
        yield {"loss": config["x"], "epoch": epoch}
"""


@pytest.mark.parametrize(
    ("scheduler", "params", "complete"),
    [
        ("asynchyperband", {"max_t": 9, "reduction_factor": 3}, {1}),
        ("median", {"min_samples_required": 2}, {1, 2}),
        ("none", {}, set(range(1, 9))),
    ],
)
@pytest.mark.parametrize("mode", ["min", "max"])
def test_bad_trials_are_pruned_and_keep_their_result(
    scheduler: str, params: dict[str, Any], complete: set[int], mode: str
) -> None:
    order = [1, 2, 3, 4, 5, 6, 7, 8] if mode == "min" else [8, 7, 6, 5, 4, 3, 2, 1]
    space = {"x": {"method": "categorical", "dimension": {"categories": order}}}
    trials = run_script(
        EPOCHS, space=space, algorithm="grid", trials=8, mode=mode, scheduler=scheduler,
        scheduler_param={"max_concurrent": 1, **params},
    )  # fmt: skip
    kept = {trial.applied["x"] for trial in trials if trial.state == "complete"}
    assert kept == {value if mode == "min" else 9 - value for value in complete}
    for trial in trials:
        assert trial.metrics["loss"] == trial.applied["x"]
        assert (trial.metrics["epoch"] == 9) == (trial.state == "complete")
        assert trial.state in ("complete", "pruned")


SPEEDS = """
POINTS = {"a": (1, 1), "b": (9, 9), "c": (9, 5), "d": (2, 1), "e": (7, 5)}
def train(config):
    loss, speed = POINTS[config["x"]]
    yield {"speed": speed}
    for epoch in range(2, 11):
        yield {"loss": loss}
"""
"""What is known once is reported once."""


def test_a_search_of_two_metrics_keeps_what_no_other_one_beats() -> None:
    """By the loss alone the fast one, b, would be stopped."""
    space = {"x": {"method": "categorical", "dimension": {"categories": list("abcde")}}}
    store_project(
        SPEEDS, space=space, algorithm="grid", trials=5, metric="loss,speed", mode="min,max",
        scheduler="asynchyperband",
        scheduler_param={"max_concurrent": 1, "max_t": 10, "grace_period": 2},
    )  # fmt: skip
    ok("local_run", "p")
    rows = {row["x"]: row for row in parsed("report", "p", "--extra", "state", "--format", "json")}
    states = {x: row["state"] for x, row in rows.items()}
    assert states == {"a": "complete", "b": "complete", **dict.fromkeys("cde", "pruned")}
    assert {x for x, row in rows.items() if row["pareto"]} == {"a", "b"}

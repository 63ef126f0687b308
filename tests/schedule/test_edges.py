"""The edges of options and of rungs: what just counts, and what just does not."""

from __future__ import annotations

import math

import pytest

from hpogrid.errors import UserError
from hpogrid.schedule import SCHEDULERS, make_scheduler, schedule_options
from hpogrid.schedule.base import reaches
from hpogrid.schedule.hyperband import bracket_shapes, places
from hpogrid.space.value import Value, Values
from tests.schedule.contract import make

FIT = [
    ("asynchyperband", {"grace_period": 5, "max_t": 5}),
    ("asynchyperband", {"grace_period": 0.1, "reduction_factor": 1.01}),
    ("asynchyperband", {"agreement": 0}),
    ("asynchyperband", {"agreement": 1}),
    ("bohbhyperband", {"max_t": 1}),
    ("bohbhyperband", {"reduction_factor": 1.5}),
    ("median", {"grace_period": 0, "min_samples_required": 1}),
    ("pbt", {"quantile_fraction": 0.5, "resample_probability": 0}),
    ("pbt", {"perturbation_interval": 0.1, "resample_probability": 1}),
    ("none", {"max_concurrent": 1}),
]
UNFIT = [
    ("asynchyperband", {"grace_period": 5.1, "max_t": 5}),
    ("asynchyperband", {"grace_period": 0}),
    ("asynchyperband", {"reduction_factor": 1}),
    ("asynchyperband", {"max_t": 0}),
    ("asynchyperband", {"agreement": -0.01}),
    ("asynchyperband", {"agreement": 1.01}),
    ("bohbhyperband", {"max_t": 0.9}),
    ("bohbhyperband", {"reduction_factor": 1}),
    ("pbt", {"quantile_fraction": 0}),
    ("pbt", {"quantile_fraction": 0.51}),
    ("pbt", {"perturbation_interval": 0}),
    ("pbt", {"resample_probability": -0.01}),
    ("pbt", {"resample_probability": 1.01}),
    ("none", {"max_concurrent": 0}),
]


@pytest.mark.parametrize(("name", "options"), FIT)
def test_the_last_value_that_fits(name: str, options: Values) -> None:
    found = schedule_options(name, options)
    assert {key: getattr(found, key) for key in options} == options


@pytest.mark.parametrize(("name", "options"), UNFIT)
def test_the_first_value_that_does_not_fit(name: str, options: Values) -> None:
    with pytest.raises(UserError, match=f"scheduler_param of {name}"):
        schedule_options(name, options)


DEFAULTS: dict[str, Values] = {
    "asynchyperband": {"max_t": 100, "grace_period": None, "reduction_factor": 2,
                       "agreement": 0.75},
    "bohbhyperband": {"max_t": 81, "reduction_factor": 3},
    "median": {"grace_period": 1, "min_samples_required": 3},
    "pbt": {"perturbation_interval": 4, "burn_in_period": 0, "quantile_fraction": 0.25,
            "resample_probability": 0.25, "perturbation_factors": (1.2, 0.8)},
    "none": {},
}  # fmt: skip


@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_the_defaults(name: str) -> None:
    """Of Ray Tune and the papers, but for ASHA's, which `benchmarks/fidelity.py` is for.

    A search that names no option would be another one if they changed.
    """
    options = schedule_options(name, {})
    expected = {"max_concurrent": 4, "time_attr": "training_iteration", **DEFAULTS.get(name, {})}
    assert {key: getattr(options, key) for key in expected} == expected


def test_a_resource_reaches_a_level_but_for_rounding() -> None:
    assert reaches(1, 1)
    assert reaches(sum([0.1] * 10), 1)  # a little below 1
    assert not reaches(0.999, 1)
    assert reaches(1.001, 1)


# --- successive halving --------------------------------------------------------------------


def test_the_rungs_of_asha_end_below_max_t() -> None:
    def rungs(**options: Value) -> tuple[float, ...]:
        return make("asynchyperband", **options).rungs

    assert rungs(max_t=27) == (1, 2, 4, 8, 16, 27)
    assert rungs(max_t=9) == pytest.approx((1 / 3, 2 / 3, 4 / 3, 8 / 3, 16 / 3, 9))
    assert rungs(max_t=64, grace_period=1, reduction_factor=4) == (1, 4, 16, 64)
    assert rungs(max_t=65, grace_period=1, reduction_factor=4) == (1, 4, 16, 64, 65)
    assert rungs(max_t=1, grace_period=1) == (1,)
    assert rungs(max_t=9, grace_period=2) == (2, 4, 8, 9)


@pytest.mark.parametrize(
    ("learns", "given", "early"),
    [
        (True, {}, {1, 2}),
        (False, {}, set()),
        (True, {"grace_period": 1}, set()),
        (False, {"early": 4}, {1, 2}),
        (True, {"grace_period": 1, "early": 2}, {1}),
        (True, {"reduction_factor": 3}, {1}),
    ],
)
def test_early_rungs_stop_nobody_once_three_trials_came_past_them(
    learns: bool, given: Values, early: set[int]
) -> None:
    asha = make_scheduler("asynchyperband", {"max_t": 27, **given}, learns=learns)
    levels = asha.rungs[:-1]
    for trial in range(3):
        for epoch in range(1, 6):
            asha.on_report(f"past-{trial}", epoch, 1.0)
    for level in levels:
        asha.on_report("far", level, 1.0)
    stopping = {level for level in levels if asha.on_report(f"{level}", level, 2.0) == "stop"}
    assert stopping == {*levels} - early


def test_before_that_they_stop_as_all_others_do() -> None:
    asha = make_scheduler("asynchyperband", {"max_t": 27})
    for trial in ("good", "as good"):  # a third one would be the last
        for epoch in range(1, 28):
            asha.on_report(trial, epoch, 1.0)
    assert asha.on_report("bad", 1, 2.0) == "stop"


def test_who_came_first_is_compared_again_as_it_stood_at_its_rung() -> None:
    asha = make("asynchyperband", max_t=16, grace_period=2)
    assert asha.on_report("first", 2, 5.0) == "continue"
    assert asha.on_report("first", 3, 0.1) == "continue"
    assert asha.on_report("second", 2, 4.0) == "continue"
    assert asha.on_report("first", 3.5, 0.1) == "stop"
    assert asha.on_report("second", 3, 9.0) == "continue"


def test_it_is_compared_again_only_when_the_rung_has_grown() -> None:
    asha = make("asynchyperband", max_t=16, grace_period=2)
    for trial in range(10):
        asha.on_report(str(trial), 2, float(trial))
    assert asha.on_report("new", 2, 3.0) == "continue", "behind three of ten"
    asha.on_report("better", 2, -1.0)
    asha.on_report("better still", 2, -2.0)
    assert asha.on_report("new", 3, 3.0) == "continue", "twelve are not a fifth more than ten"
    asha.on_report("another", 2, -3.0)
    asha.on_report("yet another", 2, -4.0)
    asha.on_report("the last", 2, -5.0)
    assert asha.on_report("new", 3, 3.0) == "stop", "behind eight of fifteen"


def test_it_is_not_compared_again_where_that_is_not_wanted() -> None:
    asha = make("asynchyperband", max_t=16, grace_period=2, reconsider=False)
    asha.on_report("first", 2, 5.0)
    asha.on_report("second", 2, 4.0)
    assert asha.on_report("first", 3, 5.0) == "continue"


def test_by_several_objectives_it_is_compared_again_too() -> None:
    asha = make("asynchyperband", max_t=16, grace_period=2)
    assert asha.on_report("first", 2, 5.0, 5.0) == "continue"
    assert asha.on_report("second", 2, 4.0, 4.0) == "continue"
    assert asha.on_report("first", 3, 5.0, 5.0) == "stop"
    assert asha.on_report("second", 3, 9.0, 9.0) == "continue"


def test_asha_compares_with_the_quantile_of_those_before() -> None:
    """Of 1, 2 and 3 a half lie at or below 2; of 1 and 3 they would be those below 2."""
    for losses, loss, decision in (
        ((), 9.0, "continue"),
        ((1.0,), 1.0, "continue"),
        ((1.0,), 1.01, "stop"),
        ((1.0, 3.0), 2.0, "continue"),
        ((1.0, 3.0), 2.01, "stop"),
        ((3.0, 1.0, 2.0), 2.0, "continue"),
        ((3.0, 1.0, 2.0), 2.01, "stop"),
    ):
        asha = make("asynchyperband", max_t=9, grace_period=1, reduction_factor=2)
        for number, earlier in enumerate(losses):
            asha.on_report(f"1-{number}", 1, earlier)
        assert asha.on_report("0-1", 1, loss) == decision, (losses, loss)


def test_a_trial_stands_once_at_a_rung_and_at_the_highest_that_it_has_come_to() -> None:
    asha = make("asynchyperband", max_t=9, reduction_factor=2)
    asha.on_report("0-1", 1, 1.0)
    assert asha.on_report("0-2", 1, 0.5) == "continue"
    assert asha.on_report("0-2", 1.5, 5.0) == "continue"  # it has stood at that rung
    assert asha.on_report("0-3", 4, 5.0) == "continue"  # the first at 4
    assert asha.on_report("0-1", 4, 5.1) == "stop"
    assert asha.on_report("0-1", 9, 5.1) == "complete"


# --- median --------------------------------------------------------------------------------


def test_the_median_rule_wants_so_many_others() -> None:
    for others, decision in ((2, "continue"), (3, "stop")):
        median = make("median")
        for number in range(others):
            median.on_report(f"1-{number}", 1, 1.0)
        assert median.on_report("0-1", 1, 2.0) == decision
        assert median.on_report("0-2", 1, 1.0) == "continue"  # as good as the median


def test_the_median_rule_looks_at_the_best_report_of_a_trial() -> None:
    median = make("median", min_samples_required=1)
    for step, loss in ((1, 3.0), (2, 5.0)):
        median.on_report("1-1", step, loss)  # on average 4 at the second report
    assert median.on_report("0-1", 1, 3.0) == "continue"
    assert median.on_report("0-1", 2, 9.0) == "continue"
    # On average they are 4 and 6 there.
    assert median.on_report("0-2", 2, 5.1) == "stop"
    assert median.on_report("0-3", 2, 4.9) == "continue"


# --- HyperBand -----------------------------------------------------------------------------


def test_how_many_go_on() -> None:
    assert [places(81, 3, halvings) for halvings in range(6)] == [81, 27, 9, 3, 1, 1]
    assert places(8, 3, 1) == 2
    assert places(9, 3, 1) == 3


def test_the_brackets_of_81() -> None:
    """Table 1 of Li et al.: (81, 27, 9, 3, 1), (34, 9, ...), (15, 9, ...), (8, 27, 81), (5, 81)."""
    shapes = bracket_shapes(81, 3)
    assert [size for size, _ in shapes] == [81, 34, 15, 8, 5]
    assert [rungs[0] for _, rungs in shapes] == [1, 3, 9, 27, 81]
    assert all(math.isclose(rungs[-1], 81) for _, rungs in shapes)
    assert [len(rungs) for _, rungs in shapes] == [5, 4, 3, 2, 1]


# --- what a search has to know of a scheduler ------------------------------------------------

PAUSES = {"bohbhyperband", "pbt", "promotion"}
NEEDS_CHECKPOINTS = {"pbt"}


@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_who_pauses_and_who_needs_checkpoints(name: str) -> None:
    """A job whose trials are never paused must not wait for a release, nor ask for checkpoints."""
    kind = SCHEDULERS.load(name)
    assert kind.pauses == (name in PAUSES)
    assert kind.needs_checkpoints == (name in NEEDS_CHECKPOINTS)

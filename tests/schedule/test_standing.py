"""How a trial stands among others, against the definition."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hpogrid.report.pareto import beats
from hpogrid.schedule.standing import best_first, is_behind, standing
from hpogrid.study.values import Losses

TRIALS = st.integers(1, 4).flatmap(
    lambda count: st.lists(st.tuples(*[st.integers(-3, 3).map(float)] * count), min_size=1)
)


def before(losses: Losses, others: list[Losses]) -> tuple[int, bool, int]:
    """The definition, in the order of the words."""
    better = [
        sum(value < other for other in column)
        for value, column in zip(losses, zip(*others, strict=True), strict=True)
    ]
    worse = [
        sum(value > other for other in column)
        for value, column in zip(losses, zip(*others, strict=True), strict=True)
    ]
    rank = sum(beats(other, losses) for other in others)
    return rank, 0 not in worse, -sum(better)


@given(TRIALS)
def test_the_standing_is_as_defined(trials: list[Losses]) -> None:
    assert standing(trials) == [before(losses, trials) for losses in trials]


@given(TRIALS)
def test_who_dominates_stands_before(trials: list[Losses]) -> None:
    keys = dict(zip(trials, standing(trials), strict=True))
    for one, other in itertools.permutations(keys, 2):
        assert not beats(one, other) or keys[one] < keys[other]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_of_one_objective_it_is_the_order_of_losses(losses: list[float]) -> None:
    names = {str(place): (loss,) for place, loss in enumerate(losses)}
    assert best_first(names) == sorted(names, key=lambda name: names[name])


def test_the_best_of_an_objective_stands_before_what_is_good_in_all() -> None:
    """Else a search for small and for good models would end the best ones."""
    trials = {"good": (0.0, 9.0), "small": (9.0, 0.0), "both": (1.0, 1.0), "bad": (8.0, 8.0)}
    assert best_first(trials) == ["good", "small", "both", "bad"]


def test_who_is_behind() -> None:
    assert not is_behind((9.0, 9.0), [], 2)
    assert not is_behind((1.0, 1.0), [(1.0, 1.0)], 2)
    assert is_behind((2.0, 2.0), [(1.0, 1.0)], 2)
    others = [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    assert not is_behind((1.5, 1.5), others, 2)
    assert is_behind((1.5, 1.5), others, 2.1)
    assert is_behind((2.5, 2.5), others, 2)


def test_of_very_many_the_last_thousand_are_compared() -> None:
    old, new = [(0.0, 0.0)] * 900, [(2.0, 2.0)] * 501
    assert not is_behind((1.0, 1.0), old + new, 2)
    assert is_behind((1.0, 1.0), old + new[:400], 2)

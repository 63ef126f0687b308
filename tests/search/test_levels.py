"""What a model with an axis for the resource is told."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hpogrid.search.curves import Seen
from hpogrid.search.levels import Row, rows_of
from hpogrid.space.latent import Latents


def point(number: int) -> Latents:
    """One of several points."""
    return {"x": number / 100}


def seen(*losses: float, cut: bool = False) -> Seen:
    """A trial with losses after 1, 3, 9 and so on."""
    curve: dict[float, tuple[float, ...]] = {}
    for power, loss in enumerate(losses):
        curve[3.0**power] = (loss,)
    return Seen((losses[-1],), curve, cut)


def told(*trials: Seen, most: int = 100) -> list[tuple[float, float, Any]]:
    """The rows, each with the number of its trial."""
    rows = rows_of([(point(number), trial) for number, trial in enumerate(trials)], most)
    return [(row.point["x"] * 100, row.level, pytest.approx(row.loss)) for row in rows]


def test_whole_trials_are_a_row_each() -> None:
    assert told(seen(9, 5, 1), seen(8, 4, 2)) == [(0, 0, 1), (1, 0, 2)]


def test_once_one_was_cut_each_resource_is_a_row() -> None:
    below = math.log(1 / 3, 27)
    assert sorted(told(seen(9, 5), seen(7, cut=True))) == [(0, below, 5), (0, 0, 5), (1, below, 3)]


def test_what_losses_change_by_is_chained_over_resources() -> None:
    rows = told(seen(9, 5, 4), seen(8, 5, cut=True), seen(7, 5, cut=True), seen(30, cut=True))

    assert rows[-1][0] < 3
    assert (3, math.log(1 / 9, 27), 30 - 3 - 1) in rows


def test_a_whole_trial_without_a_curve_counts_as_whole() -> None:
    earlier = Seen((2.0,), {}, cut=False)
    assert (1, 0, 2) in told(seen(9, 5, 1), earlier, seen(9, cut=True))


def test_a_cut_trial_of_which_no_resource_is_known_counts_as_it_is() -> None:
    unknown = Seen((7.0,), {}, cut=True)
    assert told(unknown) == [(0, 0, 7)]
    assert (1, 0, 7) in told(seen(9, 5), unknown)


def test_where_a_cut_trial_came_as_far_as_is_known_whole_ones_came_further() -> None:
    """As with a scheduler without rungs, where resources are known by powers of two."""
    below = math.log(1 / 2, 27)
    whole = Seen((1.0,), {1.0: (9.0,), 3.0: (5.0,)}, cut=False)
    rows = told(whole, seen(9, 7, cut=True))
    assert all(row in rows for row in [(0, below, 1), (0, 0, 1), (1, below, 3)])
    assert told(seen(9, 7, cut=True)) == [(0, 0, 7), (0, math.log(1 / 3, 27), 7)]


def test_of_too_many_rows_the_last_of_each_trial_stay_and_the_later_ones_of_others() -> None:
    trials = [seen(9, 5, 1), seen(8, 4, cut=True), seen(9, cut=True)]

    rows = told(*trials, most=4)
    assert [row[0] for row in rows] == [0, 1, 2, 0]
    assert rows[-1][1] == math.log(1 / 3, 27)
    assert len(told(*trials, most=2)) == 3
    assert len(told(*trials)) == 6


def test_a_row_is_what_it_says() -> None:
    assert rows_of([(point(1), seen(4.0))], 9) == [Row(point(1), 0.0, 4.0)]

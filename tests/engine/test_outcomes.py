"""What an algorithm is told of a trial."""

from __future__ import annotations

import pytest

from hpogrid.engine.outcomes import curve_of, mean_outcome
from hpogrid.search.base import FAILED, Outcome


@pytest.mark.parametrize(
    ("resources", "rungs", "expected"),
    [
        ([1, 2, 3, 4, 5], (1, 4, 16), [(1, 1), (4, 4)]),
        ([5, 16], (1, 4, 16), [(4, 1), (16, 2)]),  # it jumps, and counts at the highest
        ([None, 0.5, 1], (1,), [(1, 3)]),
        ([1, 2, 3, 4], (), [(1, 1), (2, 2), (4, 4)]),
        ([0, 0.3], (), [(0.25, 2)]),
        ([], (1,), []),
    ],
)
def test_a_rung_has_the_first_report_that_reached_it(
    resources: list[float | None], rungs: tuple[float, ...], expected: list[tuple[float, int]]
) -> None:
    curve = curve_of(resources, rungs, lambda count: (float(count),))

    assert curve == tuple((level, (float(count),)) for level, count in expected)


def test_repetitions_that_ran_to_their_end_count() -> None:
    short = Outcome((9.0,), ((1.0, (9.0,)),), cut=True)
    whole = [Outcome((loss,), ((1.0, (8.0,)), (4.0, (loss,)))) for loss in (1.0, 2.0)]

    assert mean_outcome([short, FAILED, *whole]) == Outcome((1.5,), ((1.0, (8.0,)), (4.0, (1.5,))))
    assert mean_outcome([short, short]) == short
    assert mean_outcome([FAILED, FAILED]) == FAILED


def test_of_cut_repetitions_those_that_came_furthest_count() -> None:
    near = Outcome((9.0,), ((1.0, (9.0,)),), cut=True)
    far = Outcome((5.0,), ((1.0, (8.0,)), (4.0, (5.0,))), cut=True)

    assert mean_outcome([near, far]) == far

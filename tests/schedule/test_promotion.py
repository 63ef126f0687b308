"""ASHA by promotion."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.schedule import schedule_options
from hpogrid.schedule.base import Release, Scheduler
from hpogrid.space.space import Point
from tests.schedule.contract import make

POINT = Point({"x": 0.5}, {"x": 0.5})


def asha(**params: Any) -> Scheduler:
    return make("promotion", **{"max_t": 9, "grace_period": 1, "reduction_factor": 3, **params})


def waits(scheduler: Scheduler, trial: str, loss: float, resource: float = 1) -> None:
    """A trial begins, or goes on, and is told to pause."""
    if resource == 1:
        scheduler.on_start(trial, POINT, 0)
    assert scheduler.on_report(trial, resource, loss) == "pause"
    scheduler.on_pause(trial)


def test_one_in_three_goes_on_before_new_ones_begin() -> None:
    scheduler = asha()
    for number, loss in enumerate((3.0, 1.0), start=1):
        waits(scheduler, f"0-{number}", loss)
        assert scheduler.release(fresh=True) is None
    waits(scheduler, "0-3", 2.0)
    assert scheduler.release(fresh=True) == Release("0-2")
    assert scheduler.release(fresh=True) is None
    waits(scheduler, "0-4", 1.5)
    waits(scheduler, "0-5", 5.0)
    assert scheduler.release(fresh=True) is None, "of five, the best one has gone on"
    waits(scheduler, "0-6", 6.0)
    assert scheduler.release(fresh=True) == Release("0-4")


def test_the_highest_rung_comes_first() -> None:
    scheduler = asha()
    for number in range(1, 10):
        waits(scheduler, f"0-{number}", float(number))
    for number in (1, 2, 3):
        assert scheduler.release(fresh=True) == Release(f"0-{number}")
        waits(scheduler, f"0-{number}", float(number), resource=3)
    for number in (10, 11, 12):
        waits(scheduler, f"0-{number}", float(number))
    assert scheduler.release(fresh=True) == Release("0-1")
    assert scheduler.on_report("0-1", 9, 1.0) == "complete"
    scheduler.on_end("0-1")
    assert scheduler.release(fresh=True) == Release("0-4")


def test_when_none_begins_any_more_the_best_comes_to_its_end_and_the_others_end() -> None:
    scheduler = asha()
    waits(scheduler, "0-1", 2.0)
    waits(scheduler, "0-2", 1.0)
    scheduler.on_start("0-3", POINT, 0)
    assert scheduler.release(fresh=False) is None, "the running one may be the best"
    assert scheduler.on_report("0-3", 1, 3.0) == "pause"
    assert scheduler.release(fresh=False) == Release("0-2")
    scheduler.on_pause("0-3")
    waits(scheduler, "0-2", 1.0, resource=3)
    assert scheduler.release(fresh=False) == Release("0-2")
    assert scheduler.release(fresh=False) is None, "it runs"
    assert scheduler.on_report("0-2", 9, 1.0) == "complete"
    scheduler.on_end("0-2")
    for trial in ("0-1", "0-3"):
        assert scheduler.release(fresh=False) == Release(trial, go_on=False)
        scheduler.on_end(trial)
    assert scheduler.release(fresh=False) is None


def test_trials_of_other_jobs_are_compared_with_and_not_paused() -> None:
    scheduler = asha()
    assert scheduler.on_report("1-1", 1, 0.0) == "continue"
    assert scheduler.on_report("1-2", 1, 9.0) == "continue"
    waits(scheduler, "0-1", 1.0)
    assert scheduler.release(fresh=True) is None, "the best of the three is of another job"
    for number in (3, 4, 5):
        scheduler.on_report(f"1-{number}", 1, 9.0)
    assert scheduler.release(fresh=True) == Release("0-1")


def test_whoever_was_cut_off_where_it_was_to_pause_pauses_again() -> None:
    scheduler = asha()
    scheduler.on_start("0-1", POINT, 0)
    assert scheduler.on_report("0-1", 2, 1.0) == "pause", "it stepped over the rung"
    assert scheduler.release(fresh=True) is None, "its evaluation has not ended"
    assert scheduler.on_report("0-1", 2, 1.0) == "pause"
    scheduler.on_pause("0-1")
    for number in (2, 3):
        waits(scheduler, f"0-{number}", 5.0)
    assert scheduler.release(fresh=True) == Release("0-1")
    assert scheduler.on_report("0-1", 1, 1.0) == "continue", "without a checkpoint it begins anew"
    assert scheduler.on_report("0-1", 2, 1.0) == "continue"
    assert scheduler.on_report("0-1", 3, 1.0) == "pause"


def test_what_went_on_before_its_job_was_killed_is_not_paused_there_again() -> None:
    scheduler = asha()
    scheduler.on_start("0-1", POINT, 0)
    scheduler.on_report("0-1", 1, 1.0)
    assert scheduler.on_report("0-1", 2, 1.0) == "continue", "so it was promoted"
    assert scheduler.release(fresh=True) is None


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"grace_period": 5, "max_t": 4}, "0 < grace_period <= max_t"),
        ({"max_t": 0}, "max_t 0 is not above 0"),
        ({"reduction_factor": 1}, "reduction_factor 1 is not above 1"),
    ],
)
def test_it_refuses(params: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        schedule_options("promotion", params)


def test_the_first_rung_is_at_a_27th_if_nothing_is_said() -> None:
    assert make("promotion", max_t=54).rungs == (2, 6, 18, 54)

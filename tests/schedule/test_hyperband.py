"""HyperBand for BOHB: brackets, rungs, and what comes back from a ledger."""

import pytest

from hpogrid.errors import UserError
from hpogrid.schedule import make_scheduler
from hpogrid.schedule.base import Scheduler
from hpogrid.schedule.hyperband import bracket_shapes, places
from hpogrid.space.space import Point
from hpogrid.space.value import Value, Values

POINT = Point({}, {})


def scheduler(**options: Value) -> Scheduler:
    return make_scheduler("bohbhyperband", {"max_t": 9, "reduction_factor": 3, **options})


def start(target: Scheduler, count: int, first: int = 1) -> list[str]:
    names = [f"0-{number}" for number in range(first, first + count)]
    for name in names:
        target.on_start(name, POINT, 0)
    return names


def pause_all(target: Scheduler, names: list[str], step: int) -> None:
    for rank, name in enumerate(names):
        assert target.on_report(name, step, float(rank)) == "pause"
        target.on_pause(name)


def released(target: Scheduler, fresh: bool) -> dict[str, bool]:
    found = {}
    while (release := target.release(fresh)) is not None:
        found[release.trial] = release.go_on
    return found


@pytest.mark.parametrize(
    ("max_t", "factor", "shapes"),
    [
        (9, 3, [(9, [1, 3, 9]), (5, [3, 9]), (3, [9])]),
        (81, 3, [(81, [1, 3, 9, 27, 81]), (34, [3, 9, 27, 81]), (15, [9, 27, 81]), (8, [27, 81]),
                 (5, [81])]),
        (10, 3, [(9, [10 / 9, 10 / 3, 10]), (5, [10 / 3, 10]), (3, [10])]),
        (1, 3, [(1, [1])]),
    ],
)  # fmt: skip
def test_the_brackets_of_the_paper(
    max_t: int, factor: float, shapes: list[tuple[int, list[float]]]
) -> None:
    assert bracket_shapes(max_t, factor) == shapes


def test_as_many_go_on_as_the_paper_says_for_a_fraction_too() -> None:
    assert [places(32, 2.5, halvings) for halvings in (1, 2, 3)] == [12, 5, 2]


def test_a_full_bracket_keeps_the_best_third_at_each_rung() -> None:
    target = scheduler()
    names = start(target, 9)
    pause_all(target, names, 1)
    assert released(target, fresh=True) == {name: name in names[:3] for name in names}
    pause_all(target, names[:3], 3)
    assert released(target, fresh=True) == {"0-1": True, "0-2": False, "0-3": False}
    assert target.on_report("0-1", 8, 0.0) == "continue"
    assert target.on_report("0-1", 9, 0.0) == "complete"


def test_of_several_objectives_those_go_on_that_the_fewest_others_dominate() -> None:
    target = scheduler()
    names = start(target, 9)
    losses = [(0.0, 9.0), (9.0, 0.0), (5.0, 5.0), *((6.0 + n, 6.0 + n) for n in range(6))]
    for name, (one, other) in zip(names, losses, strict=True):
        assert target.on_report(name, 1, one, other) == "pause"
        target.on_pause(name)
    assert released(target, fresh=True) == {name: name in names[:3] for name in names}


def test_a_rung_waits_for_every_trial_that_may_still_come() -> None:
    target = scheduler()
    names = start(target, 8)
    pause_all(target, names, 1)
    assert target.release(True) is None  # the bracket has nine places
    assert sum(released(target, fresh=False).values()) == 2  # but no ninth trial comes


def test_a_trial_that_is_told_to_pause_is_released_only_once_it_has_paused() -> None:
    target = scheduler()
    [name] = start(target, 1)
    assert target.on_report(name, 1, 0.0) == "pause"
    assert target.release(False) is None
    target.on_pause(name)
    assert released(target, fresh=False) == {name: True}


def test_a_failed_trial_is_not_waited_for_but_counts_as_beaten() -> None:
    target = scheduler()
    names = start(target, 9)
    pause_all(target, names[:8], 1)
    assert target.release(True) is None
    target.on_end(names[8])
    assert sum(released(target, fresh=True).values()) == 3


def test_the_next_bracket_is_filled_while_the_first_waits() -> None:
    target = scheduler()
    start(target, 9)
    second = start(target, 5, first=10)
    assert target.on_report(second[0], 1, 0.0) == "continue"  # its first rung is at 3
    pause_all(target, second, 3)
    assert sum(released(target, fresh=True).values()) == 1


def test_reports_after_a_pause_tell_that_it_went_on() -> None:
    """As when a resumed job reads its ledger: decisions of the past are not asked for again."""
    target = scheduler()
    names = start(target, 9)
    for rank, name in enumerate(names):
        target.on_report(name, 1, float(rank))
    for name in names[3:]:
        target.on_end(name)
    assert target.on_report("0-1", 2, 0.0) == "continue"
    assert target.on_report("0-1", 3, 0.0) == "pause"
    target.on_pause("0-1")
    for name in ("0-2", "0-3"):
        target.on_pause(name)  # promoted, but not one report further when the job was killed
    assert released(target, fresh=True) == {"0-2": True, "0-3": True}


def test_trials_of_other_jobs_are_left_alone() -> None:
    assert scheduler().on_report("7-1", 9, 0.0) == "continue"


@pytest.mark.parametrize("options", [{"max_t": 0}, {"reduction_factor": 1}, {"max_k": 3}])
def test_bad_options_are_refused(options: Values) -> None:
    with pytest.raises(UserError, match="scheduler_param of bohbhyperband"):
        scheduler(**options)

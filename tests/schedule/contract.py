"""What holds for every scheduler. The tests run it over the whole registry."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from typing import Any

import pytest

from hpogrid.report.pareto import beats
from hpogrid.schedule import SCHEDULERS, make_scheduler, schedule_options
from hpogrid.schedule.base import Decision, Scheduler
from hpogrid.search.base import Problem, describe_options
from hpogrid.space.dialects import read_space
from hpogrid.space.space import Point, Space
from hpogrid.study.values import Losses

SPACE = {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}
ENDS = ("stop", "complete")


def some_losses(rng: random.Random, count: int = 12, objectives: int = 2) -> dict[str, Losses]:
    """Trials by their names; some share a value, and some have the same in all objectives."""
    numbers = range(1, count + 1)
    return {f"0-{n}": tuple(float(rng.randrange(8)) for _ in range(objectives)) for n in numbers}


def space() -> Space:
    return read_space(SPACE, "space")[0]


def make(name: str, **params: Any) -> Scheduler:
    """The scheduler called ``name``, for one search."""
    return make_scheduler(name, params, Problem(space(), ("min",), seed=1, trials=20))


class SchedulerContract:
    """Whoever runs it names a scheduler, and parameters with which it decides within ten steps.

    Attributes:
        name: in the registry.
        params: for instance ``{"max_t": 10}``.
    """

    name = ""
    params: dict[str, Any] = {}

    def scheduler(self) -> Scheduler:
        return make(self.name, **self.params)

    def live(
        self, losses: Mapping[str, float | Losses], steps: int = 10
    ) -> dict[str, list[Decision]]:
        """Trials that take their steps in turns, with the same result; what was decided on each."""
        scheduler = self.scheduler()
        decisions: dict[str, list[Decision]] = {trial: [] for trial in losses}
        points = {trial: Point({"x": 0.5}, {"x": 0.5}) for trial in losses}
        for trial in losses:
            scheduler.on_start(trial, points[trial], 0)
        for step in range(1, steps + 1):
            for trial, loss in losses.items():
                if decisions[trial] and decisions[trial][-1] != "continue":
                    continue
                values = loss if isinstance(loss, tuple) else (loss,)
                decisions[trial].append(scheduler.on_report(trial, step, *values))
                if decisions[trial][-1] in ENDS:
                    scheduler.on_end(trial)
        return decisions

    def test_it_is_in_the_registry(self) -> None:
        assert SCHEDULERS.summary(self.name)
        assert isinstance(SCHEDULERS.load(self.name).Settings, type)

    def test_every_parameter_has_a_default_and_is_described(self) -> None:
        options = schedule_options(self.name, {})
        assert "max_concurrent=4" in describe_options(type(options))
        assert schedule_options(self.name, {"max_concurrent": 2}).max_concurrent == 2

    def test_decisions_are_of_the_known_kinds(self) -> None:
        rng = random.Random(1)
        decided = self.live({f"0-{number}": rng.random() for number in range(1, 13)})
        known = {"continue", "stop", "complete", "pause"}
        assert {decision for trial in decided.values() for decision in trial} <= known

    def test_the_best_trial_is_never_stopped(self) -> None:
        losses = {f"0-{number}": float(number) for number in range(1, 13)}
        assert "stop" not in self.live(losses)["0-1"]

    def test_a_trial_alone_is_not_stopped(self) -> None:
        assert "stop" not in self.live({"0-1": 5.0})["0-1"]

    def test_only_the_order_of_losses_counts(self) -> None:
        losses = {f"0-{number}": float(number) for number in range(1, 13)}
        scaled = {trial: 1000 * loss - 7 for trial, loss in losses.items()}
        assert self.live(losses) == self.live(scaled)

    def test_with_several_objectives_only_the_order_in_each_counts(self) -> None:
        for seed in range(20):
            losses = some_losses(random.Random(seed), objectives=3)
            decided = self.live(losses)
            assert decided == self.live({name: (c, a, b) for name, (a, b, c) in losses.items()})
            scaled = {name: (1000 * a - 7, b / 1024, 2.0**c) for name, (a, b, c) in losses.items()}
            assert decided == self.live(scaled)

    def decided_on(self, scheduler: Scheduler, losses: Losses) -> Decision:
        """What becomes of a new trial, in a copy of the scheduler."""
        after = copy.deepcopy(scheduler)
        after.on_start("0-99", Point({"x": 0.5}, {"x": 0.5}), 0)
        return after.on_report("0-99", 2, *losses)

    def test_no_dominated_trial_goes_on_where_one_that_is_not_is_stopped(self) -> None:
        for seed in range(20):
            rng = random.Random(seed)
            scheduler, others = self.scheduler(), some_losses(rng)
            for name, losses in others.items():
                scheduler.on_report(name, 2, *losses)
            decided: dict[bool, set[Decision]] = {False: set(), True: set()}
            for losses in some_losses(rng, 40).values():
                dominated = any(beats(other, losses) for other in others.values())
                decided[dominated].add(self.decided_on(scheduler, losses))
            assert "stop" not in decided[False] or decided[True] <= {"stop"}

    def test_what_is_made_anew_from_the_ledger_decides_the_same(self) -> None:
        """That has the trials one after another, however their reports came."""
        rng = random.Random(1)
        lived, resumed = self.scheduler(), self.scheduler()
        curves = {
            name: [tuple(value + rng.random() for value in losses) for _ in range(10)]
            for name, losses in some_losses(rng).items()
        }
        for scheduler in (lived, resumed):
            for name in curves:
                scheduler.on_start(name, Point({"x": 0.5}, {"x": 0.5}), 0)
        for step in range(10):
            for name in sorted(curves, key=lambda _: rng.random()):
                lived.on_report(name, step + 1, *curves[name][step])
        for name, curve in curves.items():
            for step, losses in enumerate(curve, start=1):
                resumed.on_report(name, step, *losses)
        for losses in some_losses(rng, 40).values():
            assert self.decided_on(lived, losses) == self.decided_on(resumed, losses)

    def test_trials_of_other_jobs_count_too(self) -> None:
        """What a job is told of trials that it never started is no error."""
        scheduler = self.scheduler()
        for number in range(1, 9):
            scheduler.on_report(f"1-{number}", 1, float(number))
            scheduler.on_end(f"1-{number}")
        assert scheduler.on_report("0-1", 1, 0.0) in ("continue", "pause")

    def test_a_step_that_comes_again_is_no_error(self) -> None:
        """An interrupted trial begins anew and reports the same steps."""
        scheduler = self.scheduler()
        point = Point({"x": 0.5}, {"x": 0.5})
        scheduler.on_start("0-1", point, 0)
        for step in (1, 2, 1, 2, 3):
            assert scheduler.on_report("0-1", step, 1.0) != "stop"

    def test_nothing_is_released_that_was_not_paused(self) -> None:
        assert self.scheduler().release(fresh=True) is None

    def test_a_wrong_parameter_lists_the_right_ones(self) -> None:
        from hpogrid.errors import UserError

        with pytest.raises(UserError, match=r"scheduler_param of .*valid: .*max_concurrent=4"):
            schedule_options(self.name, {"no_such_key": 1})
        with pytest.raises(UserError, match="max_concurrent 0 is not above 0"):
            schedule_options(self.name, {"max_concurrent": 0})

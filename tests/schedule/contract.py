"""What holds for every scheduler. The tests run it over the whole registry."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hpogrid.schedule import SCHEDULERS, make_scheduler, schedule_options
from hpogrid.schedule.base import Decision, Scheduler
from hpogrid.search.base import Problem, describe_options
from hpogrid.space.dialects import read_space
from hpogrid.space.space import Point, Space

SPACE = {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}
ENDS = ("stop", "complete")


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

    def live(self, losses: dict[str, float], steps: int = 10) -> dict[str, list[Decision]]:
        """Trials that take their steps in turns, each with one loss; what was decided on each."""
        scheduler = self.scheduler()
        decisions: dict[str, list[Decision]] = {trial: [] for trial in losses}
        points = {trial: Point({"x": 0.5}, {"x": 0.5}) for trial in losses}
        for trial in losses:
            scheduler.on_start(trial, points[trial], 0)
        for step in range(1, steps + 1):
            for trial, loss in losses.items():
                if decisions[trial] and decisions[trial][-1] != "continue":
                    continue
                decisions[trial].append(scheduler.on_report(trial, step, loss))
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

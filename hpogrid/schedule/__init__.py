"""Who stops a trial early: one file for each scheduler, found by its name here."""

from __future__ import annotations

from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import Entry, Registry
from hpogrid.schedule.base import ScheduleOptions, Scheduler
from hpogrid.search.base import Problem, read_options

SCHEDULERS = Registry(
    "scheduler",
    {
        "asynchyperband": Entry(
            "hpogrid.schedule.asha:AshaScheduler",
            "asynchronous successive halving (ASHA); the default",
        ),
        "bohbhyperband": Entry(
            "hpogrid.schedule.hyperband:HyperBandScheduler",
            "HyperBand whose brackets wait for each other; made for the algorithm bohb",
        ),
        "pbt": Entry(
            "hpogrid.schedule.pbt:PbtScheduler",
            "population based training: the worse trials copy the better ones (needs checkpoints)",
        ),
        "median": Entry(
            "hpogrid.schedule.median:MedianScheduler",
            "stops what is worse than the median of the others",
        ),
        "none": Entry("hpogrid.schedule.none:NoScheduler", "every trial runs to its end"),
    },
)


def schedule_options(name: str, params: dict[str, Any]) -> ScheduleOptions:
    """Check ``scheduler_param``.

    Raises:
        UserError: unknown scheduler or key; the valid ones are listed.
    """
    kind = SCHEDULERS.load(name)
    options = read_options(kind.Settings, params, f"scheduler_param of {name}")
    assert isinstance(options, ScheduleOptions)
    return options


def check_pair(scheduler: str, algorithm: str, repeat: int = 1) -> None:
    """Refuse an algorithm that a scheduler cannot serve, or repetitions that would differ.

    Raises:
        UserError: the reason, and the algorithms to choose from.
    """
    served = SCHEDULERS.load(scheduler).algorithms
    if served is not None and algorithm not in served:
        raise UserError(
            f"scheduler {scheduler} changes the parameters of running trials by itself, so the "
            f"model of algorithm {algorithm} would learn nothing true; use --algorithm "
            f"{' or '.join(served)}, or another scheduler"
        )
    if served is not None and repeat > 1:
        raise UserError(
            f"scheduler {scheduler} changes the parameters of running trials, so that repetitions "
            "would not be of the same configuration; use --repeat 1, or another scheduler"
        )


def make_scheduler(name: str, params: dict[str, Any], problem: Problem | None = None) -> Scheduler:
    """The scheduler called ``name``, for a problem."""
    options = schedule_options(name, params)
    scheduler: Scheduler = SCHEDULERS.load(name)(options, problem)
    return scheduler

"""Who stops a trial early: one file for each scheduler, found by its name here."""

from __future__ import annotations

from typing import Any

from hpogrid.registry import Entry, Registry
from hpogrid.schedule.base import Scheduler, ScheduleOptions
from hpogrid.search.base import read_options

SCHEDULERS = Registry(
    "scheduler",
    {
        "asynchyperband": Entry(
            "hpogrid.schedule.asha:AshaScheduler",
            "asynchronous successive halving (ASHA); the default",
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


def make_scheduler(name: str, params: dict[str, Any]) -> Scheduler:
    """The scheduler called ``name``."""
    options = schedule_options(name, params)
    scheduler: Scheduler = SCHEDULERS.load(name)(options)
    return scheduler

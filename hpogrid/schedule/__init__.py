"""Who stops a trial early: one file for each scheduler, found by its name here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec.structs import fields

from hpogrid.errors import UserError
from hpogrid.registry import Entry, Registry
from hpogrid.schedule.base import ScheduleOptions, Scheduler
from hpogrid.search.base import Problem, read_options
from hpogrid.space.value import Values

SCHEDULERS = Registry(
    "scheduler",
    {
        "asynchyperband": Entry(
            "hpogrid.schedule.asha:AshaScheduler",
            "asynchronous successive halving (ASHA); the default",
        ),
        "promotion": Entry(
            "hpogrid.schedule.promotion:PromotionScheduler",
            "ASHA whose trials wait at each rung, and the best go on (saves most with checkpoints)",
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


def schedule_options(name: str, params: Values) -> ScheduleOptions:
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


def longest(name: str, params: Mapping[str, Any], stop: Mapping[str, float]) -> int | None:
    """The ``max_t`` that follows from when trials stop; None: it is given, or does not follow."""
    known = {field.name: field.default for field in fields(SCHEDULERS.load(name).Settings)}
    attr = params.get("time_attr", known.get("time_attr"))
    limit = stop.get(str(attr), 0)
    if "max_t" not in known or "max_t" in params or limit <= 1 or not math.isfinite(limit):
        return None
    return max(math.ceil(limit), math.ceil(params.get("grace_period") or 1))


def make_scheduler(
    name: str,
    params: Values,
    problem: Problem | None = None,
    stop: Mapping[str, float] | None = None,
    learns: bool = True,
) -> Scheduler:
    """The scheduler called ``name``, for a problem whose trials end at ``stop``.

    Args:
        learns: whether the algorithm proposes by what was found.
    """
    max_t = longest(name, params, stop or {})
    options = schedule_options(name, params if max_t is None else {**params, "max_t": max_t})
    scheduler: Scheduler = SCHEDULERS.load(name)(options.settled(learns), problem)
    return scheduler

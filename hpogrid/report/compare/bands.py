"""The best value over trials or time: the median over the replicates, and how far they spread."""

from __future__ import annotations

import math

import msgspec

from hpogrid.report.compare.model import Budget, Entrant, Unit, quantile
from hpogrid.report.sample import thinned
from hpogrid.search.base import Mode

MOST_POINTS = 300


class Band(msgspec.Struct):
    """Steps: at each ``x`` the values change to those beside it, until the next one.

    Attributes:
        x: ended trials, or seconds since the start; the last one is where the shortest replicate
            ends that is not over (see `Replicate`).
        median, low, high: over the replicates, with the quartiles.
        least, most: the smallest and the largest value.
    """

    x: list[float]
    median: list[float]
    low: list[float]
    high: list[float]
    least: list[float]
    most: list[float]


def band(entrant: Entrant, unit: Unit, mode: Mode) -> Band:
    """The band of a study, from where all of its replicates have a result; it may be empty."""
    sign = 1 if mode == "min" else -1
    place = 0 if unit == "trials" else 1
    known = [one for one in entrant.replicates if one.steps]
    ends = {id(one): float(one.trials if unit == "trials" else one.seconds) for one in known}
    lasting = [ends[id(one)] for one in known if not one.over]
    end = min(lasting) if lasting else max(ends.values(), default=0.0)
    changes = {float(step[place]) for one in known for step in one.steps if step[place] <= end}
    found = Band([], [], [], [], [], [])
    for x in thinned(sorted(changes | {end}), MOST_POINTS):
        values = [one.best(Budget(unit, x)) for one in known]
        losses = sorted(math.inf if value is None else sign * value for value in values)
        if not losses or math.isinf(losses[-1]):
            continue
        edges = [sign * quantile(losses, share) for share in (0, 0.25, 0.5, 0.75, 1)]
        least, low, median, high, most = edges if sign > 0 else edges[::-1]
        for column, value in zip(
            (found.x, found.median, found.low, found.high, found.least, found.most),
            (x, median, low, high, least, most),
            strict=True,
        ):
            column.append(value)
    return found

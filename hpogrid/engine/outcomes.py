"""What an algorithm is told of a trial: where it stood on its way, and what repetitions mean."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Iterable, Sequence

from hpogrid.schedule.base import reaches
from hpogrid.search.base import FAILED, Outcome

Values = tuple[float, ...]

REPORTS = "training_iteration"
SECONDS = "time_total_s"
"""The metrics that count a trial's reports and its seconds, without that a script reports them."""


def curve_of(
    resources: Iterable[float | None],
    rungs: Sequence[float],
    values_after: Callable[[int], Values | None],
) -> tuple[tuple[float, Values], ...]:
    """The objectives at each rung that a trial came to, at the first report that reached it.

    Args:
        resources: after each report, in order; None: a report that does not say.
        rungs: in rising order; none: the powers of two.
        values_after: the objectives that the trial would have, had it ended after that report.
    """
    found: dict[float, Values] = {}
    for count, resource in enumerate(resources, start=1):
        level = _level(resource, rungs)
        if level is None or level in found:
            continue
        values = values_after(count)
        if values is not None:
            found[level] = values
    return tuple(sorted(found.items()))


def _level(resource: float | None, rungs: Sequence[float]) -> float | None:
    """The highest rung that a resource has come to."""
    if resource is None:
        return None
    if rungs:
        return max((rung for rung in rungs if reaches(resource, rung)), default=None)
    return 2.0 ** math.floor(math.log2(resource)) if 0 < resource < math.inf else None


def mean_outcome(outcomes: Collection[Outcome]) -> Outcome:
    """What the repetitions of a configuration come to together.

    Failed ones do not count, and where some ran to their end, those that were cut do not; where
    all were cut, those that came furthest count. If all failed, so has the configuration.
    """
    alive = [item for item in outcomes if item.values is not None]
    if not alive:
        return FAILED
    cut = all(item.cut for item in alive)
    if cut:
        furthest = max(map(_reached, alive))
        kept = [item for item in alive if _reached(item) == furthest]
    else:
        kept = [item for item in alive if not item.cut]
    curves = [dict(item.curve) for item in kept]
    shared = sorted(set(curves[0]).intersection(*curves))
    curve = tuple((level, _means([curve[level] for curve in curves])) for level in shared)
    return Outcome(_means([item.values for item in kept if item.values is not None]), curve, cut)


def _reached(outcome: Outcome) -> float:
    return outcome.curve[-1][0] if outcome.curve else 0.0


def _means(rows: Sequence[Values]) -> Values:
    return tuple(map(statistics.fmean, zip(*rows, strict=True)))

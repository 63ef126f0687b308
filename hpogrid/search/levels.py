"""What points came to at each resource, as a model sees it that has an axis for the resource."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hpogrid.search.curves import Seen
from hpogrid.space.latent import Latents

_WIDE = 27.0
"""Resources that differ by this factor are as far apart as the ends of an axis."""


@dataclass(frozen=True, slots=True)
class Row:
    """A loss of a point.

    Attributes:
        point: where.
        level: the resource: 0 for that of whole trials, and negative below it.
        loss: what it would be in the end, had it changed as the median of all did.
    """

    point: Latents
    level: float
    loss: float


def rows_of(trials: Sequence[tuple[Latents, Seen]], most: int) -> list[Row]:
    """The first objective of trials, one row each if none was cut.

    Else one for each resource at which a trial was compared: so a model finds out by itself how
    much the beginning tells of the end, and what was cut early misleads it no further than that.

    Args:
        trials: no more than ``most``.
        most: so many rows at most; the last one of each trial is among them.
    """
    if not any(seen.cut for _, seen in trials):
        return [Row(point, 0.0, seen.losses[0]) for point, seen in trials]
    top = _top([seen for _, seen in trials])
    curves = [_curve(seen, top) for _, seen in trials]
    shifts = dict(_shifts(curves))
    ends, others = list[Row](), list[Row]()
    for (point, _), curve in zip(trials, curves, strict=True):
        last = max(curve)
        for level, loss in curve.items():
            row = Row(point, _below(level, top), loss + shifts[level])
            (ends if level == last else others).append(row)
    others.sort(key=lambda row: row.level, reverse=True)
    return ends + others[: max(most - len(ends), 0)]


def _top(trials: Sequence[Seen]) -> float:
    """The resource of whole trials; none of those that were cut stands there with them."""
    top = max(seen.level for seen in trials)
    cut = any(seen.cut and seen.level == top for seen in trials)
    return 2 * top if cut and not all(seen.cut for seen in trials) else top


def _curve(seen: Seen, top: float) -> dict[float, float]:
    """The loss at each resource; where one is not known, that of whole trials."""
    curve = {level: losses[0] for level, losses in seen.curve.items()}
    if not seen.cut or not curve:
        curve[top] = seen.losses[0]
    return curve


def _shifts(curves: Sequence[Mapping[float, float]]) -> Iterator[tuple[float, float]]:
    """For each resource, what losses change by from there to the end, in the median."""
    levels = sorted({level for curve in curves for level in curve}, reverse=True)
    total = 0.0
    yield levels[0], total
    for high, low in itertools.pairwise(levels):
        changes = [curve[high] - curve[low] for curve in curves if high in curve and low in curve]
        total += statistics.median(changes) if changes else 0.0
        yield low, total


def _below(level: float, top: float) -> float:
    return math.log(level / top, _WIDE) if level < top else 0.0

"""Several objectives: the trials that no other one beats, and how much they dominate."""

from __future__ import annotations

import math
from collections.abc import Sequence

Losses = tuple[float, ...]
"""The values of a trial by objective, each smaller the better."""


def front(trials: Sequence[Losses | None]) -> list[int]:
    """The places of those that no other one beats: as good in each objective, better in one.

    Args:
        trials: None for a trial without a result; it beats nothing and is beaten.
    """
    known = [(losses, place) for place, losses in enumerate(trials) if losses is not None]
    best: list[tuple[Losses, int]] = []
    for losses, place in sorted(known):
        if not any(beats(other, losses) for other, _ in best):
            best.append((losses, place))
    return sorted(place for _, place in best)


def beats(one: Losses, other: Losses) -> bool:
    """Whether one is as good in each objective, and better in one of them."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def hypervolume(trials: Sequence[Losses | None]) -> float:
    """The share that the front dominates of the box between the best and the worst values.

    Between 0 and 1, the larger the better. The box is that of the trials given, so that the
    shares of two searches compare only where both saw the same worst values. An objective in
    which all trials are the same counts as reached.
    """
    known = [losses for losses in trials if losses is not None]
    if not known:
        return 0.0
    bounds = [(min(values), max(values)) for values in zip(*known, strict=True)]
    scaled = [
        tuple(
            (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0  # never too large
            for value, (low, high) in zip(known[place], bounds, strict=True)
        )
        for place in front(known)
    ]
    return _volume(sorted(set(scaled)))


def _volume(points: list[Losses]) -> float:
    """What points of the unit cube dominate: of each its box, less what the later ones share."""
    total = 0.0
    for place, point in enumerate(points):
        shared = [tuple(map(max, point, other)) for other in points[place + 1 :]]
        total += math.prod(1 - value for value in point) - _volume(_front_of(shared))
    return total


def _front_of(points: list[Losses]) -> list[Losses]:
    distinct = sorted(set(points))
    return [distinct[place] for place in front(distinct)]

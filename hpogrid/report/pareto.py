"""Several objectives: the trials that no other one beats, and how much they dominate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hpogrid.study.values import Losses

MOST_STEPS = 200
"""So many steps of the hypervolume's history are reckoned; each takes a while."""


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
    scaled = _scaled([known[place] for place in front(known)], known)
    return volume(sorted(set(scaled)))


def growth(trials: Sequence[Losses | None]) -> list[tuple[int, float]]:
    """How the hypervolume has grown: after which trials, by their places, and to what.

    The box is that of all trials, so that the last share is that of `hypervolume`. Of very many
    steps some are left out, never the last one.

    Args:
        trials: in the order in which they ended.
    """
    known = [losses for losses in trials if losses is not None]
    if not known:
        return []
    scaled = iter(_scaled(known, known))
    steps: list[tuple[int, list[Losses]]] = []
    best: list[Losses] = []
    for place, losses in enumerate(trials):
        point = None if losses is None else next(scaled)
        if point is None or point in best or any(beats(other, point) for other in best):
            continue
        best = [other for other in best if not beats(point, other)] + [point]
        steps.append((place, best))
    stride = -(-len(steps) // MOST_STEPS)
    return [(place, volume(sorted(points))) for place, points in steps[::-1][::stride][::-1]]


def _scaled(points: Sequence[Losses], known: Sequence[Losses]) -> list[Losses]:
    """Points in the box of all that is known, as in the unit cube."""
    bounds = [(min(values), max(values)) for values in zip(*known, strict=True)]
    return [
        tuple(
            (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0  # never too large
            for value, (low, high) in zip(losses, bounds, strict=True)
        )
        for losses in points
    ]


def volume(points: list[Losses]) -> float:
    """What points of the unit cube dominate: of each its box, less what the later ones share."""
    total = 0.0
    for place, point in enumerate(points):
        shared = [tuple(map(max, point, other)) for other in points[place + 1 :]]
        total += math.prod(1 - value for value in point) - volume(_front_of(shared))
    return total


def _front_of(points: list[Losses]) -> list[Losses]:
    distinct = sorted(set(points))
    return [distinct[place] for place in front(distinct)]

"""How a trial stands among others, by all of the objectives at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hpogrid.study.values import Losses

_MOST = 1000
"""With so many trials another one is compared, the last ones: more take time, and tell no more."""

Key = tuple[int, bool, int]


def standing(trials: Sequence[Losses]) -> list[Key]:
    """Of each trial what puts it in order: the smaller, the better it stands.

    First counts how many others dominate it (the rank of Fonseca and Fleming, 1993); of those
    that as many dominate, the best of all in an objective comes first, and then who is better
    than the most others, summed over the objectives. So where nothing dominates anything there
    is an order too, and the scale of an objective has no say in it. With one objective it is the
    order of losses.
    """
    count = len(trials)
    bits = [1 << index for index in range(count)]
    better_than = [0] * count  # of each trial, as bits: whom it beats in one objective or more
    wins = [0] * count
    firsts = 0
    for column in zip(*trials, strict=True):
        worse = equal = start = 0
        last: float | None = None
        order = sorted(range(count), key=column.__getitem__, reverse=True)
        for place, index in enumerate(order):
            if column[index] != last:
                worse, equal, start, last = worse | equal, 0, place, column[index]
            equal |= bits[index]
            better_than[index] |= worse
            wins[index] += start
        firsts |= equal
    same = Counter(trials)
    ranks = (
        count - better.bit_count() - same[losses]
        for losses, better in zip(trials, better_than, strict=True)
    )
    return [
        (rank, not firsts & bit, -won) for rank, bit, won in zip(ranks, bits, wins, strict=True)
    ]


def best_first(trials: Mapping[str, Losses]) -> list[str]:
    """The names of trials in the order in which they stand; equals stay as they were."""
    keys = dict(zip(trials, standing(list(trials.values())), strict=True))
    return sorted(keys, key=keys.__getitem__)


def is_behind(losses: Losses, others: Sequence[Losses], factor: float) -> bool:
    """Whether more of the others than one in ``factor`` stand before a trial."""
    others = others[-_MOST:]
    own, *keys = standing([losses, *others])
    return sum(key < own for key in keys) * factor > max(len(others) - 1, 0)

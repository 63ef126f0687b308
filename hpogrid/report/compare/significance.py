"""Whether two studies differ by more than chance: rank tests, corrected for their number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.compare.model import Pair, Verdict

MANN_WHITNEY = "Mann-Whitney U, Holm"
WILCOXON = "Wilcoxon signed rank, Holm"

Losses = dict[str, list[float]]
"""For each study the values of its replicates, smaller is better; infinite: no result."""


def judge_pairs(losses: Losses, alpha: float, *, paired: bool = False) -> list[Pair]:
    """Test every pair of studies; where no result could be significant, say so instead.

    Args:
        losses: the studies, best first. For paired tests, values at one place belong together.
        alpha: the level.
        paired: whether they do.

    Raises:
        UserError: SciPy is not installed; the extra is named.
    """
    names = list(itertools.combinations(losses, 2))
    least = {pair: smallest_p(len(losses[pair[0]]), len(losses[pair[1]]), paired) for pair in names}
    hopeless = not names or min(least.values()) * len(names) >= alpha
    tested = [pair for pair in names if not hopeless and least[pair] < alpha]
    test = _signed_rank if paired else _rank_sum
    results = {pair: test(losses[pair[0]], losses[pair[1]]) for pair in tested}
    measured = {pair: max(result.p, least[pair]) for pair, result in results.items()}
    adjusted = holm(measured)
    found = []
    for pair in names:
        first, second = pair
        corrected = adjusted.get(pair)
        verdict: Verdict = "too few seeds" if corrected is None else "no difference shown"
        if corrected is not None and corrected < alpha:
            verdict = "better" if results[pair].first_is_better else "worse"
        wins = _wins(losses[first], losses[second], paired)
        found.append(Pair(first, second, wins, measured.get(pair), corrected, verdict))
    return found


def smallest_p(first: int, second: int, paired: bool) -> float:
    """The smallest two-sided p that so many replicates can give, at the clearest difference."""
    if paired:
        return min(1.0, 2.0 ** (1 - first))
    return min(1.0, 2.0 / math.comb(first + second, first))


def seeds_needed(pairs: int, alpha: float, paired: bool) -> int:
    """How many replicates each study needs so that a difference can be significant."""
    return next(n for n in itertools.count(1) if smallest_p(n, n, paired) * pairs < alpha)


def holm(measured: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """P values corrected for their number, by Holm's step-down rule."""
    found: dict[tuple[str, str], float] = {}
    last = 0.0
    for place, pair in enumerate(sorted(measured, key=measured.__getitem__)):
        last = min(1.0, max(last, (len(measured) - place) * measured[pair]))
        found[pair] = last
    return found


def _wins(first: Sequence[float], second: Sequence[float], paired: bool) -> float:
    """The share of pairs of replicates in which the first study's is better; ties count half."""
    pairs = list(zip(first, second, strict=True) if paired else itertools.product(first, second))
    return sum((a < b) + (a == b) / 2 for a, b in pairs) / len(pairs)


class _Tested(NamedTuple):
    """What a test says: the two-sided p, and the direction of its own statistic."""

    p: float
    first_is_better: bool


def _rank_sum(first: list[float], second: list[float]) -> _Tested:
    """Mann-Whitney U (SciPy's) on the ranks, which knows no infinities."""
    stats: Any = require("scipy.stats", extra="compare", what="compare")
    ranks = _ranks([*first, *second])
    result = stats.mannwhitneyu(ranks[: len(first)], ranks[len(first) :])
    return _Tested(float(result.pvalue), result.statistic < len(first) * len(second) / 2)


def _signed_rank(first: list[float], second: list[float]) -> _Tested:
    """Wilcoxon's signed ranks (SciPy's): the direction is that of the larger rank sum.

    One pair far apart weighs no more than its rank: medians and means may point the other way.
    """
    stats: Any = require("scipy.stats", extra="compare", what="compare")
    if any(map(math.isinf, [*first, *second])):
        raise UserError(
            "a replicate has no result, so pairs cannot be subtracted: leave out --paired"
        )
    if first == second:
        return _Tested(1.0, False)
    less = stats.wilcoxon(first, second, alternative="less")
    greater = stats.wilcoxon(first, second, alternative="greater")
    return _Tested(float(stats.wilcoxon(first, second).pvalue), less.pvalue < greater.pvalue)


def _ranks(values: list[float]) -> list[int]:
    """The order of the values: what the test looks at, without infinities."""
    places = {value: place for place, value in enumerate(sorted(set(values)))}
    return [places[value] for value in values]

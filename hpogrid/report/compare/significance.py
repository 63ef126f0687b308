"""Whether two studies differ by more than chance: rank tests, corrected for their number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

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
    measured = {
        pair: max(_p_value(losses[pair[0]], losses[pair[1]], paired), least[pair])
        for pair in tested
    }
    adjusted = holm(measured)
    found = []
    for first, second in names:
        wins = _wins(losses[first], losses[second])
        corrected = adjusted.get((first, second))
        verdict: Verdict = "too few seeds" if corrected is None else "no difference shown"
        if corrected is not None and corrected < alpha:
            verdict = "better" if wins > 0.5 else "worse"
        found.append(Pair(first, second, wins, measured.get((first, second)), corrected, verdict))
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


def _wins(first: Sequence[float], second: Sequence[float]) -> float:
    """The share of pairs of replicates in which the first study's is better; ties count half."""
    points = sum((a < b) + (a == b) / 2 for a in first for b in second)
    return points / (len(first) * len(second))


def _p_value(first: list[float], second: list[float], paired: bool) -> float:
    stats: Any = require("scipy.stats", extra="compare", what="compare")
    if not paired:
        ranks = _ranks([*first, *second])
        return float(stats.mannwhitneyu(ranks[: len(first)], ranks[len(first) :]).pvalue)
    if any(map(math.isinf, [*first, *second])):
        raise UserError(
            "a replicate has no result, so pairs cannot be subtracted: leave out --paired"
        )
    if first == second:
        return 1.0
    return float(stats.wilcoxon(first, second).pvalue)


def _ranks(values: list[float]) -> list[int]:
    """The order of the values: what the test looks at, without infinities."""
    places = {value: place for place, value in enumerate(sorted(set(values)))}
    return [places[value] for value in values]

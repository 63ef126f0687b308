"""Compare studies: who was best after the same budget, and whether by more than chance."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.compare.model import (
    Budget,
    Comparison,
    Entrant,
    Pair,
    Replicate,
    Standing,
    Verdict,
    quantile,
    replicates,
)
from hpogrid.report.load import Source, load_sources, objectives_of, remarks
from hpogrid.report.results import Objective
from hpogrid.site.choice import Filters

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MANN_WHITNEY = "Mann-Whitney U, Holm"
WILCOXON = "Wilcoxon signed rank, Holm"
Losses = dict[str, list[float]]
"""For each study the values of its replicates, smaller is better; infinite: no result."""


def compare_studies(
    targets: Sequence[str],
    *,
    filters: Filters | None = None,
    objective: Objective | None = None,
    at: str | None = None,
    paired: bool = False,
    alpha: float = 0.05,
) -> Comparison:
    """Compare projects, ledgers, folders of ledgers, or result files.

    Args:
        targets: two or more of them.
        filters: which tasks of projects count.
        objective: compare by this; by default what all of them optimise.
        at: after so many trials (``50``) or so long (``300s``, ``10m``); by default after as many
            trials as the shortest replicate has.
        paired: the replicates of all studies with the same seed belong together.
        alpha: the level of significance.

    Raises:
        UserError: fewer than two, not of the same metric and mode, or no results.
    """
    if len(targets) < 2:
        raise UserError("compare needs two or more studies: hpogrid compare P1 P2")
    loaded = {target: load_sources(target, filters) for target in dict.fromkeys(targets)}
    if len(loaded) < 2:
        raise UserError(f"'{targets[0]}' cannot be compared with itself; name another study")
    chosen = objective or _common_objective(loaded)
    notes = [f"{name}: {note}" for name, found in loaded.items() for note in remarks(found)]
    entrants = []
    for name, sources in zip(_names(loaded), loaded.values(), strict=True):
        found, left_out = replicates(sources, chosen)
        notes += left_out
        if not any(one.steps for one in found):
            raise UserError(f"{name} has no result of '{chosen.name}' to compare")
        entrants.append(Entrant(name, found))
    return judge(entrants, chosen, at=at, paired=paired, alpha=alpha, notes=notes)


def judge(
    entrants: Sequence[Entrant],
    objective: Objective,
    *,
    at: str | None = None,
    paired: bool = False,
    alpha: float = 0.05,
    notes: Sequence[str] = (),
) -> Comparison:
    """The standing of studies whose replicates are known; see `compare_studies`."""
    said = list(notes)
    budget = read_budget(at) if at else _shortest(entrants)
    sign = 1 if objective.mode == "min" else -1
    counted = {item.name: _that_count(item, budget, said) for item in entrants}
    if paired:
        counted = _by_seed(counted, said)
    losses = {
        name: [math.inf if (v := one.best(budget)) is None else sign * v for one in found]
        for name, found in counted.items()
    }
    for name, values in losses.items():
        if count := sum(map(math.isinf, values)):
            said.append(f"{name}: {count} of {len(values)} without a result; they count as worst")
    standings = _standings(losses, sign)
    order = {item.study: losses[item.study] for item in standings}
    pairs = judge_pairs(order, alpha, paired=paired)
    said += _too_few(pairs, alpha, paired)
    studies = sorted(entrants, key=lambda item: list(order).index(item.name))
    test = WILCOXON if paired else MANN_WHITNEY
    return Comparison(
        objective.name, objective.mode, budget, test, alpha, studies, standings, pairs, said
    )


def read_budget(text: str) -> Budget:
    """Read ``50`` (trials), or ``300s``, ``10m``, ``2h``, ``1d``.

    Raises:
        UserError: it is neither.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text.strip())
    amount = float(match[1]) if match else 0.0
    if match is None or not amount or (not match[2] and amount != int(amount)):
        raise UserError(f"--at '{text}' is neither trials nor a time; write 50, 300s, 10m or 2h")
    if not match[2]:
        return Budget("trials", amount)
    return Budget("seconds", amount * _SECONDS[match[2]])


def _names(loaded: dict[str, list[Source]]) -> list[str]:
    """What studies are called: by their project; by what was typed where that is not enough."""
    known = [sources[-1].name for sources in loaded.values()]
    return known if len(set(known)) == len(known) else list(loaded)


def _common_objective(loaded: dict[str, list[Source]]) -> Objective:
    found = {target: objectives_of(sources) for target, sources in loaded.items()}
    for target, objectives in found.items():
        if not objectives:
            raise UserError(f"it is not known what {target} optimises; give --metric and --mode")
    first, *others = found
    for other in others:
        if found[other] != found[first]:
            raise UserError(
                f"{first} optimises {_words(found[first])}, {other} {_words(found[other])}: these "
                "cannot be compared; name a metric that both reported with --metric and --mode"
            )
    if len(found[first]) > 1:
        raise UserError(
            f"these studies optimise {_words(found[first])}; name one with --metric and --mode"
        )
    return found[first][0]


def _words(objectives: Sequence[Objective]) -> str:
    return " and ".join(f"{item.name} ({item.mode})" for item in objectives)


def _shortest(entrants: Sequence[Entrant]) -> Budget:
    known = [one for item in entrants for one in item.replicates]
    lasting = [one.trials for one in known if not one.over]
    return Budget("trials", min(lasting) if lasting else max(one.trials for one in known))


def _that_count(entrant: Entrant, budget: Budget, notes: list[str]) -> list[Replicate]:
    found = [one for one in entrant.replicates if one.reaches(budget)]
    if not found:
        raise UserError(f"no replicate of {entrant.name} has come to {budget}; choose less")
    if count := len(entrant.replicates) - len(found):
        notes.append(f"{entrant.name}: {count} replicates have not come to {budget}; left out")
    return found


def _by_seed(counted: dict[str, list[Replicate]], notes: list[str]) -> dict[str, list[Replicate]]:
    """The replicates whose seeds all studies have in common, in the order of these."""
    by_seed = {
        name: {(one.seed, one.job or 0): one for one in found if one.seed is not None}
        for name, found in counted.items()
    }
    common = sorted(set.intersection(*(set(found) for found in by_seed.values())))
    if not common:
        raise UserError(
            f"no seed is common to {' and '.join(counted)} (at this budget), so their replicates "
            "are no pairs: leave out --paired, or run all with the same hpo_config --seed values"
        )
    for name, found in counted.items():
        if count := len(found) - len(common):
            notes.append(f"{name}: {count} replicates have no partner of the same seed; left out")
    return {name: [found[seed] for seed in common] for name, found in by_seed.items()}


def _standings(losses: dict[str, list[float]], sign: int) -> list[Standing]:
    medians = {name: quantile(sorted(values), 0.5) for name, values in losses.items()}
    found = []
    for name in sorted(losses, key=lambda name: (medians[name], min(losses[name]))):
        ordered = sorted(losses[name])
        rank = 1 + sum(other < medians[name] for other in medians.values())
        quartiles = [_back(quantile(ordered, share), sign) for share in (0.25, 0.75)]
        low, high = quartiles if sign > 0 else quartiles[::-1]
        values = [_back(value, sign) for value in losses[name]]
        median, best = _back(medians[name], sign), _back(ordered[0], sign)
        found.append(Standing(name, rank, len(ordered), values, median, low, high, best))
    return found


def _back(loss: float, sign: int) -> float | None:
    return None if math.isinf(loss) else sign * loss


def _too_few(pairs: Sequence[Pair], alpha: float, paired: bool) -> list[str]:
    few = [pair for pair in pairs if pair.verdict == "too few seeds"]
    if not few:
        return []
    needed = seeds_needed(len(pairs), alpha, paired)
    where = "" if len(few) == len(pairs) else f"in {len(few)} of {len(pairs)} pairs "
    return [
        f"too few seeds: {where}no difference could be significant (p < {alpha:g}), however large; "
        f"it takes {needed} replicates of each study at least"
    ]


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

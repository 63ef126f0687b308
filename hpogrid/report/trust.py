"""How sure an answer is: what the best configurations come to when they run again.

The best of many noisy values is too good: it was chosen for its luck. Fresh evaluations of a few
configurations tell what they are worth. Their means are shrunk towards each other by as much of
their spread as noise explains (empirical Bayes), for the best of a few means is lucky, too.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hpogrid.report.base import digits_apart
from hpogrid.report.repeats import by_configuration, configuration
from hpogrid.report.results import Results
from hpogrid.search.base import Mode
from hpogrid.study.study import Trial
from hpogrid.study.values import as_loss, best_number

CONFIDENCE = 0.90
FEWEST = 3
"""So many values of each configuration are there before one is given up."""

_FEW = 10
_CHEAPER = 0.7
_NEAR = 4.0
"""Means that lie so many standard errors behind the best are not near it."""


class Verdict(NamedTuple):
    """What fresh evaluations of some configurations say.

    Attributes:
        winner: the place of the best one.
        value: what it comes to on average, as far as is known.
        low, high: where that lies with a confidence of `CONFIDENCE`.
        going: the places of those of which it is open whether they are the best.
    """

    winner: int
    value: float
    low: float
    high: float
    going: list[int]

    @property
    def decided(self) -> bool:
        """Whether no other one may be the best."""
        return self.going == [self.winner]


def judge(groups: Sequence[Sequence[float]], mode: Mode) -> Verdict | None:
    """What the values of some configurations say; None where none has two.

    Args:
        groups: for each configuration its fresh values.
        mode: which way is better.
    """
    known = {place: values for place, values in enumerate(groups) if values}
    freedom = sum(len(values) - 1 for values in known.values())
    if not freedom:
        return None
    means = {place: _mean(values) for place, values in known.items()}
    squares = ((value - means[place]) ** 2 for place, values in known.items() for value in values)
    noise = sum(squares) / freedom
    error = {place: noise / len(values) for place, values in known.items()}
    true = _shrunk(means, error, mode)
    winner = min(known, key=lambda place: as_loss(true[place].mean, mode))
    half = student(1 - (1 - CONFIDENCE) / 2, freedom) * math.sqrt(true[winner].variance)
    value = true[winner].mean
    margin = student(1 - (1 - CONFIDENCE) / max(len(known) - 1, 1), freedom)

    def may_be_best(place: int) -> bool:
        """Whether it is not surely worse than the winner, though many were compared."""
        if place == winner or min(len(known[place]), len(known[winner])) < FEWEST:
            return True
        behind = as_loss(means[place], mode) - as_loss(means[winner], mode)
        return behind <= margin * math.sqrt(error[place] + error[winner])

    return Verdict(winner, value, value - half, value + half, [*filter(may_be_best, known)])


def _mean(values: Sequence[float]) -> float:
    """The mean; of equal values it is that value, to the last bit: they have no spread."""
    return values[0] if len(set(values)) == 1 else statistics.fmean(values)


class _Estimate(NamedTuple):
    mean: float
    variance: float


def _shrunk(
    means: Mapping[int, float], error: Mapping[int, float], mode: Mode
) -> dict[int, _Estimate]:
    """Each mean, moved to the middle of those near the best (after Morris, 1983).

    What is far behind says nothing of how alike the good ones are.
    """
    best = min(means, key=lambda place: as_loss(means[place], mode))
    near = [
        place
        for place in means
        if abs(means[place] - means[best]) <= _NEAR * math.sqrt(error[place] + error[best])
    ]
    if len(near) < 3:
        return {place: _Estimate(means[place], error[place]) for place in means}
    middle = statistics.fmean(means[place] for place in near)
    spread = statistics.variance(means[place] for place in near)
    real = max(0.0, spread - statistics.fmean(error[place] for place in near))
    found = {}
    for place in means:
        total = real + error[place]
        kept = real / total if total and place in near else 1.0
        own = error[place] * (kept + (1 - kept) / len(near))
        guess = 2 / (len(near) - 1) * (1 - kept) ** 2 * (means[place] - middle) ** 2
        found[place] = _Estimate(middle + kept * (means[place] - middle), own + guess)
    return found


def student(share: float, freedom: int) -> float:
    """The quantile of Student's distribution (the series of Cornish and Fisher)."""
    z = statistics.NormalDist().inv_cdf(share)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


# --- an answer in words ----------------------------------------------------------------------


class Answer(NamedTuple):
    """The configurations of a search that were evaluated again.

    Attributes:
        entrants: the trials of the search that they are, the best one first; the first one that
            was ever evaluated is among them.
        groups: for each its fresh values.
        seconds: for each how long one takes: as the middle one of its fresh evaluations did (the
            first trial of a search also waits for what it imports).
        failed: for each how many evaluations failed.
        verdict: what they say.
    """

    entrants: list[Trial]
    groups: list[list[float]]
    seconds: list[float]
    failed: list[int]
    verdict: Verdict | None


def entrants(results: Results, top: int) -> list[Trial]:
    """The trials of the best configurations, and of the first one that has a result."""
    found = [results.trials[row] for row in results.counting_values()]
    means = [trial for trial, _ in _best_first(results)]
    first = min(found, key=lambda trial: trial.started, default=None)
    chosen = {configuration(trial): trial for trial in means[:top]}
    if first is not None:
        chosen.setdefault(configuration(first), first)
    return list(chosen.values())


def _best_first(results: Results) -> list[tuple[Trial, float]]:
    pairs = by_configuration(
        (results.trials[row], v) for row, v in results.counting_values().items()
    )
    mode = results.objectives[0].mode
    return sorted(pairs, key=lambda pair: as_loss(pair[1], mode))


def answer(results: Results, chosen: Sequence[Trial]) -> Answer:
    """What fresh evaluations of some configurations came to."""
    groups: dict[bytes, list[float]] = {configuration(trial): [] for trial in chosen}
    times: dict[bytes, list[float]] = {key: [] for key in groups}
    failed = dict.fromkeys(groups, 0)
    for trial in results.confirmed:
        key = configuration(trial)
        if key in groups:
            value = results.value(trial) if trial.state == "complete" else None
            if value is not None:
                groups[key].append(value)
                times[key].append(trial.duration)
            else:
                failed[key] += 1
    verdict = judge(list(groups.values()), results.objectives[0].mode)
    seconds = [statistics.median(each) if each else math.inf for each in times.values()]
    return Answer(list(chosen), list(groups.values()), seconds, list(failed.values()), verdict)


def confirmed_trials(results: Results) -> list[Trial]:
    """The trials of the search whose configurations were evaluated again, best first."""
    known = {configuration(trial) for trial in results.confirmed}
    found = {
        configuration(trial): trial
        for trial in reversed(results.trials)
        if configuration(trial) in known
    }
    return list(reversed(found.values()))


def sentences(results: Results) -> list[str]:
    """How sure the best result is, a sentence each."""
    if results.best is None:
        return []
    found = answer(results, confirmed_trials(results))
    if found.verdict is not None:
        return _confirmed(results, found, found.verdict)
    return _unconfirmed(results)


def _confirmed(results: Results, found: Answer, verdict: Verdict) -> list[str]:
    objective = results.objectives[0]
    winner, values = found.entrants[verdict.winner], found.groups[verdict.winner]
    seen = results.value(winner) or 0.0
    luck = as_loss(verdict.value, objective.mode) - as_loss(seen, objective.mode)
    lucky = abs(luck) > 1e-12 * abs(seen)  # means are rounded
    how = "too good" if luck > 0 else "too bad"
    value, low, high, seen_then = _told(verdict.value, verdict.low, verdict.high, seen)
    said = [
        f"confirmed by {len(values)} fresh evaluations: trial {winner.id}, {objective.name} "
        f"{value}, between {low} and {high} ({CONFIDENCE:.0%} confidence)",
        f"the search had {seen_then} for it: {f'{abs(luck):.2g} {how}' if lucky else 'the same'}",
    ]
    if others := [place for place in verdict.going if place != verdict.winner]:
        said.append(f"as good, for all that is known: {_named(found, others)}")
    said += [*_against_first(found, verdict), *_cheaper(found, verdict)]
    if any(found.failed):
        worst = [place for place, count in enumerate(found.failed) if count]
        said.append(f"evaluations failed of {_named(found, worst)}")
    return said


def _told(*values: float) -> list[str]:
    """Numbers with as many digits as it takes to tell them apart: fourteen at most, for
    sums are rounded."""
    digits = digits_apart((float(f"{value:.14g}") for value in values), 4)
    return [f"{value:.{digits}g}" for value in values]


def _named(found: Answer, places: Sequence[int]) -> str:
    return ", ".join(f"trial {found.entrants[place].id}" for place in places)


def _against_first(found: Answer, verdict: Verdict) -> list[str]:
    """Whether the search was worth it: against the configuration that it began with."""
    first = min(range(len(found.entrants)), key=lambda place: found.entrants[place].started)
    if first == verdict.winner:
        return ["no configuration is better than the first one that was evaluated"]
    sure = "may be no better" if first in verdict.going else "is better"
    return [f"it {sure} than the first configuration (trial {found.entrants[first].id})"]


def _cheaper(found: Answer, verdict: Verdict) -> list[str]:
    winner = found.seconds[verdict.winner]
    times = [(found.seconds[place], place) for place in verdict.going]
    seconds, place = min(times, default=(winner, verdict.winner))
    if place == verdict.winner or winner <= 0 or seconds > _CHEAPER * winner:
        return []
    return [f"{_named(found, [place])} takes {seconds / winner:.0%} of its time"]


def _unconfirmed(results: Results) -> list[str]:
    """What the search itself tells: its repetitions, or how much hangs on its luckiest trial."""
    mode = results.objectives[0].mode
    again = f"; 'hpogrid confirm {results.again}' evaluates it anew" if results.again else ""
    repeated = [values for values in _repetitions(results) if len(values) > 1]
    verdict = judge(repeated, mode) if len(repeated) > 2 else None
    if verdict is not None:
        seen = best_number(map(_mean, repeated), mode) or 0.0
        mean, low, high = _told(seen, verdict.low, verdict.high)
        return [
            f"of the best mean {mean}, {abs(verdict.value - seen):.2g} is selection: by the "
            f"spread of the repetitions it is between {low} and {high} "
            f"({CONFIDENCE:.0%} confidence){again}"
        ]
    values = [value for _, value in _best_first(results)]
    if len(values) < _FEW:
        return []
    low, high = _told(*redrawn(values))
    return [
        f"the best of {len(values)} single evaluations is too good by as much as it was lucky; "
        f"the best of as many drawn anew from them is between {low} and {high} "
        f"({CONFIDENCE:.0%}){again}"
    ]


def _repetitions(results: Results) -> list[list[float]]:
    """The values of each configuration; the same search twice, with its seeds, says nothing new."""
    groups: dict[bytes, set[tuple[int, float]]] = defaultdict(set)
    for row, value in results.counting_values().items():
        trial = results.trials[row]
        groups[configuration(trial)].add((trial.seed, value))
    return [[value for _, value in known] for known in groups.values()]


def redrawn(best_first: Sequence[float]) -> tuple[float, float]:
    """Where the best of a bootstrap sample of values lies; it is one of the best few of them."""
    count = len(best_first)
    tails = ((1 - CONFIDENCE) / 2, 1 - (1 - CONFIDENCE) / 2)
    places = [
        next(place for place in range(count) if 1 - (1 - (place + 1) / count) ** count >= tail)
        for tail in tails
    ]
    ends = [best_first[place] for place in places]
    return min(ends), max(ends)

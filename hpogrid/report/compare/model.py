"""What a comparison is made of: replicates, the standing of each study, and pairs of studies."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from hpogrid.report.load import Source
from hpogrid.report.results import Objective
from hpogrid.search.base import Mode
from hpogrid.study.study import Trial
from hpogrid.study.values import best_of, is_better, result_of
from hpogrid.text import counted

Unit = Literal["trials", "seconds"]
Verdict = Literal["better", "worse", "no difference shown", "too few seeds"]


class Budget(NamedTuple):
    """After how much studies are compared: so many ended trials, or seconds."""

    unit: Unit
    amount: float

    def __str__(self) -> str:
        return counted(int(self.amount), "trial") if self.unit == "trials" else f"{self.amount:g} s"


class Step(NamedTuple):
    """A new best value: after how many ended trials, and seconds since the first start."""

    trials: int
    seconds: float
    value: float


class Replicate(msgspec.Struct):
    """One search: what a single seed decides.

    Attributes:
        task: its id, or the path that was named.
        job: of an independent job; None: all jobs of the task were one search.
        seed: of the task, where it is known.
        trials: how many ended, failed ones among them.
        seconds: from the first start to the last end.
        running: whether a trial still runs.
        over: whether a larger budget would change nothing, since it reached its target or tried
            the whole space.
        steps: each new best value, first to last.
        early: whether these are of trials that ended early, for none is complete.
    """

    task: int | str
    job: int | None
    seed: int | None
    trials: int
    seconds: float
    running: bool
    over: bool
    steps: list[Step]
    early: bool = False

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.task}" if self.job is None else f"{self.task}, job {self.job}"

    def best(self, budget: Budget) -> float | None:
        """The best value after so much; None: no result by then."""
        amounts = [getattr(step, budget.unit) for step in self.steps]
        index = bisect_right(amounts, budget.amount)
        return self.steps[index - 1].value if index else None

    def reaches(self, budget: Budget) -> bool:
        """Whether it went on for so long, or is over."""
        if budget.unit == "trials":
            return self.over or self.trials >= budget.amount
        return not self.running or self.seconds >= budget.amount


class Entrant(msgspec.Struct):
    """One study that is compared."""

    name: str
    replicates: list[Replicate]


class Standing(msgspec.Struct):
    """How a study did at the budget.

    Attributes:
        rank: 1 is the best median; equal medians share a rank.
        values: of each replicate that counts; None where it had no result.
        median, low, high: of these values, and their quartiles; ``best`` is the best one.
    """

    study: str
    rank: int
    replicates: int
    values: list[float | None]
    median: float | None
    low: float | None
    high: float | None
    best: float | None


class Pair(msgspec.Struct):
    """Two studies, and whether they differ by more than chance.

    Attributes:
        wins: the share of pairs of replicates in which the first one's is better; where they are
            paired by seed, of these pairs.
        p: of the test; None where there was nothing to test.
        adjusted: the same, corrected for the number of pairs (Holm).
        verdict: of the first one.
    """

    first: str
    second: str
    wins: float
    p: float | None
    adjusted: float | None
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.verdict in ("better", "worse"):
            good, bad = self.first, self.second
            if self.verdict == "worse":
                good, bad = bad, good
            return f"{good} is better than {bad}"
        return f"{self.first} and {self.second}: {self.verdict}"


class Comparison(msgspec.Struct):
    """Studies side by side.

    Attributes:
        budget: after how much the standing holds.
        standings: best first.
        notes: a sentence for each thing to know before believing it.
    """

    metric: str
    mode: Mode
    budget: Budget
    test: str
    alpha: float
    studies: list[Entrant]
    standings: list[Standing]
    pairs: list[Pair]
    notes: list[str]

    @property
    def summary(self) -> str:
        """One sentence: who is first, and how sure that is."""
        first = self.standings[0]
        sentence = f"after {self.budget}: best median {self.metric} of {first.study}"
        if first.median is not None:
            sentence += f" ({first.median:.6g}, {self.mode})"
        rivals = [pair for pair in self.pairs if first.study in (pair.first, pair.second)]
        beaten = [pair for pair in rivals if pair.verdict in ("better", "worse")]
        if len(beaten) == len(rivals):
            return f"{sentence}; better than every other one (p < {self.alpha:g}, {self.test})"
        if all(pair.verdict == "too few seeds" for pair in rivals):
            return f"{sentence}; too few seeds to say that this is more than chance"
        if not beaten:
            return f"{sentence}; no difference to the others is shown ({self.test})"
        names = ", ".join(
            pair.second if pair.first == first.study else pair.first for pair in beaten
        )
        return f"{sentence}; of the others it is better than {names} (p < {self.alpha:g})"


def quantile(values: list[float], share: float) -> float:
    """A quantile of sorted values, interpolated; infinite where one beside it is."""
    place = share * (len(values) - 1)
    low, high = values[math.floor(place)], values[math.ceil(place)]
    if low == high or math.isinf(low) or math.isinf(high):
        return high if place > math.floor(place) else low
    return low + (high - low) * (place - math.floor(place))


def replicates(
    sources: Sequence[Source], objective: Objective
) -> tuple[list[Replicate], list[str]]:
    """The replicates of a study: each task whose jobs were one search, each independent job.

    Returns:
        The replicates that have an ended trial, and a sentence for each one that was left out.
    """
    found: list[Replicate] = []
    notes: list[str] = []
    seen: dict[tuple[str, int, int | None], Replicate] = {}
    for source in sources:
        for job, trials in _searches(source):
            one = _replicate(source, job, trials, objective)
            if not one.trials:
                notes.append(f"{source.name}: task {one.name} has no trial that ended; left out")
                continue
            if one.early and one.steps:
                notes.append(
                    f"{source.name}: no trial of task {one.name} is complete; its values are of "
                    "trials that ended early, after less training"
                )
            key = (source.project.hash if source.project else "", one.seed or 0, job)
            twin = seen.get(key) if one.seed is not None else None
            if twin is None:
                seen[key] = one
                found.append(one)
                continue
            notes.append(
                f"{source.name}: tasks {twin.name} and {one.name} have the same seed {one.seed}: "
                "they are one search twice, and count as one replicate"
            )
            if one.trials > twin.trials:
                found[found.index(twin)] = seen[key] = one
    return found, notes


def _searches(source: Source) -> Iterator[tuple[int | None, list[Trial]]]:
    trials = list(source.study)
    if source.task.shared:
        yield None, trials
        return
    for job in sorted({trial.job for trial in trials}):
        yield job, [trial for trial in trials if trial.job == job]


def _replicate(
    source: Source, job: int | None, trials: list[Trial], objective: Objective
) -> Replicate:
    ended = sorted(
        (trial for trial in trials if trial.finished), key=lambda trial: trial.ended or 0.0
    )
    start = min((trial.started for trial in trials), default=0.0)
    return Replicate(
        task=source.task.id or source.task.folder or source.name,
        job=job,
        seed=source.task.seed,
        trials=len(ended),
        seconds=(ended[-1].ended or start) - start if ended else 0.0,
        running=any(trial.state == "running" for trial in trials),
        over=source.study.is_over({trial.job for trial in trials}),
        steps=_steps(ended, start, objective),
        early=all(trial.state != "complete" for trial in ended),
    )


def _steps(ended: list[Trial], start: float, objective: Objective) -> list[Step]:
    """Each new best value: of complete trials, or of those that ended early where none is."""
    last = best_of(ended, objective.name, objective.mode)
    steps: list[Step] = []
    for count, trial in enumerate(ended, 1):
        if last is None or trial.state != last.trial.state:
            continue
        value = result_of(trial, objective.name)
        if value is not None and (not steps or is_better(value, steps[-1].value, objective.mode)):
            steps.append(Step(count, (trial.ended or start) - start, value))
    return steps

"""Asynchronous successive halving, the stopping variant (Li et al. 2018, arXiv:1810.05934)."""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Self

from msgspec import structs

from hpogrid.schedule.base import BaseScheduler, Decision, ScheduleOptions, reaches
from hpogrid.schedule.standing import is_behind
from hpogrid.search.base import Problem
from hpogrid.study.values import Losses

_ENOUGH = 5
"""Whole trials without which nothing is known of how early and final results agree."""

_MANY = 100
"""Whole trials with which it is known: more are not compared."""

_FIRST = 3
"""So many trials must have come past the early rungs for these to stop nobody any more."""

_GROWTH = 0.2
"""By more than this share of others a rung must have grown to compare a trial there again."""


class RungOptions(ScheduleOptions, frozen=True, kw_only=True):
    """``max_t``: the resource after which a trial ends; ``grace_period``: it runs at least so long.

    At ``grace_period * reduction_factor ** k`` only the best of ``reduction_factor`` go on.
    """

    max_t: float = 100
    grace_period: float | None = None
    reduction_factor: float = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_t <= 0:
            raise ValueError(f"max_t {self.max_t:g} is not above 0")
        if self.grace_period is not None and not 0 < self.grace_period <= self.max_t:
            raise ValueError("it takes 0 < grace_period <= max_t")
        if self.reduction_factor <= 1:
            raise ValueError(f"reduction_factor {self.reduction_factor:g} is not above 1")

    def settled(self, learns: bool) -> Self:
        """The same with a ``grace_period``, which is a 27th of ``max_t`` if none is given."""
        if self.grace_period is not None:
            return self
        return structs.replace(self, grace_period=self.max_t / 27)

    def levels(self) -> list[float]:
        """The resources below ``max_t`` at which trials are compared; it is `settled`."""
        assert self.grace_period is not None
        first, factor = self.grace_period, self.reduction_factor
        levels = (first * factor**power for power in itertools.count())
        return list(itertools.takewhile(lambda level: not reaches(level, self.max_t), levels))


class AshaOptions(RungOptions, frozen=True, kw_only=True):
    """How trials are compared at rungs. No ``grace_period`` stands for a 27th of ``max_t``.

    Attributes:
        early: rungs below it stop nobody once three trials have come to others. Until then
            little is known to be good, and many trials tell more than long ones; after that a
            model learns more from longer ones. None: a ninth of ``max_t``; there are no such
            rungs where a ``grace_period`` is given, or where the algorithm does not learn.
        agreement: a rung stops nobody once fewer than this share of the pairs of whole trials
            stood there in the same order as in the end, on average over the objectives that
            change from there on.
        reconsider: whether a trial that went on is compared again, as it stood at its rung, with
            those that came there after it.
    """

    early: float | None = None
    agreement: float = 0.75
    reconsider: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.agreement <= 1:
            raise ValueError(f"agreement {self.agreement:g} is not from 0 to 1")
        if self.early is not None and self.early < 0:
            raise ValueError(f"early {self.early:g} is below 0")

    def settled(self, learns: bool) -> Self:
        """The same with a ``grace_period``, and what is ``early``."""
        early = self.early
        if early is None:
            early = self.max_t / 9 if learns and self.grace_period is None else 0.0
        return structs.replace(super().settled(learns), early=early)


@dataclass
class _Rung:
    """A resource at which trials are compared.

    Attributes:
        level: the resource.
        trials: those that came there, with their losses there.
        losses: of all of them, in order.
        compared: with how many others each was compared last.
        whole: the losses, there and in the end, of those that came to their end.
        agreed: by each objective, how many pairs of the first of these were in the same order
            there; in a draw a half.
        changed: the objectives in which one of them ended otherwise than it stood there.
    """

    level: float
    trials: dict[str, Losses] = field(default_factory=dict)
    losses: list[Losses] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)
    whole: dict[str, tuple[Losses, Losses]] = field(default_factory=dict)
    agreed: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    changed: set[int] = field(default_factory=set)

    def add(self, trial: str, losses: Losses) -> None:
        """Take in a trial that came there."""
        self.trials[trial] = losses
        self.compared[trial] = 0
        bisect.insort(self.losses, losses)

    def end(self, trial: str, final: Losses) -> None:
        """Take in the result of a whole trial."""
        here = self.trials.get(trial)
        if here is None or trial in self.whole:
            return
        if len(self.whole) < _MANY:
            for place, (there, then) in enumerate(zip(here, final, strict=True)):
                if there != then:
                    self.changed.add(place)
                for other, others_final in self.whole.values():
                    same = (there - other[place]) * (then - others_final[place])
                    self.agreed[place] += 0.5 if same == 0 else same > 0
        self.whole[trial] = here, final

    def lasts(self, agreement: float) -> bool:
        """Whether the order there tells enough of that in the end, as far as is known."""
        if len(self.whole) < _ENOUGH:
            return True
        pairs = math.comb(min(len(self.whole), _MANY), 2)
        counting = self.changed or self.agreed
        return statistics.fmean(self.agreed[place] for place in counting) >= agreement * pairs

    def is_due(self, trial: str) -> bool:
        """Whether enough came there to compare a trial once more."""
        others = len(self.trials) - 1
        return others > self.compared[trial] * (1 + _GROWTH)

    def excludes(self, trial: str, factor: float) -> bool:
        """Whether a trial is not among the best one in ``factor`` of the others that came there.

        A single loss is compared with the quantile, interpolated between two trials.
        """
        own, others = self.trials[trial], len(self.trials) - 1
        self.compared[trial] = others
        if len(own) > 1:
            rest = (losses for other, losses in self.trials.items() if other != trial)
            return is_behind(own, list(rest), factor)
        if not others:
            return False
        left_out = bisect.bisect_left(self.losses, own)
        place, part = divmod((others - 1) / factor, 1)
        below, above = (
            self.losses[index + (index >= left_out)][0]
            for index in (int(place), min(int(place) + 1, others - 1))
        )
        return own[0] > below + part * (above - below)


class AshaScheduler(BaseScheduler):
    """Compares a trial at each rung with all that came there, and never waits.

    A trial that went on is compared once more when others have come to its rung: the first ones
    there had nothing to stand behind. But a rung whose order does not last (learning curves
    cross) is found out, and stops nobody. By several objectives trials are put in the order of
    `standing`. Without `AshaOptions.reconsider` and with an ``agreement`` of 0 it decides as Ray
    Tune's ``AsyncHyperBandScheduler``: a report counts at the highest rung that its trial has come
    to and does not stand in yet, and the trial itself is not in the quantile.
    """

    Settings = AshaOptions

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        given: AshaOptions = self.options.settled(learns=True)
        self._rungs = [_Rung(level) for level in given.levels()]
        self._early = given.early or 0.0
        self._past: set[str] = set()
        self.rungs = (*(rung.level for rung in self._rungs), given.max_t)

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        """Stop a trial at a rung where it is not among the best; at ``max_t`` it is complete."""
        reached = [rung for rung in self._rungs if reaches(resource, rung.level)]
        new = [rung for rung in reached if trial not in rung.trials]
        stops = False
        if new:
            new[-1].add(trial, losses)
            if reaches(new[-1].level, self._early):
                self._past.add(trial)
            stops = self._stops(trial, new[-1])
        elif reached and self.options.reconsider and reached[-1].is_due(trial):
            stops = self._stops(trial, reached[-1])
        if not reaches(resource, self.options.max_t):
            return "stop" if stops else "continue"
        for rung in self._rungs:
            rung.end(trial, losses)
        return "complete"

    def _stops(self, trial: str, rung: _Rung) -> bool:
        """Whether a trial that came to a rung ends there."""
        if len(self._past) >= _FIRST and not reaches(rung.level, self._early):
            return False
        behind = rung.excludes(trial, self.options.reduction_factor)
        return behind and rung.lasts(self.options.agreement)

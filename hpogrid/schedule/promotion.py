"""Asynchronous successive halving by promotion (Li et al. 2018, arXiv:1810.05934, algorithm 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hpogrid.schedule.asha import RungOptions
from hpogrid.schedule.base import BaseScheduler, Decision, Release, ScheduleOptions, reaches
from hpogrid.schedule.standing import best_first
from hpogrid.search.base import Problem
from hpogrid.space.space import Point
from hpogrid.study.values import Losses


class PromotionOptions(RungOptions, frozen=True, kw_only=True):
    """No ``grace_period`` stands for a 27th of ``max_t``."""

    reduction_factor: float = 3


@dataclass
class _Wait:
    """A trial that was told to pause after ``resource``, and whether its evaluation has ended."""

    resource: float
    ended: bool = False


@dataclass
class _Rung:
    """A resource at which trials wait.

    Attributes:
        level: the resource.
        trials: those that came there, of all jobs, with their losses there.
        waiting: those of this job that were not promoted.
    """

    level: float
    trials: dict[str, Losses] = field(default_factory=dict)
    waiting: dict[str, _Wait] = field(default_factory=dict)
    _ranked: list[str] = field(default_factory=list)

    @property
    def ready(self) -> list[str]:
        """Those that can go on."""
        return [trial for trial, wait in self.waiting.items() if wait.ended]

    def promotable(self, factor: float, least: int = 0) -> str | None:
        """The best waiting trial, if it is among the best one in ``factor``.

        Args:
            factor: of how many trials one goes on.
            least: so many go on however few there are.
        """
        ready = set(self.ready)
        if not ready:
            return None
        if len(self._ranked) != len(self.trials):
            self._ranked = best_first(self.trials)
        best = self._ranked[: max(math.floor(len(self.trials) / factor), least)]
        return next((trial for trial in best if trial in ready), None)


class PromotionScheduler(BaseScheduler):
    """Pauses every trial at each rung, and lets the best go on before new ones begin.

    So nothing is spent on a trial that is not among the best of those known. When no trial is
    left to begin, the best of the highest rungs still go on, one after another to ``max_t``, and
    the others have ended.
    """

    Settings = PromotionOptions
    pauses = True
    ends_late = True

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        given: PromotionOptions = self.options.settled(learns=True)
        self._rungs = [_Rung(level) for level in given.levels()]
        self.rungs = (*(rung.level for rung in self._rungs), given.max_t)
        self._running: set[str] = set()
        self._own: set[str] = set()

    def on_start(self, trial: str, point: Point, resource: float) -> None:
        """Only a trial that was started here is told to pause."""
        self._own.add(trial)
        self._running.add(trial)

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        """Pause a trial at a rung; at ``max_t`` it is complete."""
        for rung in self._rungs:
            wait = rung.waiting.get(trial)
            if wait is None:
                continue
            if resource <= wait.resource:  # it was cut off where it was told to pause
                return "pause"
            del rung.waiting[trial]  # it has gone on, says the ledger
        if reaches(resource, self.options.max_t):
            return "complete"
        reached = [rung for rung in self._rungs if reaches(resource, rung.level)]
        if not reached or trial in reached[-1].trials:
            return "continue"
        reached[-1].trials[trial] = losses
        if trial not in self._own:
            return "continue"
        reached[-1].waiting[trial] = _Wait(resource)
        return "pause"

    def on_pause(self, trial: str) -> None:
        """It waits to be promoted."""
        self._running.discard(trial)
        for rung in self._rungs:
            if trial in rung.waiting:
                rung.waiting[trial].ended = True

    def on_end(self, trial: str) -> None:
        """It is not promoted any more."""
        self._running.discard(trial)
        for rung in self._rungs:
            rung.waiting.pop(trial, None)

    def release(self, fresh: bool) -> Release | None:
        """Promote the best of the highest rung with one to promote."""
        last = not fresh and not self._running
        for rung in reversed(self._rungs):
            trial = rung.promotable(self.options.reduction_factor, least=int(last))
            if trial is not None:
                del rung.waiting[trial]
                self._running.add(trial)
                return Release(trial)
        if not last:
            return None
        over = next((trial for rung in self._rungs for trial in rung.ready), None)
        return None if over is None else Release(over, go_on=False)

"""The median stopping rule (Golovin et al. 2017, Google Vizier)."""

from __future__ import annotations

import statistics

from hpogrid.schedule.base import BaseScheduler, Decision, ScheduleOptions, reaches
from hpogrid.schedule.standing import is_behind
from hpogrid.search.base import Problem
from hpogrid.study.values import Losses


class MedianOptions(ScheduleOptions, frozen=True, kw_only=True):
    """No trial is stopped before ``grace_period`` or ``min_samples_required`` other trials."""

    grace_period: float = 1
    min_samples_required: int = 3


class MedianScheduler(BaseScheduler):
    """Stops a trial whose best is worse than the median of the others' running averages.

    As Ray Tune's ``MedianStoppingRule``: an average is of the reports from ``grace_period`` on.
    Of several objectives it has the best and the average of each, and stops a trial when more
    than half of the others stand before it (see `standing`).
    """

    Settings = MedianOptions

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        self._losses: dict[str, dict[float, Losses]] = {}

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        """Stop a trial that is below the median (see the class)."""
        own = self._losses.setdefault(trial, {})
        own[resource] = losses
        if not reaches(resource, self.options.grace_period):
            return "continue"
        averages = [
            tuple(map(statistics.fmean, zip(*scoped, strict=True)))
            for name, reports in self._losses.items()
            if name != trial
            and reaches(max(reports), resource)
            and (scoped := self._between(reports, resource))
        ]
        if len(averages) < self.options.min_samples_required:
            return "continue"
        best = tuple(map(min, zip(*own.values(), strict=True)))
        return "stop" if _is_worse(best, averages) else "continue"

    def _between(self, reports: dict[float, Losses], resource: float) -> list[Losses]:
        """The losses of the reports from the grace period to ``resource``."""
        grace: float = self.options.grace_period
        return [
            losses for at, losses in reports.items() if reaches(at, grace) and reaches(resource, at)
        ]


def _is_worse(best: Losses, averages: list[Losses]) -> bool:
    if len(best) > 1:
        return is_behind(best, averages, 2)
    return best[0] > statistics.median(average for (average,) in averages)

"""The median stopping rule (Golovin et al. 2017, Google Vizier)."""

from __future__ import annotations

import statistics

from hpogrid.schedule.base import BaseScheduler, Decision, ScheduleOptions, reaches
from hpogrid.search.base import Problem


class MedianOptions(ScheduleOptions, frozen=True, kw_only=True):
    """No trial is stopped before ``grace_period`` or ``min_samples_required`` other trials."""

    grace_period: float = 1
    min_samples_required: int = 3


class MedianScheduler(BaseScheduler):
    """Stops a trial whose best is worse than the median of the others' running averages.

    As Ray Tune's ``MedianStoppingRule``: an average is of the reports from ``grace_period`` on.
    """

    Settings = MedianOptions

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        self._losses: dict[str, dict[float, float]] = {}

    def on_report(self, trial: str, resource: float, loss: float) -> Decision:
        """Stop a trial that is below the median (see the class)."""
        own = self._losses.setdefault(trial, {})
        own[resource] = loss
        if not reaches(resource, self.options.grace_period):
            return "continue"
        averages = [
            statistics.fmean(scoped)
            for name, reports in self._losses.items()
            if name != trial
            and reaches(max(reports), resource)
            and (scoped := self._between(reports, resource))
        ]
        if len(averages) < self.options.min_samples_required:
            return "continue"
        return "stop" if min(own.values()) > statistics.median(averages) else "continue"

    def _between(self, reports: dict[float, float], resource: float) -> list[float]:
        """The losses of the reports from the grace period to ``resource``."""
        grace: float = self.options.grace_period
        return [
            loss for at, loss in reports.items() if reaches(at, grace) and reaches(resource, at)
        ]

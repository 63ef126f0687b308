"""The median stopping rule (Golovin et al. 2017, Google Vizier)."""

from __future__ import annotations

import statistics

from hpogrid.schedule.base import BaseScheduler, Decision, ScheduleOptions
from hpogrid.search.base import Problem


class MedianOptions(ScheduleOptions, frozen=True, kw_only=True):
    """No trial is stopped before ``grace_period`` or ``min_samples_required`` other trials."""

    grace_period: int = 1
    min_samples_required: int = 3


class MedianScheduler(BaseScheduler):
    """Stops a trial whose best is worse than the median of the others' running averages."""

    Settings = MedianOptions

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        self._losses: dict[str, dict[int, float]] = {}

    def on_report(self, trial: str, step: int, loss: float) -> Decision:
        """Stop a trial that is below the median (see the class)."""
        own = self._losses.setdefault(trial, {})
        own[step] = loss
        if step < self.options.grace_period:
            return "continue"
        averages = [
            statistics.fmean(value for at, value in reports.items() if at <= step)
            for name, reports in self._losses.items()
            if name != trial and min(reports) <= step <= max(reports)
        ]
        if len(averages) < self.options.min_samples_required:
            return "continue"
        return "stop" if min(own.values()) > statistics.median(averages) else "continue"

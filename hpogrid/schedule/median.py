"""The median stopping rule (Golovin et al. 2017, Google Vizier)."""

from __future__ import annotations

import statistics

from hpogrid.schedule.base import BaseScheduler, Decision, ScheduleOptions


class MedianOptions(ScheduleOptions, frozen=True, kw_only=True):
    """No trial is stopped before ``grace_period`` or ``min_samples_required`` other trials."""

    grace_period: int = 1
    min_samples_required: int = 3


class MedianScheduler(BaseScheduler):
    """Stops a trial whose best is worse than the median of the others' running averages."""

    Settings = MedianOptions

    def __init__(self, options: ScheduleOptions | None = None) -> None:
        super().__init__(options)
        self._losses: dict[str, list[tuple[int, float]]] = {}

    def on_report(self, trial: str, step: int, loss: float) -> Decision:
        """Stop a trial that is below the median (see the class)."""
        own = self._losses.setdefault(trial, [])
        own.append((step, loss))
        if step < self.options.grace_period:
            return "continue"
        averages = [
            statistics.fmean(value for _, value in reports[: len(own)])
            for name, reports in self._losses.items()
            if name != trial and reports[-1][0] >= step
        ]
        if len(averages) < self.options.min_samples_required:
            return "continue"
        best = min(value for _, value in own)
        return "stop" if best > statistics.median(averages) else "continue"

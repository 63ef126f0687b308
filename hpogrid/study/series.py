"""The numbers that a trial reported, one after the other, as trackers take them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hpogrid.study.study import Trial
from hpogrid.study.values import number


class Point(NamedTuple):
    """One value of a metric: when (seconds since the epoch), and after which report."""

    name: str
    value: float
    time: float
    step: int


def series(trial: Trial) -> Iterator[Point]:
    """Every number that a trial reported; then its result, where it is not the last report."""
    latest: dict[str, float] = {}
    last = 0
    for report in trial.reports:
        last = max(last, report.step)
        for name, value in report.metrics.items():
            known = number(value)
            if known is not None:
                latest[name] = known
                yield Point(name, known, report.time, report.step)
    for name, value in trial.metrics.items():
        known = number(value)
        if known is not None and latest.get(name) != known:
            yield Point(name, known, trial.ended or trial.started, last + 1)

"""The numbers that a trial reported, one after the other, as trackers take them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from hpogrid.study.study import Trial


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
                yield Point(name, float(known), report.time, report.step)
    for name, value in trial.metrics.items():
        known = number(value)
        if known is not None and latest.get(name) != known:
            yield Point(name, float(known), trial.ended or trial.started, last + 1)


def number(value: Any) -> float | None:
    """A finite number, or None for all else; a bool is none."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None

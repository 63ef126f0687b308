"""The contract of an exporter."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from hpogrid.report.results import Results, Task, number
from hpogrid.study.study import Trial


class Exporter(Protocol):
    """Writes results where another tool reads them.

    What is there already, from an earlier export of the same trials, is kept; trials that have
    ended since are brought up to date.
    """

    def export(self, results: Results, target: str) -> str:
        """Write to a place that the tool knows; return a sentence that says what was done.

        Raises:
            UserError: the place cannot be used.
        """


def trial_key(results: Results, task: Task, trial: Trial) -> str:
    """The identity of a trial wherever it is exported to."""
    return f"{results.name}/{task.name or task.id or task.folder}/{trial.id}"


def short_key(key: str) -> str:
    """The same in sixteen letters."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


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

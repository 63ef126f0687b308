"""The learning curves of some trials, thin enough for a page."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from hpogrid.report.sample import thinned
from hpogrid.study.study import Trial
from hpogrid.study.values import number

MOST_CURVES = 200
FEWEST_CURVES = 10
MOST_POINTS = 100


class Curve(NamedTuple):
    """A metric at the reports of the trial in a row of the page."""

    row: int
    steps: list[int]
    values: list[float]


class Curves(NamedTuple):
    """Curves of a metric, and what of all trials is shown."""

    lines: list[Curve]
    note: str


def curves(
    trials: Sequence[Trial], metric: str, of: Sequence[Trial], most: int = MOST_CURVES
) -> Curves:
    """The curves of a metric.

    Args:
        trials: the rows of the page, best first.
        metric: its name.
        of: all trials, for those shown are some of them.
        most: how many curves.

    Returns:
        Those of more than one point.
    """
    found = [(row, trial) for row, trial in enumerate(trials) if _has_curve(trial)]
    chosen = found
    if len(found) > most:
        best = most // 2
        chosen = found[:best] + random.Random(0).sample(found[best:], most - best)
    lines = [_line(row, trial, metric) for row, trial in chosen]
    note = ""
    if (total := sum(map(_has_curve, of))) > len(chosen):
        note = f"Shown are the best {most // 2} of {total} and others at random."
    return Curves([line for line in lines if len(line.steps) > 1], note)


def _has_curve(trial: Trial) -> bool:
    return len(trial.reports) > 1 and trial.state != "failed"


def _line(row: int, trial: Trial, metric: str) -> Curve:
    points = [
        (report.step, value)
        for report in trial.reports
        if (value := number(report.metrics.get(metric))) is not None
    ]
    points = thinned(points, MOST_POINTS)
    values = [float(f"{value:.6g}") for _, value in points]
    return Curve(row, [step for step, _ in points], values)

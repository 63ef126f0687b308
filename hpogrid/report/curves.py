"""The learning curves of some trials, thin enough for a page."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hpogrid.study.study import Trial
from hpogrid.study.values import number

MOST_CURVES = 200
FEWEST_CURVES = 10
MOST_POINTS = 100


def curves(
    trials: Sequence[Trial], metric: str, of: Sequence[Trial], most: int = MOST_CURVES
) -> dict[str, Any]:
    """The curves of a metric.

    Args:
        trials: the rows of the page, best first.
        metric: its name.
        of: all trials, for those shown are some of them.
        most: how many curves.

    Returns:
        ``lines``: for each curve ``row``, ``steps``, ``values``; and a ``note`` on what is shown.
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
    return {"lines": [line for line in lines if len(line["steps"]) > 1], "note": note}


def _has_curve(trial: Trial) -> bool:
    return len(trial.reports) > 1 and trial.state != "failed"


def _line(row: int, trial: Trial, metric: str) -> dict[str, Any]:
    points = [
        (report.step, value)
        for report in trial.reports
        if (value := number(report.metrics.get(metric))) is not None
    ]
    points = _thinned(points)
    return {
        "row": row,
        "steps": [step for step, _ in points],
        "values": [float(f"{value:.6g}") for _, value in points],
    }


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `MOST_POINTS`, evenly; the first and the last stay."""
    if len(points) <= MOST_POINTS:
        return points
    last = len(points) - 1
    return [points[round(index * last / (MOST_POINTS - 1))] for index in range(MOST_POINTS)]

"""Charts over steps and time: learning curves, and the timeline of the jobs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from hpogrid.report.axes import Axis, make_axis
from hpogrid.report.charts.model import Chart, Layer, Line, Spans
from hpogrid.report.charts.sketch import Sketch
from hpogrid.report.results import Column
from hpogrid.report.sample import thinned
from hpogrid.study.study import Trial
from hpogrid.study.values import number

MOST_SPANS = 30_000
MOST_CURVES = 200
FEWEST_CURVES = 10
MOST_POINTS = 100


def learning_curves(sketch: Sketch) -> list[Chart]:
    """What trials reported step by step of the objective that is shown."""
    return curve_charts(sketch, sketch.objective.name)


def curve_charts(sketch: Sketch, metric: str, most: int = MOST_CURVES) -> list[Chart]:
    """What trials reported step by step of a metric: the curves of so many."""
    lines, said = curves(sketch.trials, metric, sketch.results.trials, most)
    if not lines:
        return []
    values = [value for line in lines for value in line.values]
    y = make_axis(sketch.results, Column(metric, "metric", metric), values)
    place = dict(zip(values, y.positions, strict=True))
    steps = [float(step) for line in lines for step in line.steps]
    x = Axis("report", "linear", list(steps), whole=True)
    layers: list[Layer] = [
        Line(
            list(map(float, line.steps)),
            [place[value] or 0.0 for value in line.values],
            f"trial {sketch.trials[line.row].id}",
            sketch.colors[line.row] or 0.0,
            dashed=sketch.trials[line.row].state == "pruned",
            thin=True,
            row=line.row,
        )
        for line in reversed(lines)
    ]
    title = f"{sketch.results.name}: learning curves"
    return [Chart(title, x, y, layers, f"Dashed: stopped early. {said}".strip(), sketch.color_name)]


def timeline(sketch: Sketch) -> list[Chart]:
    """When each trial ran, one lane a job, the first one on top."""
    results, note = sketch.results, ""
    rows: Sequence[int] = range(len(results))
    if sketch.on_page or len(rows) > MOST_SPANS:  # gaps are to mean that nothing ran
        rows = sketch.rows
    if len(rows) < len(results):
        note = f"{len(rows)} of {len(results)} trials are drawn, so there are gaps."
    if not rows:
        return []
    start = min(trial.started for trial in results.trials)
    end = max(trial.ended or trial.started for trial in results.trials)
    unit, name = time_unit(end - start)
    trials = [results.trials[row] for row in rows]
    spans = Spans(
        y=[0.0] * len(rows),
        height=[0.0] * len(rows),
        start=[(trial.started - start) / unit for trial in trials],
        end=[((trial.ended or end) - start) / unit for trial in trials],
        state=[trial.state for trial in trials],
        hover=[sketch.hover(trial) for trial in trials],
    )
    parts = {id(task): place for place, task in enumerate(results.parts)}
    jobs: dict[tuple[int, int], list[int]] = {}
    for place, row in enumerate(rows):
        jobs.setdefault((parts[id(results.tasks[row])], trials[place].job), []).append(place)
    names = []
    for lane, (part, job) in enumerate(sorted(jobs, reverse=True)):
        task = results.parts[part].id if len(parts) > 1 else 0
        names.append(f"{task}, job {job}" if task else f"job {job}")
        _fill_lane(spans, lane, jobs[part, job])
    x = Axis(f"{name} since the start", "linear", [0.0, max((end - start) / unit, 1e-3)])
    y = Axis("", "category", list(map(float, range(len(names)))), names)
    title = f"{results.name}: timeline of the jobs"
    return [Chart(title, x, y, [spans], note, aspect=max(1.0, min(4.0, 24 / len(names))))]


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit to show a span in: how many seconds it has, and its name."""
    if seconds > 7200:
        return 3600.0, "hours"
    return (60.0, "minutes") if seconds > 120 else (1.0, "seconds")


def _fill_lane(spans: Spans, lane: int, own: list[int]) -> None:
    """Trials that ran at once lie above each other inside the lane."""
    ends: list[float] = []
    level: dict[int, int] = {}
    for place in sorted(own, key=spans.start.__getitem__):
        free = next(
            (i for i, end in enumerate(ends) if end <= spans.start[place] + 1e-9), len(ends)
        )
        ends[free : free + 1] = [spans.end[place]]
        level[place] = free
    height = 0.84 / len(ends)
    for place in own:
        spans.y[place] = lane - 0.42 + level[place] * height
        spans.height[place] = height


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

"""Charts over steps and time: learning curves, and the timeline of the jobs."""

from __future__ import annotations

import random
from collections.abc import Sequence

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
    results, trials = sketch.results, sketch.trials
    found = [row for row, trial in enumerate(trials) if _has_curve(trial)]
    chosen = found
    if len(found) > most:
        best = most // 2
        chosen = found[:best] + random.Random(0).sample(found[best:], most - best)
    known = [(row, _points(trials[row], metric)) for row in chosen]
    lines = [(row, points) for row, points in known if len(points) > 1]
    if not lines:
        return []
    note = "Dashed: stopped early."
    if (total := sum(map(_has_curve, results.trials))) > len(chosen):
        note += f" Shown are the best {most // 2} of {total} and others at random."
    values = [value for _, points in lines for _, value in points]
    y = make_axis(results, Column(metric, "metric", metric), values)
    place = dict(zip(values, y.positions, strict=True))
    x = Axis("report", "linear", [step for _, points in lines for step, _ in points], whole=True)
    layers: list[Layer] = [
        Line(
            [step for step, _ in points],
            [place[value] or 0.0 for _, value in points],
            f"trial {trials[row].id}",
            sketch.colors[row] or 0.0,
            dashed=trials[row].state == "pruned",
            thin=True,
            row=row,
        )
        for row, points in reversed(lines)
    ]
    title = f"{results.name}: learning curves"
    return [Chart(title, x, y, layers, note, sketch.color_name)]


def _has_curve(trial: Trial) -> bool:
    return len(trial.reports) > 1 and trial.state != "failed"


def _points(trial: Trial, metric: str) -> list[tuple[float, float]]:
    """A metric at the reports of a trial, thin enough for a page."""
    points = [
        (float(report.step), value)
        for report in trial.reports
        if (value := number(report.metrics.get(metric))) is not None
    ]
    return thinned(points, MOST_POINTS)


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
    end = max(max(trial.ended or 0.0, trial.started) for trial in results.trials)
    unit, name = time_unit(end - start)
    trials = [results.trials[row] for row in rows]
    spans = Spans(
        y=[0.0] * len(rows),
        height=[0.0] * len(rows),
        start=[(trial.started - start) / unit for trial in trials],
        end=[(max(trial.ended or end, trial.started) - start) / unit for trial in trials],
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

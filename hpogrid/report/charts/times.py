"""Charts over steps and time: learning curves, and the timeline of the jobs."""

from __future__ import annotations

from hpogrid.report.axes import Axis, make_axis
from hpogrid.report.charts.model import Chart, Layer, Line, Spans
from hpogrid.report.charts.sketch import Sketch
from hpogrid.report.curves import curves
from hpogrid.report.results import Column
from hpogrid.study.study import Trial

MOST_SPANS = 30_000


def learning_curves(sketch: Sketch) -> list[Chart]:
    """What trials reported step by step."""
    found = curves(sketch.trials, sketch.objective.name, sketch.results.trials)
    lines = found.lines
    if not lines:
        return []
    values = [value for line in lines for value in line.values]
    column = Column(sketch.objective.name, "metric", sketch.objective.name)
    y = make_axis(sketch.results, column, values)
    place = dict(zip(values, y.positions, strict=True))
    x = Axis("report", "linear", [float(step) for line in lines for step in line.steps])
    layers: list[Layer] = [
        Line(
            list(map(float, line.steps)),
            [place[value] or 0.0 for value in line.values],
            f"trial {sketch.trials[line.row].id}",
            sketch.colors[line.row] if sketch.colors[line.row] is not None else 0.0,
            dashed=sketch.trials[line.row].state == "pruned",
            thin=True,
        )
        for line in reversed(lines)
    ]
    title = f"{sketch.results.name}: learning curves"
    note = f"Dashed: stopped early. {found.note}".strip()
    return [Chart(title, x, y, layers, note, sketch.color_name)]


def timeline(sketch: Sketch) -> list[Chart]:
    """When each trial ran, one lane a job."""
    trials = list(zip(sketch.results.trials, sketch.results.tasks, strict=True))
    note = ""
    if len(trials) > MOST_SPANS:  # gaps are to mean that nothing ran
        trials = [trials[row] for row in sketch.rows]
        note = f"{len(trials)} of {len(sketch.results)} trials are drawn, so there are gaps."
    if not trials:
        return []
    start = min(trial.started for trial, _ in trials)
    end = max(trial.ended or trial.started for trial, _ in trials)
    unit, name = time_unit(end - start)
    tasks = {id(task): place for place, task in enumerate(sketch.results.parts)}
    keys = sorted({(tasks[id(task)], trial.job) for trial, task in trials})
    several = len(sketch.results.parts) > 1
    names = [
        f"{sketch.results.parts[task].id}, job {job}" if several else f"job {job}"
        for task, job in keys
    ]
    spans = Spans([], [], [], [], [], [])
    for lane, key in enumerate(keys):
        own = [trial for trial, task in trials if (tasks[id(task)], trial.job) == key]
        _add_lane(
            spans, sketch, sorted(own, key=lambda trial: trial.started), lane, start, end, unit
        )
    x = Axis(f"{name} since the start", "linear", [0.0, max((end - start) / unit, 1e-3)])
    y = Axis("", "category", list(map(float, range(len(names)))), names)
    title = f"{sketch.results.name}: timeline of the jobs"
    return [Chart(title, x, y, [spans], note, aspect=max(1.0, min(4.0, 24 / len(names))))]


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit to show a span in: how many seconds it has, and its name."""
    if seconds > 7200:
        return 3600.0, "hours"
    return (60.0, "minutes") if seconds > 120 else (1.0, "seconds")


def _add_lane(
    spans: Spans,
    sketch: Sketch,
    trials: list[Trial],
    lane: int,
    start: float,
    end: float,
    unit: float,
) -> None:
    """Trials that ran at once lie above each other inside the lane."""
    levels: list[float] = []
    placed: list[tuple[Trial, int]] = []
    for trial in trials:
        free = next(
            (i for i, busy in enumerate(levels) if busy <= trial.started + 1e-6), len(levels)
        )
        if free == len(levels):
            levels.append(0.0)
        levels[free] = trial.ended or end
        placed.append((trial, free))
    height = 0.84 / max(len(levels), 1)
    for trial, level in placed:
        spans.y.append(lane - 0.42 + level * height)
        spans.height.append(height)
        spans.start.append((trial.started - start) / unit)
        spans.end.append(((trial.ended or end) - start) / unit)
        spans.state.append(trial.state)
        spans.hover.append(sketch.hover(trial))

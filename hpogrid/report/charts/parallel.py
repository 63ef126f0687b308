"""Parallel coordinates: one axis a hyperparameter and metric, one line a trial."""

from __future__ import annotations

from msgspec.structs import replace

from hpogrid.report.axes import Axis, make_axis
from hpogrid.report.charts.model import Chart, Color, Parallel
from hpogrid.report.charts.sketch import Sketch, short
from hpogrid.study.values import WITH_RESULT
from hpogrid.text import counted

MOST_AXES = 14
"""So many hyperparameters are shown at first, the most important ones."""


def parallel(sketch: Sketch) -> list[Chart]:
    """The most important hyperparameter stands beside the metrics, which are at the right."""
    goals = {item.name for item in sketch.results.objectives}
    ranked = (sketch.ranked if goals else sketch.parameters)[::-1]
    columns = [column for column in sketch.results.columns if column.kind == "metric"]
    columns.sort(key=lambda column: column.key in goals)
    given = {one.key: [trial.metrics.get(one.key) for trial in sketch.trials] for one in columns}
    metrics = [(one, make_axis(sketch.results, one, given[one.key])) for one in columns]
    known = [(column, axis) for column, axis in metrics if set(axis.positions) - {None}]
    axes = [*ranked, *(axis for _, axis in known)]
    hidden = [*range(len(ranked) - MOST_AXES)]
    if goals and sketch.on_page:  # which has every metric
        hidden += [len(ranked) + at for at, (own, _) in enumerate(known) if own.key not in goals]
    kept = [i for i, trial in enumerate(sketch.trials) if trial.state in WITH_RESULT][::-1]
    if len(axes) - len(hidden) < 2 or not (kept or sketch.on_page):
        return []
    drawn = [replace(axis, positions=[axis.positions[index] for index in kept]) for axis in axes]
    colors: list[Color] = [sketch.colors[index] if goals else None for index in kept]
    x = Axis("", "category", [], [axis.name for axis in axes])
    title = f"{sketch.results.name}: parallel coordinates"
    note = " ".join(_notes(sketch, [axis.name for axis in ranked]))
    layer = Parallel(drawn, colors, hidden)
    name = sketch.color_name if goals else ""
    return [Chart(title, x, Axis("", "linear", []), [layer], note, name, aspect=2.2)]


def _notes(sketch: Sketch, names: list[str]) -> list[str]:
    """What has no line: trials without a result, and hyperparameters that never change."""
    results, found = sketch.results, []
    states = [f"{n} {state}" for state, n in results.states.items() if state not in WITH_RESULT]
    if sketch.on_page and "failed" in results.states:
        found.append("Dotted: failed trials.")
    elif states and not sketch.on_page:
        found.append(f"Without a line: {', '.join(states)} trials.")
    columns = [column for column in results.columns if column.kind == "parameter"]
    known = sketch.trials[0].applied
    same = [
        f"{column.name} = {short(known.get(column.key))}"
        for column in columns
        if column.name not in names
    ]
    if same:
        found.append(f"The same in all trials: {', '.join(same)}.")
    if len(names) > MOST_AXES and not sketch.on_page:
        left = ", ".join(names[: len(names) - MOST_AXES][::-1])
        shown = f"{MOST_AXES} of {counted(len(names), 'hyperparameter')} are shown"
        found.append(f"{shown}, the most important ones; left out: {left}.")
    return found

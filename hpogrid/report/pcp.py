"""The parallel coordinate plot: one axis a hyperparameter, one line a trial, coloured by metric."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from hpogrid.registry import require
from hpogrid.report.axes import Axis, label, make_axis
from hpogrid.report.base import Writer
from hpogrid.report.results import Column, Results
from hpogrid.space.value import Value, Values
from hpogrid.study.values import WITH_RESULT, as_loss
from hpogrid.text import counted

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_LONG = 32
MOST_LINES = 2000
"""More lines can neither be drawn quickly nor told apart: the best half of these are kept, and
the others are drawn at random from the rest."""


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ margin: 0 }} h1 {{ position: absolute; left: -9999px }}</style>
</head>
<body><main><h1>{title}</h1>
"""
"""What stands before the plot: what is read out to those who do not see it."""


class PcpWriter(Writer):
    """A page with the plot and all it needs."""

    suffix = "_parallel_coordinate_plot.html"

    def __init__(self) -> None:
        require("plotly", extra="plot", what="--to_pcp")

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the page."""
        plot: str = figure(results).to_html(
            include_plotlyjs=True,
            full_html=False,
            default_height="100vh",
            config={"displaylogo": False, "responsive": True},
        )
        title = f"{_escape(results.name)}: parallel coordinates"
        stream.write(_PAGE.format(title=title).encode())
        stream.write(plot.encode())
        stream.write(b"</main></body></html>\n")


def figure(results: Results) -> Figure:
    """The plot as a plotly figure."""
    graph = require("plotly.graph_objects", extra="plot", what="a plot")
    columns = [item for item in results.columns if item.kind != "extra"]
    indices = _chosen(results)
    chosen = set(indices)
    rows = [row for index, row in enumerate(results.rows()) if index in chosen]
    drawn, same = _axes(results, columns, rows)
    many = len(drawn) > 8
    dimensions = [_dimension(axis, column, results, len(drawn)) for column, axis in drawn]
    ticks = dimensions[0]["ticktext"] if drawn else None
    left = max(map(len, ticks), default=0) if isinstance(ticks, list) else 0
    trace = graph.Parcoords(
        dimensions=dimensions,
        line=_line(results, drawn),
        labelangle=-30 if many else 0,
        labelside="top",
    )
    return graph.Figure(
        trace,
        {
            "title": {
                "text": _title(results, len(indices), same),
                "x": 0.02,
                "y": 0.97,
                "yanchor": "top",
                "font": {"size": 16},
            },
            "margin": {"l": max(90, 20 + 7 * left), "r": 90, "t": 270 if many else 130, "b": 40},
            "font": {"size": 13},
        },
    )


def _axes(
    results: Results, columns: list[Column], rows: list[list[Value]]
) -> tuple[list[tuple[Column, Axis]], list[str]]:
    """The axes to draw, and ``name = value`` for each hyperparameter that never changed."""
    drawn: list[tuple[Column, Axis]] = []
    same: list[str] = []
    for place, column in enumerate(columns):
        values = [row[place] for row in rows]
        if column.kind == "parameter" and len(rows) > 1 and all(v == values[0] for v in values):
            same.append(f"{column.name} = {label(values[0])}")
        else:
            drawn.append((column, make_axis(results, column, values)))
    return drawn, same


def _chosen(results: Results) -> list[int]:
    """The trials to draw, ascending: those with a result, or, over too many, a part of them."""
    known = [
        index
        for index, trial in enumerate(results.trials)
        if trial.state in WITH_RESULT
        and (not results.objectives or results.value(trial) is not None)
    ]
    if len(known) <= MOST_LINES:
        return known
    best = MOST_LINES // 2
    others = random.Random(0).sample(known[best:], MOST_LINES - best)
    return sorted(known[:best] + others)


def _dimension(axis: Axis, column: Column, results: Results, axes: int) -> Values:
    """An axis; where a trial has no value, its line passes below the others at a dash."""
    low, high = axis.range
    places, labels = axis.ticks()
    margin = 0.08 * (high - low)
    side = 0.2 if axis.scale == "category" else 0.0
    below = None in axis.positions
    if below:
        places, labels = [low - margin, *places], ["-", *labels]
    return {
        "label": _label(column, results),
        "values": [low - margin if item is None else item for item in _spread(axis)],
        "range": [low - margin if below else low - side, high + side],
        "tickvals": places,
        "ticktext": [_escape(_shorten(item, max(6, 150 // axes))) for item in labels],
    }


def _spread(axis: Axis) -> list[float | None]:
    """Positions; those of one category lie side by side, so that each line can be followed."""
    if axis.scale != "category":
        return axis.positions
    totals = Counter(axis.positions)
    passed: Counter[float | None] = Counter()
    places: list[float | None] = []
    for position in axis.positions:
        share = passed[position] / totals[position] - 0.5
        passed[position] += 1
        places.append((position or 0.0) + 0.3 * share)
    return places


def _label(column: Column, results: Results) -> str:
    prefix = shared_prefix(results.names)
    name = column.name
    if len(name) > _LONG and name.startswith(prefix):
        name = f"…{name[len(prefix) :]}" if prefix else name
    name = _escape(_shorten(name, _LONG))
    modes = {item.name: item.mode for item in results.objectives}
    if column.kind == "metric" and column.key in modes:
        return f"<b>{name}</b> ({modes[column.key]})"
    return name


def shared_prefix(names: Sequence[str]) -> str:
    """What all dotted names begin with, up to a dot; empty where there are fewer than two."""
    dotted = [name.split(".")[:-1] for name in names if "." in name]
    if len(dotted) < 2:
        return ""
    same = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*dotted, strict=False))
    return "".join(f"{parts[0]}." for parts in same)


def _line(results: Results, drawn: list[tuple[Column, Axis]]) -> Values:
    """Lines coloured by the first metric, better ones darker and drawn over the others.

    The worst twentieth share the last colour.
    """
    metrics = [axis for column, axis in drawn if column.kind == "metric"]
    if not metrics or metrics[0].scale == "category" or not metrics[0].positions:
        return {"color": "#31688e"}
    axis = metrics[0]
    mode = results.objectives[0].mode if results.objectives else "min"
    known = sorted(-as_loss(item, mode) for item in axis.positions if item is not None)
    worst, best = known[int(0.05 * (len(known) - 1))], known[-1]
    places, labels = axis.ticks()
    better = f", {'lower' if mode == 'min' else 'higher'} is better" if results.objectives else ""
    return {
        "color": [worst if item is None else -as_loss(item, mode) for item in axis.positions],
        "colorscale": "Viridis",
        "reversescale": True,
        "cmin": worst if worst < best else best - 1,
        "cmax": best,
        "showscale": True,
        "colorbar": {
            "title": {"text": f"{_escape(axis.name)}{better}", "side": "right"},
            "tickvals": [-as_loss(place, mode) for place in places],
            "ticktext": labels,
        },
    }


def _title(results: Results, drawn: int, same: list[str]) -> str:
    finished = sum(results.states.get(state, 0) for state in WITH_RESULT)
    parts = [f"<b>{_escape(results.name)}</b>: {counted(drawn, 'trial')}"]
    if drawn < finished:
        parts.append(f"of {finished} with a result (the best, and some of the others at random)")
    others = len(results) - finished
    if others:
        failed = results.states.get("failed", 0)
        parts.append(f"; left out: {failed} failed, {others - failed} without an end")
    hint = "Drag along an axis to select; drag its name to move it."
    if same:
        hint += f" The same in all: {_escape(_shorten(', '.join(same), 100))}."
    return " ".join(parts).replace(" ;", ";") + f"<br><sub>{hint}</sub>"


def _shorten(label: str, length: int) -> str:
    """A label without its middle, where it is too long."""
    half = (length - 1) // 2
    return label if len(label) <= length else f"{label[:half]}…{label[-half:]}"


def _escape(label: str) -> str:
    return label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

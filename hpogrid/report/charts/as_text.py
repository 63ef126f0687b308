"""A chart of points and a line as text, for terminals."""

from __future__ import annotations

import itertools

from hpogrid.report.axes import Axis
from hpogrid.report.charts.model import Chart, Line, Points

_MARGIN = 11


def text_chart(chart: Chart, width: int = 80, height: int = 18) -> str:
    """Draw a chart with letters: ``*`` complete, ``o`` stopped early, ``-`` the best so far.

    Args:
        chart: only its points and lines are drawn.
        width, height: of the whole, in letters; at least 30 and 8.
    """
    places, words = chart.y.ticks()
    margin = max(_MARGIN, 1 + min(max(map(len, words), default=0), 20))
    columns, rows = max(width, 30) - margin - 1, max(height, 8) - 4
    field = [[" "] * columns for _ in range(rows)]

    def row(place: float) -> int:
        return rows - 1 - _cell(place, chart.y, rows)

    def column(place: float) -> int:
        return _cell(place, chart.x, columns)

    for layer in chart.layers:
        if isinstance(layer, Points):
            for x, y, hollow in zip(layer.x, layer.y, layer.hollow, strict=True):
                field[row(y)][column(x)] = "o" if hollow else "*"
    for layer in chart.layers:
        if isinstance(layer, Line):  # its level parts, over the points
            for (left, y), (right, after) in itertools.pairwise(zip(*layer.corners(), strict=True)):
                if y == after:
                    first, last = column(left), column(right)
                    field[row(y)][first : last + 1] = "-" * (last + 1 - first)
    labels = {row(place): label[: margin - 1] for place, label in zip(places, words, strict=True)}
    low, high = (f"{place:g}" for place in chart.x.range)
    name = chart.x.name.center(columns - len(low) - len(high))
    lines = [chart.title]
    for place, cells in enumerate(field):
        lines.append(f"{labels.get(place, ''):>{margin - 1}} |{''.join(cells)}")
    lines.append(" " * margin + "+" + "-" * columns)
    lines.append(" " * (margin + 1) + f"{low}{name}{high}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _cell(place: float, axis: Axis, cells: int) -> int:
    low, high = axis.range
    return min(max(int((place - low) / (high - low) * cells), 0), cells - 1)

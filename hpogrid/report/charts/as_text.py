"""A chart of points and a line as text, for terminals."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hpogrid.report.axes import Axis
from hpogrid.report.charts.model import Chart, Line, Points

_MARGIN = 11


def text_chart(chart: Chart, width: int = 80, height: int = 18) -> str:
    """Draw a chart with letters: ``*`` complete, ``o`` stopped early, ``-`` the best so far.

    Args:
        chart: only its points and lines are drawn.
        width, height: of the whole, in letters; at least 30 and 8.
    """
    columns, rows = max(width, 30) - _MARGIN - 1, max(height, 8) - 4
    field = [[" "] * columns for _ in range(rows)]
    for layer in chart.layers:
        if isinstance(layer, Points):
            marks = ["o" if hollow else "*" for hollow in layer.hollow]
            _put(field, chart, layer.x, layer.y, marks)
    for layer in chart.layers:
        if isinstance(layer, Line):
            _put_steps(field, chart, layer)
    labels = _labels(chart.y, rows)
    lines = [chart.title]
    lines += [f"{labels.get(row, ''):>{_MARGIN - 1}} |{''.join(field[row])}" for row in range(rows)]
    lines.append(" " * _MARGIN + "+" + "-" * columns)
    lines.append(" " * (_MARGIN + 1) + _ends(chart.x, columns))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _cell(place: float, axis: Axis, cells: int) -> int:
    low, high = axis.range
    return min(max(int((place - low) / (high - low) * cells), 0), cells - 1)


def _put(
    field: list[list[str]], chart: Chart, x: Sequence[float], y: Sequence[float], marks: list[str]
) -> None:
    rows, columns = len(field), len(field[0])
    for across, up, mark in zip(x, y, marks, strict=True):
        field[rows - 1 - _cell(up, chart.y, rows)][_cell(across, chart.x, columns)] = mark


def _put_steps(field: list[list[str]], chart: Chart, line: Line) -> None:
    """Level parts only, over the points."""
    rows, columns = len(field), len(field[0])
    for (x1, y1), (x2, y2) in itertools.pairwise(zip(*line.corners(), strict=True)):
        if y1 == y2:
            row = field[rows - 1 - _cell(y1, chart.y, rows)]
            for column in range(_cell(x1, chart.x, columns), _cell(x2, chart.x, columns) + 1):
                row[column] = "-"


def _labels(axis: Axis, rows: int) -> dict[int, str]:
    found: dict[int, str] = {}
    for place, label in zip(*axis.ticks(), strict=True):
        found[rows - 1 - _cell(place, axis, rows)] = label[: _MARGIN - 1]
    return found


def _ends(axis: Axis, columns: int) -> str:
    low, high = (f"{place:g}" for place in axis.range)
    middle = axis.name.center(columns - len(low) - len(high))
    return f"{low}{middle}{high}"

"""Charts as the page's script reads them (``assets/chart.js``)."""

from __future__ import annotations

from typing import Any

import msgspec

from hpogrid.report.axes import Axis
from hpogrid.report.base import digits_apart
from hpogrid.report.charts.model import Chart, Heat, Layer, Line, Parallel, Points, Spans
from hpogrid.space.value import Values

_KNOWN = frozenset(("name", "color", "hover", "state", "hollow"))
"""What the page itself knows of trials."""
_FEW = 7
"""So many digits of a number, unless it takes more to tell nearly all of them apart."""


def page_chart(chart: Chart) -> dict[str, Any]:
    """A chart as JSON values: the layers as they are, of the axes what is drawn of them.

    Trials lie where the columns of the table say, on the scales that are chosen there.
    """
    axis = _axis if all(_rows(layer) is None for layer in chart.layers) else _placed
    digits = max(_digits(chart.x), _digits(chart.y))
    layers = [_short(_layer(layer, chart), digits) for layer in chart.layers]
    drawn: dict[str, Any] = {"x": axis(chart.x), "y": axis(chart.y), "layers": layers}
    return {"title": chart.title, "note": chart.note, **drawn}


def _rows(layer: Layer) -> list[int] | None:
    return layer.rows if isinstance(layer, Points | Line | Heat) else None


def _layer(layer: Layer, chart: Chart) -> Values:
    if isinstance(layer, Parallel):
        columns = [axis.column for axis in layer.axes]
        return {"type": "parallel", "columns": columns, "hidden": [*layer.hidden]}
    fields = msgspec.structs.asdict(layer)
    rows = _rows(layer)
    if rows is not None:
        fields["open"] = len(fields.pop("x")) > len(rows)
        every = isinstance(layer, Points) and not layer.emphasis and len(rows) == _both(chart)
        fields["rows"] = None if every else rows
        fields["plain"] = isinstance(layer, Points) and layer.color.count(None) == len(rows)
        del fields["y"]
    else:
        fields.pop("rows", None)
    trials = isinstance(layer, Spans) or rows is not None or fields.get("row") is not None
    shown = {name: fields[name] for name in fields if not (trials and name in _KNOWN)}
    return {"type": str(layer.__struct_config__.tag), **shown}


def _both(chart: Chart) -> int:
    """How many trials have a place on both axes."""
    return sum(
        x is not None and y is not None
        for x, y in zip(chart.x.positions, chart.y.positions, strict=True)
    )


def _axis(axis: Axis) -> Values:
    low, high = axis.range
    return {
        "name": axis.name,
        "scale": axis.scale,
        "low": low,
        "high": high,
        "categories": list(axis.categories),
        "whole": axis.whole,
    }


def _placed(axis: Axis) -> Any:
    """An axis with the places of all trials, or the column that has them."""
    known = msgspec.to_builtins(axis)
    known["values"] = [] if axis.column else known["positions"]
    del known["positions"]
    return _short(known)


def _digits(axis: Axis) -> int:
    return digits_apart((place for place in axis.positions if place is not None), _FEW, 5, 0.99)


def _short(value: Any, digits: int = _FEW) -> Any:
    """The same with so many digits of each number: more of them nobody sees."""
    if isinstance(value, float):
        short = float(f"{value:.{digits}g}")
        return int(short) if short.is_integer() and abs(short) < 1e7 else short
    if isinstance(value, list):
        return [_short(item, digits) for item in value]
    if isinstance(value, dict):
        return {name: _short(item, digits) for name, item in value.items()}
    return value

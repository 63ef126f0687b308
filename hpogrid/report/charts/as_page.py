"""Charts as the page's script reads them (``assets/chart.js``)."""

from __future__ import annotations

from typing import Any

import msgspec

from hpogrid.report.axes import Axis
from hpogrid.report.charts.model import Chart, Layer, Spans
from hpogrid.space.value import Values

_OF_TRIALS = ("name", "color", "hover", "state", "thin", "series", "steps")


def page_chart(chart: Chart) -> dict[str, Any]:
    """A chart as JSON values: the layers as they are, of the axes what is drawn of them."""
    layers = [_layer(layer) for layer in chart.layers]
    return {"x": _axis(chart.x), "y": _axis(chart.y), "layers": layers, "note": chart.note}


def _layer(layer: Layer) -> Any:
    """A layer as it is, without what the page itself knows of its trials."""
    known = msgspec.to_builtins(layer)
    if isinstance(layer, Spans) or known.get("row") is not None:
        known = {name: value for name, value in known.items() if name not in _OF_TRIALS}
    return _short(known)


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


def _short(value: Any) -> Any:
    """The same with seven digits of each number: more of them nobody sees."""
    if isinstance(value, float):
        short = float(f"{value:.7g}")
        return int(short) if short.is_integer() and abs(short) < 1e7 else short
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return value

"""Charts as the page's script reads them (``assets/chart.js``)."""

from __future__ import annotations

from typing import Any

import msgspec

from hpogrid.report.axes import Axis
from hpogrid.report.charts.model import Chart, Layer, Spans
from hpogrid.space.value import Values


def page_chart(chart: Chart) -> dict[str, Any]:
    """A chart as JSON values: the layers as they are, of the axes what is drawn of them."""
    layers = [_layer(layer) for layer in chart.layers]
    return {"x": _axis(chart.x), "y": _axis(chart.y), "layers": layers, "note": chart.note}


def _layer(layer: Layer) -> Any:
    """A layer as it is, without what the page itself knows of its trials."""
    known = msgspec.to_builtins(layer)
    for name in ("state", "hover") if isinstance(layer, Spans) else ():
        del known[name]
    return _short(known)


def _axis(axis: Axis) -> Values:
    low, high = axis.range
    return {
        "name": axis.name,
        "scale": axis.scale,
        "low": low,
        "high": high,
        "categories": list(axis.categories),
    }


def _short(value: Any) -> Any:
    """The same with seven digits of each number: more of them nobody sees."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return value

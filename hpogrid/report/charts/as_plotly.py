"""Charts as plotly figures, for notebooks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hpogrid.registry import require
from hpogrid.report.axes import Axis, spread
from hpogrid.report.charts.model import (
    RAMP,
    STATE_COLORS,
    Area,
    Bars,
    Chart,
    Heat,
    Line,
    Parallel,
    Points,
    Spans,
    corners,
    series_color,
)
from hpogrid.space.value import Values
from hpogrid.text import shorten, shorten_all

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_SCALE = [[index / (len(RAMP) - 1), color] for index, color in enumerate(RAMP)]


def plotly_figure(charts: Sequence[Chart]) -> Figure:
    """A figure of one chart, or of several as a grid of panels.

    Raises:
        UserError: plotly is not installed; the extra is named.
    """
    subplots = require("plotly.subplots", extra="plot", what="a figure")
    graph = require("plotly.graph_objects", extra="plot", what="a figure")
    columns = min(3, len(charts))
    rows = math.ceil(len(charts) / columns)
    titles = [chart.title for chart in charts] if len(charts) > 1 else None
    parallel = any(isinstance(layer, Parallel) for layer in charts[0].layers)
    kind = {"type": "domain" if parallel else "xy"}
    figure = subplots.make_subplots(
        rows,
        columns,
        specs=[[kind] * columns] * rows,
        subplot_titles=titles,
        vertical_spacing=0.35 / rows if rows > 1 else 0,
    )
    for index, chart in enumerate(charts):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        for layer in chart.layers:
            figure.add_trace(_LAYERS[type(layer)](graph, layer, chart), **place)
        if not parallel:
            figure.update_xaxes(**_axis(chart.x), **place)
            figure.update_yaxes(**_axis(chart.y), **place)
    figure.update_layout(
        template="plotly_white",
        showlegend=not parallel and any(trace.showlegend for trace in figure.data),
        title=_title(charts[0]) if len(charts) == 1 else None,
        height=460 if rows == 1 else 300 * rows,
        barmode="overlay",
    )
    if parallel:
        figure.update_layout(margin={"t": 160, "l": 110, "r": 110})
    return figure


def _title(chart: Chart) -> Values:
    note = "<br>".join(map(_escape, textwrap.wrap(chart.note, 140)))
    return {"text": _escape(chart.title), "subtitle": {"text": note}}


def _axis(axis: Axis) -> Values:
    """A log axis is plotly's own; all others are labelled here."""
    if axis.scale == "log":
        return {"title": axis.name, "type": "log", "exponentformat": "power"}
    if axis.scale == "linear":
        return {"title": axis.name}
    places, labels = axis.ticks()
    return {"title": axis.name, "tickvals": places, "ticktext": labels}


def _values(places: Sequence[float], axis: Axis) -> list[float]:
    return [10**place for place in places] if axis.scale == "log" else list(places)


def _points(graph: Any, layer: Points, chart: Chart) -> Any:
    return graph.Scatter(
        x=_values(layer.x, chart.x),
        y=_values(layer.y, chart.y),
        mode="markers",
        showlegend=False,
        marker={
            "color": layer.colors,
            "size": 11 if layer.emphasis else 6,
            "symbol": ["circle-open" if hollow else "circle" for hollow in layer.hollow],
        },
        hovertext=[_escape(text).replace("\n", "<br>") for text in layer.hover],
        hoverinfo="text",
    )


def _line(graph: Any, layer: Line, chart: Chart) -> Any:
    dash = "dash" if layer.broken else "solid"
    across, up = layer.corners()
    return graph.Scatter(
        x=_values(across, chart.x),
        y=_values(up, chart.y),
        mode="lines",
        name=layer.name,
        showlegend=layer.is_named,
        opacity=layer.opacity,
        line={"color": layer.paint, "width": 1 if layer.thin else 2, "dash": dash},
        hoverinfo="name+y",
    )


def _area(graph: Any, layer: Area, chart: Chart) -> Any:
    red, green, blue = (int(series_color(layer.series)[at : at + 2], 16) for at in (1, 3, 5))
    (there, low), (back, high) = corners(layer.x, layer.low), corners(layer.x, layer.high)
    return graph.Scatter(
        x=_values([*there, *reversed(back)], chart.x),
        y=_values([*low, *reversed(high)], chart.y),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.18)",
        showlegend=False,
        hoverinfo="skip",
    )


def _bars(graph: Any, layer: Bars, chart: Chart) -> Any:
    above = [high - value for high, value in zip(layer.high, layer.values, strict=True)]
    below = [value - low for low, value in zip(layer.low, layer.values, strict=True)]
    return graph.Bar(
        x=layer.values,
        y=list(range(len(layer.values))),
        orientation="h",
        marker_color=STATE_COLORS["complete"],
        error_x={"type": "data", "symmetric": False, "array": above, "arrayminus": below},
        hoverinfo="x",
    )


def _spans(graph: Any, layer: Spans, chart: Chart) -> Any:
    return graph.Bar(
        base=layer.start,
        x=[end - start for start, end in zip(layer.start, layer.end, strict=True)],
        y=[y + height / 2 for y, height in zip(layer.y, layer.height, strict=True)],
        width=layer.height,
        orientation="h",
        marker_color=[STATE_COLORS[state] for state in layer.state],
        hovertext=[_escape(text).replace("\n", "<br>") for text in layer.hover],
        hoverinfo="text",
    )


def _heat(graph: Any, layer: Heat, chart: Chart) -> Any:
    return graph.Heatmap(
        x=_values(layer.x, chart.x),
        y=_values(layer.y, chart.y),
        z=layer.color,
        colorscale=_SCALE,
        zmin=0,
        zmax=1,
        opacity=0.55,
        showscale=False,
        hoverinfo="skip",
    )


def _parallel(graph: Any, layer: Parallel, chart: Chart) -> Any:
    """Lines coloured by goodness; a trial without a value passes below the others at a dash."""
    line: dict[str, Any] = {"color": STATE_COLORS["complete"]}
    if chart.color_name:
        bar = {"title": {"text": _escape(chart.color_name), "side": "right"}, "tickvals": [0, 1]}
        line = {
            "color": [color or 0.0 for color in layer.color],
            "colorscale": _SCALE,
            "cmin": 0,
            "cmax": 1,
            "showscale": True,
            "colorbar": {**bar, "ticktext": ["worst", "best"]},
        }
    many = len(layer.shown) > 8
    names = shorten_all([axis.name for axis in layer.shown], 32)
    dimensions = list(map(_dimension, layer.shown, names, [len(names)] * len(names)))
    return graph.Parcoords(
        dimensions=dimensions, line=line, labelangle=-30 if many else 0, labelside="top"
    )


def _dimension(axis: Axis, name: str, axes: int) -> Values:
    low, high = axis.range
    places, labels = axis.ticks()
    margin, side = 0.08 * (high - low), 0.3 if axis.scale == "category" else 0.0
    below = None in axis.positions
    if below:
        places, labels = [low - margin, *places], ["-", *labels]
    return {
        "label": _escape(name),
        "values": [low - margin if place is None else place for place in spread(axis)],
        "range": [low - margin if below else low - side, high + side],
        "tickvals": places,
        "ticktext": [_escape(shorten(item, max(6, 150 // axes))) for item in labels],
    }


def _escape(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_LAYERS: dict[type, Callable[..., Any]] = {
    Points: _points,
    Line: _line,
    Area: _area,
    Bars: _bars,
    Heat: _heat,
    Spans: _spans,
    Parallel: _parallel,
}

"""Charts as plotly figures, for notebooks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hpogrid.registry import require
from hpogrid.report.axes import Axis
from hpogrid.report.charts.model import (
    RAMP,
    STATE_COLORS,
    Area,
    Bars,
    Chart,
    Heat,
    Layer,
    Line,
    Points,
    Spans,
    ramp,
    series_color,
    series_is_dashed,
)
from hpogrid.space.value import Values

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def plotly_figure(charts: Sequence[Chart]) -> Figure:
    """A figure of one chart, or of several as a grid of panels.

    Raises:
        UserError: plotly is not installed; the extra is named.
    """
    subplots = require("plotly.subplots", extra="plot", what="a figure")
    columns = min(3, len(charts))
    rows = math.ceil(len(charts) / columns)
    titles = [chart.title for chart in charts] if len(charts) > 1 else None
    figure = subplots.make_subplots(
        rows, columns, subplot_titles=titles, vertical_spacing=0.35 / rows if rows > 1 else 0
    )
    for index, chart in enumerate(charts):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        for layer in chart.layers:
            for trace in _traces(layer, chart):
                figure.add_trace(trace, **place)
        figure.update_xaxes(**_axis(chart.x), **place)
        figure.update_yaxes(**_axis(chart.y), **place)
    figure.update_layout(
        template="plotly_white",
        showlegend=any(trace.showlegend for trace in figure.data),
        title=charts[0].title if len(charts) == 1 else None,
        height=460 if rows == 1 else 300 * rows,
        barmode="overlay",
    )
    return figure


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


def _traces(layer: Layer, chart: Chart) -> list[Any]:
    graph = require("plotly.graph_objects", extra="plot", what="a figure")
    if isinstance(layer, Points):
        return [_points(graph, layer, chart)]
    if isinstance(layer, Line):
        return [_line(graph, layer, chart)]
    if isinstance(layer, Area):
        return [_area(graph, layer, chart)]
    if isinstance(layer, Bars):
        return [_bars(graph, layer)]
    if isinstance(layer, Heat):
        return [_heat(graph, layer, chart)]
    assert isinstance(layer, Spans)  # parallel coordinates are a figure of their own: `pcp`
    return _spans(graph, layer)


def _points(graph: Any, layer: Points, chart: Chart) -> Any:
    colors = [ramp(color) for color in layer.color]
    if layer.series is not None:
        colors = [series_color(layer.series)] * len(layer.x)
    return graph.Scatter(
        x=_values(layer.x, chart.x),
        y=_values(layer.y, chart.y),
        mode="markers",
        showlegend=False,
        marker={
            "color": colors,
            "size": 11 if layer.emphasis else 6,
            "symbol": ["circle-open" if hollow else "circle" for hollow in layer.hollow],
        },
        hovertext=[text.replace("<", "&lt;").replace("\n", "<br>") for text in layer.hover],
        hoverinfo="text",
    )


def _line(graph: Any, layer: Line, chart: Chart) -> Any:
    color = "#1b1f24" if layer.color is None else ramp(layer.color)
    if layer.series is not None:
        color = series_color(layer.series)
    dashed = layer.dashed or (layer.series is not None and series_is_dashed(layer.series))
    dash = "dash" if dashed else "solid"
    return graph.Scatter(
        x=_values(layer.x, chart.x),
        y=_values(layer.y, chart.y),
        mode="lines",
        name=layer.name,
        showlegend=layer.series is not None and not layer.thin,
        opacity=0.45 if layer.thin and layer.series is not None else 1.0,
        line={"color": color, "width": 1 if layer.thin else 2, "dash": dash},
        hoverinfo="name+y",
    )


def _area(graph: Any, layer: Area, chart: Chart) -> Any:
    red, green, blue = (int(series_color(layer.series)[at : at + 2], 16) for at in (1, 3, 5))
    return graph.Scatter(
        x=_values([*layer.x, *reversed(layer.x)], chart.x),
        y=_values([*layer.low, *reversed(layer.high)], chart.y),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.18)",
        showlegend=False,
        hoverinfo="skip",
    )


def _bars(graph: Any, layer: Bars) -> Any:
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


def _spans(graph: Any, layer: Spans) -> list[Any]:
    return [
        graph.Bar(
            base=layer.start,
            x=[end - start for start, end in zip(layer.start, layer.end, strict=True)],
            y=[y + height / 2 for y, height in zip(layer.y, layer.height, strict=True)],
            width=layer.height,
            orientation="h",
            marker_color=[STATE_COLORS[state] for state in layer.state],
            hovertext=[text.replace("<", "&lt;").replace("\n", "<br>") for text in layer.hover],
            hoverinfo="text",
        )
    ]


def _heat(graph: Any, layer: Heat, chart: Chart) -> Any:
    scale = [[index / (len(RAMP) - 1), color] for index, color in enumerate(RAMP)]
    return graph.Heatmap(
        x=_values(layer.x, chart.x),
        y=_values(layer.y, chart.y),
        z=layer.color,
        colorscale=scale,
        zmin=0,
        zmax=1,
        opacity=0.55,
        showscale=False,
        hoverinfo="skip",
    )

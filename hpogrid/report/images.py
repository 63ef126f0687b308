"""Pictures of the charts: a PNG or SVG file for each, or one PDF with a page for each."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from hpogrid.registry import require
from hpogrid.report.axes import Axis, spread
from hpogrid.report.base import Writer
from hpogrid.report.charts import CHARTS, draw
from hpogrid.report.charts.model import (
    RAMP,
    STATE_COLORS,
    TEXT,
    Area,
    Bars,
    Chart,
    Heat,
    Line,
    Parallel,
    Points,
    Spans,
    ramp,
    series_color,
)
from hpogrid.report.results import Results
from hpogrid.text import shorten, shorten_all

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as MplAxis
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

_WIDTH = 11.0
_GRID = "#e6e9ed"
_MISSING = -0.09
"""Where a line goes that has no value on an axis of parallel coordinates; the axis is 0 to 1."""


def all_charts(results: Results) -> dict[str, list[Chart]]:
    """The charts that there is something to draw for, by kind."""
    found = {name: draw(results, name) for name in CHARTS}
    return {name: charts for name, charts in found.items() if charts}


class PngWriter(Writer):
    """One picture for each chart."""

    suffix = ".png"

    def __init__(self) -> None:
        require("matplotlib", extra="images", what=f"--to_{self.suffix[1:]}")

    def files(self, results: Results) -> dict[str, Callable[[BinaryIO], object]]:
        """A file for each chart."""
        return {
            f"_{name}{self.suffix}": partial(write_picture, charts, self.suffix)
            for name, charts in all_charts(results).items()
        }

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the first chart that there is."""
        for charts in list(all_charts(results).values())[:1]:
            write_picture(charts, self.suffix, stream)


class SvgWriter(PngWriter):
    """The same as drawings that stay sharp, with text that can be searched."""

    suffix = ".svg"


class PdfWriter(Writer):
    """One PDF file with a page for each chart."""

    suffix = ".pdf"

    def __init__(self) -> None:
        require("matplotlib", extra="images", what="--to_pdf")

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file; without a chart it has one page that says so."""
        write_pdf(results.name, all_charts(results).values(), stream)


def write_picture(charts: Sequence[Chart], name: str, stream: BinaryIO) -> None:
    """Write one chart, or several as panels, in the form that a name ends in."""
    with as_written():
        matplotlib_figure(charts).savefig(stream, format=name.rpartition(".")[2])


def as_written() -> AbstractContextManager[None]:
    """Text is drawn as it is, also where it reads like a formula (``$x^2$``), and stays text."""
    matplotlib = require("matplotlib", extra="images", what="a picture")
    found: AbstractContextManager[None] = matplotlib.rc_context(
        {"svg.fonttype": "none", "text.parse_math": False}
    )
    return found


def write_pdf(title: str, found: Iterable[Sequence[Chart]], stream: BinaryIO) -> None:
    """Write a page for each chart, or for several as panels."""
    pdf = require("matplotlib.backends.backend_pdf", extra="images", what="--to_pdf")
    about = {"Title": title, "Creator": "hpogrid"}
    with as_written(), pdf.PdfPages(stream, metadata=about) as pages:
        for charts in found:
            pages.savefig(matplotlib_figure(charts))
        if not pages.get_pagecount():
            figures = require("matplotlib.figure", extra="images", what="--to_pdf")
            empty = figures.Figure(figsize=(8, 2))
            empty.text(0.05, 0.5, f"{title}: there is no trial to draw.")
            pages.savefig(empty)


def matplotlib_figure(charts: Sequence[Chart]) -> Figure:
    """A figure of one chart, or of several as a grid of panels.

    Raises:
        UserError: matplotlib is not installed; the extra is named.
    """
    figures = require("matplotlib.figure", extra="images", what="a PNG or PDF file")
    columns = min(3, len(charts))
    rows = math.ceil(len(charts) / columns)
    height = rows * _WIDTH / columns / charts[0].aspect + 0.9
    figure: Figure = figures.Figure(figsize=(_WIDTH, height), layout="constrained", dpi=130)
    panels = figure.subplots(rows, columns, squeeze=False)
    for index, panel in enumerate(panels.flat):
        if index < len(charts):
            _draw(figure, panel, charts[index], single=len(charts) == 1)
        else:
            panel.set_visible(False)
    if charts[0].color_name and not any(isinstance(item, Parallel) for item in charts[0].layers):
        _color_bar(figure, list(panels.flat), charts[0].color_name)
    if charts[0].note:
        figure.supxlabel("\n".join(textwrap.wrap(charts[0].note, 140)), fontsize=8, color="#545d68")
    return figure


def _color_bar(figure: Figure, panels: list[Axes], name: str) -> None:
    cm = require("matplotlib.cm", extra="images", what="a PNG or PDF file")
    bar = figure.colorbar(cm.ScalarMappable(cmap=_ramp()), ax=panels, fraction=0.025, pad=0.01)
    bar.set_ticks([0, 1], labels=["worst", "best"])
    bar.set_label(name)


def _ramp() -> Colormap:
    colors = require("matplotlib.colors", extra="images", what="a PNG or PDF file")
    found: Colormap = colors.LinearSegmentedColormap.from_list("goodness", RAMP)
    return found


def _draw(figure: Figure, panel: Axes, chart: Chart, *, single: bool) -> None:
    most = 100 if single else 36  # letters beside each other that have room
    title = shorten(chart.title, most)
    panel.set_title(title, fontsize=12 if single else 10, loc="left")
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    panel.set_axisbelow(True)
    for layer in chart.layers:
        if isinstance(layer, Parallel):
            _draw_parallel(figure, panel, layer, chart.color_name)
            return
    panel.grid(color=_GRID)
    _scale(panel.xaxis, chart.x, panel.set_xlim, 10 if single else 5, 140 if single else 50)
    _scale(panel.yaxis, chart.y, panel.set_ylim, 30)
    for layer in chart.layers:
        _LAYERS[type(layer)](panel, layer)
    panel.set_xlabel(shorten(chart.x.name, most))
    panel.set_ylabel(shorten(chart.y.name, most))
    if any(isinstance(layer, Line) and layer.is_named for layer in chart.layers):
        panel.legend(fontsize=9, frameon=False)


def _scale(
    side: MplAxis,
    axis: Axis,
    set_limits: Callable[[float, float], object],
    most: int,
    room: int = 1000,
) -> None:
    """Ticks, so many at most; names beside each other have so many letters together."""
    low, high = axis.range
    margin = 0.6 if axis.scale == "category" else 0.03 * (high - low)
    set_limits(low - margin, high + margin)
    places, labels = axis.ticks()
    every = math.ceil(len(places) / most)
    shown = labels[::every]
    letters = min(22, max(4, room // max(len(shown), 1))) if axis.scale == "category" else 22
    side.set_ticks(places[::every], labels=shorten_all(shown, letters), fontsize=8)


def _draw_points(panel: Axes, layer: Points) -> None:
    size = 60 if layer.emphasis else 6 if len(layer.x) > 1000 else 16
    colors = layer.colors
    inside = ["none" if hollow else fill for fill, hollow in zip(colors, layer.hollow, strict=True)]
    panel.scatter(layer.x, layer.y, s=size, c=inside, edgecolors=colors, linewidths=0.9, zorder=3)


def _draw_line(panel: Axes, layer: Line) -> None:
    panel.plot(
        *layer.corners(),
        color=layer.paint,
        label=layer.name if layer.is_named else None,
        linewidth=0.9 if layer.thin else 1.8,
        alpha=layer.opacity,
        linestyle="--" if layer.broken else "-",
        zorder=2 if layer.thin else 4,
    )


def _draw_area(panel: Axes, layer: Area) -> None:
    color = series_color(layer.series)
    panel.fill_between(
        layer.x, layer.low, layer.high, step="post", color=color, alpha=0.18, lw=0, zorder=1
    )


def _draw_bars(panel: Axes, layer: Bars) -> None:
    places = range(len(layer.values))
    panel.barh(places, layer.values, color=STATE_COLORS["complete"], height=0.6, zorder=2)
    panel.hlines(places, layer.low, layer.high, color=TEXT, linewidth=1.4, zorder=3)


def _draw_spans(panel: Axes, layer: Spans) -> None:
    collections = require("matplotlib.collections", extra="images", what="a PNG or PDF file")
    few = len(layer.y) < 1000
    corners = [
        [(left, low), (right, low), (right, low + height), (left, low + height)]
        for left, right, low, height in zip(
            layer.start, layer.end, layer.y, layer.height, strict=True
        )
    ]
    for state in dict.fromkeys(layer.state):
        own = [box for box, other in zip(corners, layer.state, strict=True) if other == state]
        collection = collections.PolyCollection(
            own,
            facecolors=STATE_COLORS[state],
            edgecolors="white" if few else "face",
            linewidths=0.3 if few else 0.2,
            label=state,
            zorder=2,
        )
        panel.add_collection(collection)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, fontsize=8, frameon=False)


def _draw_heat(panel: Axes, layer: Heat) -> None:
    across, up = (layer.x[1] - layer.x[0]) / 2, (layer.y[1] - layer.y[0]) / 2
    extent = (layer.x[0] - across, layer.x[-1] + across, layer.y[0] - up, layer.y[-1] + up)
    cells = [[math.nan if color is None else color for color in row] for row in layer.color]
    panel.imshow(
        cells, cmap=_ramp(), vmin=0, vmax=1, alpha=0.5, extent=extent,
        origin="lower", aspect="auto", zorder=1,
    )  # fmt: skip


def _draw_parallel(figure: Figure, panel: Axes, layer: Parallel, color_name: str) -> None:
    count = len(layer.shown)
    shares = [_shares(axis) for axis in layer.shown]
    alpha = min(1.0, max(0.15, 300 / max(len(layer.color), 1)))
    for index, color in enumerate(layer.color):
        heights = [share[index] for share in shares]
        panel.plot(range(count), heights, color=ramp(color), linewidth=0.7, alpha=alpha)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.set_xlim(-0.35, count - 0.8)
    turned = count > 7
    panel.set_ylim(-0.12, 1.32 if turned else 1.16)
    panel.spines[:].set_visible(False)
    turn = {"rotation": 25, "ha": "left"} if turned else {"ha": "center"}
    names = shorten_all([axis.name for axis in layer.shown], 22)
    for place, (axis, name) in enumerate(zip(layer.shown, names, strict=True)):
        panel.plot([place, place], [0, 1], color="#545d68", linewidth=0.8)
        panel.text(place, 1.03, name, fontsize=9, weight="bold", va="bottom", **turn)
        _ticks(panel, place, axis)
    if color_name:
        _color_bar(figure, [panel], color_name)


def _ticks(panel: Axes, place: int, axis: Axis) -> None:
    (low, high), (places, labels) = axis.room(0.3), axis.ticks()
    box = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.6}
    heights = [(at - low) / (high - low) for at in places]
    if None in axis.positions:
        heights, labels = [*heights, _MISSING], [*labels, "not set"]
    for height, label in zip(heights, labels, strict=True):
        panel.text(
            place - 0.02, height, shorten(label, 12), fontsize=7, ha="right", va="center", bbox=box
        )


def _shares(axis: Axis) -> list[float]:
    """Heights from 0 to 1; a missing value is below, and categories are spread."""
    low, high = axis.room(0.3)
    return [_MISSING if at is None else (at - low) / (high - low) for at in spread(axis)]


_LAYERS: dict[type, Callable[..., None]] = {
    Points: _draw_points,
    Line: _draw_line,
    Area: _draw_area,
    Bars: _draw_bars,
    Spans: _draw_spans,
    Heat: _draw_heat,
}

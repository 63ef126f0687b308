"""What a chart is, apart from how it is drawn: axes, and layers of marks on them.

Positions are those of `hpogrid.report.axes.Axis`; colours are numbers from 0 (worst) to 1 (best).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hpogrid.report.axes import Axis

Color = float | None
"""How good a trial is; None: not known, drawn in grey."""


class Points(msgspec.Struct):
    """One mark a trial; ``hollow`` ones were stopped early. ``hover`` is told about each."""

    x: list[float]
    y: list[float]
    color: list[Color]
    hollow: list[bool]
    hover: list[str]
    emphasis: bool = False


class Line(msgspec.Struct):
    """A line; without a colour it is in that of the text."""

    x: list[float]
    y: list[float]
    name: str = ""
    color: Color = None
    dashed: bool = False
    thin: bool = False


class Bars(msgspec.Struct):
    """Horizontal bars at y = 0, 1, ...; with the range of their uncertainty."""

    values: list[float]
    low: list[float]
    high: list[float]


class Spans(msgspec.Struct):
    """Times from ``start`` to ``end`` in lanes ``y`` to ``y + height``."""

    y: list[float]
    height: list[float]
    start: list[float]
    end: list[float]
    state: list[str]
    hover: list[str]


class Heat(msgspec.Struct):
    """Colours of a grid of cells; None is left blank. ``x`` and ``y`` are the cells' middles."""

    x: list[float]
    y: list[float]
    color: list[list[Color]]  # a row for each y


class Parallel(msgspec.Struct):
    """Parallel coordinates: each trial is a line over all axes."""

    axes: list[Axis]
    color: list[Color]


Layer = Points | Line | Bars | Spans | Heat | Parallel


class Chart(msgspec.Struct):
    """One drawing.

    Attributes:
        title: what it shows.
        x, y: the axes; only their name, scale, range and ticks count.
        layers: drawn in this order.
        note: a sentence to read with it.
        color_name: what the colours say, where they say something.
        aspect: width over height.
    """

    title: str
    x: Axis
    y: Axis
    layers: list[Layer]
    note: str = ""
    color_name: str = ""
    aspect: float = 2.0


State = Literal["complete", "pruned", "failed", "running", "interrupted"]
STATE_COLORS = {
    "complete": "#0072b2",
    "pruned": "#e69f00",
    "failed": "#b3264f",
    "running": "#7a8490",
    "interrupted": "#7a8490",
}
"""Told apart by colour-blind people too."""
RAMP = (
    "#f5e626", "#addc30", "#5ec962", "#28ae80", "#21918c",
    "#2c728e", "#3b528b", "#472d7b", "#440154",
)  # fmt: skip
"""From worst to best: dark is good."""


def ramp(color: Color) -> str:
    """A colour as ``#rrggbb``."""
    if color is None:
        return STATE_COLORS["running"]
    place = min(max(color, 0.0), 1.0) * (len(RAMP) - 1)
    index = min(int(place), len(RAMP) - 2)
    mixed = []
    for digits in (slice(1, 3), slice(3, 5), slice(5, 7)):
        low, high = (int(RAMP[at][digits], 16) for at in (index, index + 1))
        mixed.append(round(low + (high - low) * (place - index)))
    return "#{:02x}{:02x}{:02x}".format(*mixed)

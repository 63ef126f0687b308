"""What a chart is, apart from how it is drawn: axes, and layers of marks on them.

Positions are those of `hpogrid.report.axes.Axis`; colours are numbers from 0 (worst) to 1 (best).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hpogrid.report.axes import Axis

Color = float | None
"""How good a trial is; None: not known, drawn in grey."""


class Points(msgspec.Struct, tag="points"):
    """One mark a trial; ``hollow`` ones were stopped early. ``hover`` is told about each.

    Where there is a series, they are all in its colour. ``rows`` are the trials, by their places
    on the axes of the chart.
    """

    x: list[float]
    y: list[float]
    color: list[Color]
    hollow: list[bool]
    hover: list[str]
    emphasis: bool = False
    series: int | None = None
    rows: list[int] | None = None

    @property
    def colors(self) -> list[str]:
        """The colour of each mark."""
        if self.series is not None:
            return [series_color(self.series)] * len(self.x)
        return [ramp(color) for color in self.color]


class Line(msgspec.Struct, tag="line"):
    """A line in the colour of its series, or of its goodness, or of the text.

    Those of a series are named in a legend, unless they are thin. With ``steps`` a value holds
    until the next one. ``row`` is the trial that it is of, or ``rows`` those that it leads
    through; where it has one point more, that is at the end of the axis, and with ``share`` the
    places on y are the part of the trials so far, in percent.
    """

    x: list[float]
    y: list[float]
    name: str = ""
    color: Color = None
    dashed: bool = False
    thin: bool = False
    series: int | None = None
    steps: bool = False
    row: int | None = None
    share: bool = False
    rows: list[int] | None = None

    def corners(self) -> tuple[list[float], list[float]]:
        """The points to draw through."""
        return corners(self.x, self.y) if self.steps else (self.x, self.y)

    @property
    def paint(self) -> str:
        """Its colour."""
        if self.series is not None:
            return series_color(self.series)
        return TEXT if self.color is None else ramp(self.color)

    @property
    def broken(self) -> bool:
        """Whether it is dashed, be it because its colour is taken."""
        taken = self.series is not None and series_is_dashed(self.series)
        return self.dashed or taken

    @property
    def opacity(self) -> float:
        """Thin lines of a series lie behind the others."""
        return 0.45 if self.thin and self.series is not None else 1.0

    @property
    def is_named(self) -> bool:
        """Whether it stands in the legend."""
        return self.series is not None and not self.thin


class Area(msgspec.Struct, tag="area"):
    """What lies between two lines of steps, in the colour of a series."""

    x: list[float]
    low: list[float]
    high: list[float]
    series: int


def corners(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """The corners of a staircase: a value holds until the next one."""
    across, up = list(x[:1]), list(y[:1])
    for place, value in zip(x[1:], y[1:], strict=True):
        across.append(place)
        up.append(up[-1])
        if value != up[-1]:
            across.append(place)
            up.append(value)
    return across, up


class Bars(msgspec.Struct, tag="bars"):
    """Horizontal bars at y = 0, 1, ...; with the range of their uncertainty."""

    values: list[float]
    low: list[float]
    high: list[float]


class Spans(msgspec.Struct, tag="spans"):
    """A span a trial, from ``start`` to ``end``, in lanes ``y`` to ``y + height``."""

    y: list[float]
    height: list[float]
    start: list[float]
    end: list[float]
    state: list[str]
    hover: list[str]


class Heat(msgspec.Struct, tag="heat"):
    """Colours of a grid of cells, the smooth mean of the trials ``rows``; None is left blank.

    ``x`` and ``y`` are the cells' middles; a page makes the cells itself, for the axes chosen.
    """

    x: list[float]
    y: list[float]
    color: list[list[Color]]  # a row for each y
    rows: list[int] | None = None


class Parallel(msgspec.Struct, tag="parallel"):
    """Parallel coordinates: each trial is a line over the axes, from left to right.

    Those at the places ``hidden`` are left out at first; a page lets one choose.
    """

    axes: list[Axis]
    color: list[Color]
    hidden: list[int] = []

    @property
    def shown(self) -> list[Axis]:
        """The axes that are not hidden."""
        return [axis for place, axis in enumerate(self.axes) if place not in self.hidden]


Layer = Points | Line | Area | Bars | Spans | Heat | Parallel


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


TEXT = "#1b1f24"
STATE_COLORS = {
    "complete": "#0072b2",
    "pruned": "#e69f00",
    "failed": "#b3264f",
    "running": "#7a8490",
    "interrupted": "#7a8490",
}
"""Told apart by colour-blind people too."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#a6588a", "#8a6d00", "#54606e")
"""Of things that stand side by side; after the last one the first comes again, dashed."""
RAMP = (
    "#f5e626", "#addc30", "#5ec962", "#28ae80", "#21918c",
    "#2c728e", "#3b528b", "#472d7b", "#440154",
)  # fmt: skip
"""From worst to best: dark is good."""


def series_color(series: int) -> str:
    """The colour of one of the things that stand side by side."""
    return SERIES[series % len(SERIES)]


def series_is_dashed(series: int) -> bool:
    """Whether its lines are dashed, because its colour is taken."""
    return series // len(SERIES) % 2 == 1


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

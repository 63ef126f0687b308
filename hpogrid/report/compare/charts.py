"""Charts of a comparison: best over trials and over time, and the values at the budget."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from hpogrid.report.axes import Axis, numeric_axis, shift
from hpogrid.report.charts.model import Area, Chart, Layer, Line, Points
from hpogrid.report.charts.times import time_unit
from hpogrid.report.compare.model import Budget, Comparison, Entrant, Replicate, Unit, quantile
from hpogrid.report.sample import thinned
from hpogrid.search.base import Mode
from hpogrid.text import counted

MOST_LINES = 30
MOST_POINTS = 300


def comparison_charts(comparison: Comparison) -> dict[str, Chart]:
    """The charts by name; one without anything to draw is left out."""
    found = {
        "trials": progress(comparison, "trials"),
        "time": progress(comparison, "seconds"),
        "values": values(comparison),
    }
    return {name: chart for name, chart in found.items() if chart.layers}


def progress(comparison: Comparison, unit: Unit) -> Chart:
    """The best value so far: median and quartiles over the replicates, and each replicate."""
    size, name = 1.0, "trials that ended"
    if unit == "seconds":
        longest = max(one.seconds for item in comparison.studies for one in item.replicates)
        size, words = time_unit(longest)
        name = f"{words} since the start"
    drawn = [
        (series, item, band(item, unit, comparison.mode))
        for series, item in enumerate(comparison.studies)
    ]
    shown = [number for _, _, found in drawn for number in (*found.least, *found.most)]
    y = numeric_axis(comparison.metric, shown)
    layers: list[Layer] = []
    ends = [0.0]
    for series, item, found in drawn:
        if not found.x:
            continue
        ends.append(found.x[-1] / size)
        across = [x / size for x in found.x]
        low, high, median = (
            [y.place(value) for value in column] for column in (found.low, found.high, found.median)
        )
        if len(item.replicates) > 1:
            layers.append(Area(across, low, high, series))
            layers += _each(item, unit, size, found.x, y, series)
        label = f"{item.name} ({counted(len(item.replicates), 'replicate')})"
        layers.append(Line(across, median, label, series=series, steps=True))
    x = Axis(name, "linear", [*ends])
    title = f"best {comparison.metric} ({comparison.mode}) over "
    title += "trials" if unit == "trials" else "time"
    note = (
        "Line: median over the replicates; shade: their quartiles; thin: each replicate. "
        "A line ends where the shortest replicate of its study does."
    )
    return Chart(title, x, y, layers, note)


def values(comparison: Comparison) -> Chart:
    """The value of each replicate at the budget, and the median of each study."""
    known = [v for item in comparison.standings for v in item.values if v is not None]
    x = numeric_axis(comparison.metric, known)
    names = [item.study for item in comparison.standings][::-1]
    series = {item.name: number for number, item in enumerate(comparison.studies)}
    layers: list[Layer] = []
    for row, name in enumerate(names):
        item = comparison.standings[len(names) - 1 - row]
        shown = [value for value in item.values if value is not None]
        layers.append(
            Points(
                [x.place(value) for value in shown],
                [row + shift(index) if len(shown) > 1 else row for index in range(len(shown))],
                [None] * len(shown),
                [False] * len(shown),
                [f"{name}: {value:.6g}" for value in shown],
                series=series[name],
            )
        )
        if item.median is not None:
            at = x.place(item.median)
            layers.append(Line([at, at], [row - 0.32, row + 0.32]))
    y = Axis("", "category", list(map(float, range(len(names)))), names)
    title = f"best {comparison.metric} ({comparison.mode}) after {comparison.budget}"
    note = "Dots: replicates; line: their median."
    return Chart(title, x, y, layers, note, aspect=11 / max(2.5, 0.7 * len(names) + 1))


def _each(
    item: Entrant, unit: Unit, size: float, shared: list[float], y: Axis, series: int
) -> Iterable[Line]:
    """A thin line for each replicate, where the band has been drawn."""
    for one in item.replicates[:MOST_LINES]:
        across, up = replicate_steps(one, unit, shared[0], shared[-1])
        if across:
            x, heights = [x / size for x in across], [y.place(value) for value in up]
            name = f"{item.name}: {one.name}"
            yield Line(x, heights, name, thin=True, series=series, steps=True)


def replicate_steps(
    one: Replicate, unit: Unit, first: float, last: float
) -> tuple[list[float], list[float]]:
    """Where the best value of a replicate changes between two places, and to what."""
    known = [(float(getattr(step, unit)), step.value) for step in one.steps]
    before = [(first, value) for place, value in known if place <= first]
    inside = [(place, value) for place, value in known if first < place <= last]
    shown = before[-1:] + inside
    across, up = [place for place, _ in shown] + [last], [value for _, value in shown]
    return (across, [*up, up[-1]]) if up else ([], [])


class Band(msgspec.Struct):
    """Steps: at each ``x`` the values change to those beside it, until the next one.

    Attributes:
        x: ended trials, or seconds since the start; the last one is where the shortest replicate
            ends that is not over (see `Replicate`).
        median, low, high: over the replicates, with the quartiles.
        least, most: the smallest and the largest value.
    """

    x: list[float]
    median: list[float]
    low: list[float]
    high: list[float]
    least: list[float]
    most: list[float]


def band(entrant: Entrant, unit: Unit, mode: Mode) -> Band:
    """The band of a study, from where all of its replicates have a result; it may be empty."""
    sign = 1 if mode == "min" else -1
    known = [one for one in entrant.replicates if one.steps]
    ends = {id(one): float(getattr(one, unit)) for one in known}
    lasting = [ends[id(one)] for one in known if not one.over]
    end = min(lasting) if lasting else max(ends.values(), default=0.0)
    changes = {float(getattr(step, unit)) for one in known for step in one.steps}
    found = Band([], [], [], [], [], [])
    for x in thinned(sorted({x for x in changes if x <= end} | {end}), MOST_POINTS):
        values = [one.best(Budget(unit, x)) for one in known]
        losses = sorted(math.inf if value is None else sign * value for value in values)
        if not losses or math.isinf(losses[-1]):
            continue
        edges = [sign * quantile(losses, share) for share in (0, 0.25, 0.5, 0.75, 1)]
        least, low, median, high, most = edges if sign > 0 else edges[::-1]
        for column, value in zip(
            (found.x, found.median, found.low, found.high, found.least, found.most),
            (x, median, low, high, least, most),
            strict=True,
        ):
            column.append(value)
    return found

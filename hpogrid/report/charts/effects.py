"""Charts of what hyperparameters do: importance, and the contour of two of them."""

from __future__ import annotations

import math

from hpogrid.report.axes import Axis, spread
from hpogrid.report.charts.model import Bars, Chart, Color, Heat, Layer
from hpogrid.report.charts.sketch import Sketch
from hpogrid.report.sample import early_note, fair_rows

IMPORTANCE = "importance of hyperparameters"
MOST_HEAT = 600
MOST_BARS = 20


def importances(sketch: Sketch) -> list[Chart]:
    """How much of the variance each of the most important hyperparameters explains."""
    found, note = sketch.ranking
    if found is None:
        return []
    names = found.names[:MOST_BARS][::-1]
    parts = (found.mean, found.low, found.high)
    bars = Bars(*([100 * share for share in part[:MOST_BARS][::-1]] for part in parts))
    if len(found.names) > MOST_BARS:
        note += f" {len(found.names) - MOST_BARS} less important ones are left out."
    title = f"{sketch.results.name}: {IMPORTANCE}"
    return [bars_chart(title, "share of the variance, %", names, bars, note, least=5.0)]


def bars_chart(
    title: str, unit: str, names: list[str], bars: Bars, note: str, least: float = 0.0
) -> Chart:
    """A bar for each name, the last one on top; the axis reaches from zero to ``least`` anyway."""
    x = Axis(unit, "linear", [*bars.low, *bars.high, 0.0, least])
    y = Axis("", "category", list(map(float, range(len(names)))), names)
    return Chart(title, x, y, [bars], note, aspect=11 / max(2.5, 0.4 * len(names) + 1))


def contour(sketch: Sketch) -> list[Chart]:
    """A smooth mean of the results over the two most important hyperparameters."""
    if len(sketch.parameters) < 2:
        return []
    x, y = sketch.ranked[:2]
    points = sketch.points(spread(x), spread(y))
    title = f"{sketch.results.name}: {x.name} and {y.name}"
    layers: list[Layer] = [_heat(sketch, x, y), points]
    note = early_note(sketch.results)
    note = f"{note} The colours between them are those of the complete ones." if note else ""
    return [Chart(title, x, y, layers, note, sketch.color_name, aspect=1.6)]


def _heat(sketch: Sketch, x: Axis, y: Axis, columns: int = 48, rows: int = 32) -> Heat:
    """Gaussian means of the colours of near points; nothing where none is near.

    Of trials as they come, not of the best of them.
    """
    fair = fair_rows(sketch.results, sketch.rows, MOST_HEAT)
    chosen = [index for index, row in enumerate(sketch.rows) if row in fair]
    if sketch.on_page:
        return Heat([], [], [], chosen)
    places = list(zip(spread(x), spread(y), sketch.colors, strict=True))
    (left, right), (bottom, top) = x.room(0.5), y.room(0.5)
    width, height = right - left, top - bottom
    near = [
        ((across - left) / width, (up - bottom) / height, color)
        for across, up, color in map(places.__getitem__, chosen)
        if across is not None and up is not None and color is not None
    ]
    reach = max(0.03, 0.9 / math.sqrt(len(near) + 20))
    xs = [(column + 0.5) / columns for column in range(columns)]
    ys = [(row + 0.5) / rows for row in range(rows)]
    colors = [[_mean(near, u, v, reach) for u in xs] for v in ys]
    return Heat([left + u * width for u in xs], [bottom + v * height for v in ys], colors, chosen)


def _mean(near: list[tuple[float, float, float]], u: float, v: float, reach: float) -> Color:
    total = weight = 0.0
    for x, y, color in near:
        square = ((x - u) ** 2 + (y - v) ** 2) / (reach * reach)
        if square < 9:
            one = math.exp(-square / 2)
            total += one * color
            weight += one
    return total / weight if weight >= 0.3 else None

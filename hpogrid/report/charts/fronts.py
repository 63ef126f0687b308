"""How a Pareto front has grown."""

from __future__ import annotations

from hpogrid.report.axes import Axis
from hpogrid.report.charts.model import Chart, Line
from hpogrid.report.charts.sketch import Sketch
from hpogrid.report.sample import end_order


def hypervolume(sketch: Sketch) -> list[Chart]:
    """The share of the box of all results that the front dominates, over trials that ended."""
    results = sketch.results
    if len(results.objectives) < 2:
        return []
    order = end_order(results)
    steps = results.growth(order)
    if not steps:
        return []
    last = max(number for number in order if number is not None)
    across = [*(float(number) for number, _ in steps), float(last)]
    up = [*(volume for _, volume in steps), steps[-1][1]]
    x = Axis("trials that ended", "linear", list(across), whole=True)
    y = Axis("hypervolume", "linear", [0.0, 1.0])
    title = f"{results.name}: hypervolume of the Pareto front"
    line = Line(across, up, steps=True)
    return [Chart(title, x, y, [line], "The larger the better; 1 is all of the box.")]

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
    across, up = [float(steps[0][0])], [0.0]
    for number, volume in steps:
        across += [float(number), float(number)]
        up += [up[-1], volume]
    across.append(float(max(number for number in order if number is not None)))
    up.append(up[-1])
    x = Axis("trials that ended", "linear", list(across))
    y = Axis("hypervolume", "linear", [0.0, 1.0])
    title = f"{results.name}: hypervolume of the Pareto front"
    return [Chart(title, x, y, [Line(across, up)], "The larger the better; 1 is all of the box.")]

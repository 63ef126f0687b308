"""Charts with one mark a trial: history, slices, the distribution, the Pareto front."""

from __future__ import annotations

from hpogrid.report.axes import Axis, spread
from hpogrid.report.charts.model import Chart, Layer, Line, Points
from hpogrid.report.charts.sketch import Sketch
from hpogrid.report.comparable import early_note
from hpogrid.report.sample import fair_rows, records
from hpogrid.search.base import Mode
from hpogrid.study.values import as_loss
from hpogrid.text import counted

MOST_SLICES = 12
MOST_ON_PAGE = 24


def history(sketch: Sketch) -> list[Chart]:
    """The result of each trial in the order in which they ended, and the best so far."""
    order = [sketch.order[row] for row in sketch.rows]
    x = Axis("trials that ended", "linear", list(order), whole=True)
    points = sketch.points(x.positions, sketch.result.positions)
    best = _best_so_far(sketch)
    layers: list[Layer] = [points, best] if best.x else [points]
    title = f"{sketch.results.name}: optimisation history"
    return [Chart(title, x, sketch.result, layers, color_name=sketch.color_name)]


def _best_so_far(sketch: Sketch) -> Line:
    rows: list[int] = []
    line = Line([], [], "best so far", steps=True, rows=rows)
    index_of = {row: index for index, row in enumerate(sketch.rows)}
    for row in records(sketch.results, sketch.order, sketch.number):
        index, end = index_of.get(row), sketch.order[row]
        place = None if index is None else sketch.result.positions[index]
        if index is not None and end is not None and place is not None:
            line.x.append(end)
            line.y.append(place)
            rows.append(index)
    if line.x:
        line.x.append(max(place for place in sketch.order if place is not None))
        line.y.append(line.y[-1])
    return line


def slices(sketch: Sketch) -> list[Chart]:
    """The result over each hyperparameter alone, most important first."""
    return [
        Chart(
            axis.name,
            axis,
            sketch.result,
            [sketch.points(spread(axis), sketch.result.positions)],
            early_note(sketch.results),
            color_name=sketch.color_name,
            aspect=1.3,
        )
        for axis in sketch.ranked[: MOST_ON_PAGE if sketch.on_page else MOST_SLICES]
    ]


def distribution(sketch: Sketch) -> list[Chart]:
    """The part of the trials whose result is at most so large: how rare the best are."""
    results = sketch.results
    fair = set(filter(results.counts, fair_rows(results, sketch.rows, len(sketch.rows))))
    known = sorted(
        (place, index)
        for index, place in enumerate(sketch.result.positions)
        if place is not None and sketch.rows[index] in fair
    )
    if len(known) < 2:
        return []
    shares = [100 * (number + 1) / len(known) for number in range(len(known))]
    rows = [index for _, index in known]
    line = Line([place for place, _ in known], shares, steps=True, rows=rows, share=True)
    y = Axis("part of the trials, %", "linear", [0.0, 100.0])
    title = f"{results.name}: distribution of the results"
    note = (
        "The part of the trials whose result is at most so large. A steep line: many trials are "
        "alike; a long flat one: few come that far."
    )
    return [Chart(title, sketch.result, y, [line], note)]


def pareto(sketch: Sketch, across: int = 0, up: int = 1) -> list[Chart]:
    """The trials that no other one beats in every objective, over two of these."""
    objectives = sketch.results.objectives
    if len(objectives) < 2:
        return []
    x, y = sketch.metric(across), sketch.metric(up)
    front = sketch.results.front
    beaten = sketch.points(x.positions, y.positions)
    beaten.color = [None] * len(beaten.x)
    places = [row in front for row in sketch.rows]
    best = sketch.points(
        [place if good else None for place, good in zip(x.positions, places, strict=True)],
        y.positions,
    )
    best.emphasis = True
    layers: list[Layer] = [beaten, best]
    if len(objectives) == 2 and across != up:
        layers.insert(1, _stairs(best, objectives[across].mode))
    found = counted(len(front), "trial")
    note = f"{found} on the front, hypervolume {sketch.results.hypervolume:.3g}"
    title = f"{sketch.results.name}: Pareto front"
    for axis, number in ((x, across), (y, up)):
        axis.name = f"{objectives[number].name} ({objectives[number].mode})"
    return [Chart(title, x, y, layers, note, sketch.color_name)]


def _stairs(front: Points, mode: Mode) -> Line:
    """The edge of what the trials of a front dominate."""
    places = zip(front.x, front.y, front.rows or [], strict=True)
    order = sorted(places, key=lambda place: as_loss(place[0], mode))
    x, y, rows = map(list, zip(*order, strict=True)) if order else ([], [], [])
    return Line(x, y, steps=True, rows=rows)

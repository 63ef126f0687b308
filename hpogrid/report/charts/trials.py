"""Charts with a mark or a line a trial, and of what these come to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

from msgspec.structs import replace

from hpogrid.report.axes import Axis, make_axis, spread
from hpogrid.report.charts.model import Chart, Color, Layer, Line, Parallel, Points
from hpogrid.report.charts.sketch import Sketch, short
from hpogrid.report.sample import early_note, end_order, fair_rows, records, thinned
from hpogrid.search.base import Mode
from hpogrid.study.values import WITH_RESULT, as_loss
from hpogrid.text import counted

MOST_SLICES = 12
MOST_ON_PAGE = 24
MOST_AXES = 14
"""So many hyperparameters are shown at first, the most important ones."""
_MOST_POINTS = 200
_FEWEST = 10


def history(sketch: Sketch) -> list[Chart]:
    """The result of each trial in the order in which they ended, and the best so far."""
    order = [sketch.order[row] for row in sketch.rows]
    x = Axis("trials that ended", "linear", list(order), whole=True)
    points = sketch.points(x.positions, sketch.result.positions)
    if not (points.x or sketch.on_page):  # a page shows failed ones there
        return []
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
    if not (sketch.on_page or any(place is not None for place in sketch.result.positions)):
        return []
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
    fair = fair_rows(results, sketch.rows, len(sketch.rows))
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


def ranks(sketch: Sketch) -> list[Chart]:
    """Ranks from 0 (the best) to 100 % over trials that ended, and their moving mean.

    They say the same on any scale, and outliers flatten nothing.
    """
    found = _ranks(sketch)
    if len(found) < 2:
        return []
    places = [sketch.order[row] for row in sketch.rows]
    x = Axis("trials that ended", "linear", [*places], whole=True)
    shares = [found.get(row) for row in sketch.rows]
    known = [None if share is None else round(share, 2) for share in shares]
    y = Axis("rank, % (0: the best)", "linear", known)
    ended = sorted((place, found[row]) for row, place in enumerate(sketch.order) if row in found)
    across = [float(place) for place, _ in ended if place is not None]
    half = Line([across[0], across[-1]], [50.0, 50.0], dashed=True, thin=True)
    layers: list[Layer] = [sketch.points(x.positions, y.positions), half]
    note = (
        "The rank of each result among all that count. Of a search that only draws at random they "
        "lie around 50 % (dashed); the lower they come to lie, the more it has learned."
    )
    window = max(_FEWEST, len(ended) // 5)
    if len(ended) >= 2 * window:
        means = _moving_means([rank for _, rank in ended], window)
        points = thinned(list(zip(across[window - 1 :], means, strict=True)), _MOST_POINTS)
        layers.append(Line([place for place, _ in points], [mean for _, mean in points], "mean"))
        note += f" Line: the mean of the last {window}."
    title = f"{sketch.results.name}: ranks of the results"
    return [Chart(title, x, y, layers, note, sketch.color_name)]


def _ranks(sketch: Sketch) -> dict[int, float]:
    """The rank of each row that counts, in percent; equal results share the middle one."""
    mode = sketch.objective.mode
    values = sketch.results.counting_values(sketch.number)
    losses = {row: as_loss(value, mode) for row, value in values.items()}
    ordered = sorted(losses.values())
    half = 50 / max(len(ordered), 1)
    return {
        row: half * (bisect_left(ordered, loss) + bisect_right(ordered, loss))
        for row, loss in losses.items()
    }


def _moving_means(values: list[float], window: int) -> list[float]:
    """The mean of each ``window`` values that follow each other."""
    sums = [0.0, *accumulate(values)]
    pairs = zip(sums[window:], sums, strict=False)
    return [(end - start) / window for end, start in pairs]


def parallel(sketch: Sketch) -> list[Chart]:
    """The most important hyperparameter stands beside the metrics, which are at the right."""
    goals = {item.name for item in sketch.results.objectives}
    ranked = (sketch.ranked if goals else sketch.parameters)[::-1]
    columns = [column for column in sketch.results.columns if column.kind == "metric"]
    columns.sort(key=lambda column: column.key in goals)
    given = {one.key: [trial.metrics.get(one.key) for trial in sketch.trials] for one in columns}
    metrics = [(one, make_axis(sketch.results, one, given[one.key])) for one in columns]
    known = [(column, axis) for column, axis in metrics if set(axis.positions) - {None}]
    axes = [*ranked, *(axis for _, axis in known)]
    hidden = [*range(len(ranked) - MOST_AXES)]
    if goals and sketch.on_page:  # which has every metric
        hidden += [len(ranked) + at for at, (own, _) in enumerate(known) if own.key not in goals]
    kept = [i for i, trial in enumerate(sketch.trials) if trial.state in WITH_RESULT][::-1]
    if len(axes) - len(hidden) < 2 or not (kept or sketch.on_page):
        return []
    drawn = [replace(axis, positions=[axis.positions[index] for index in kept]) for axis in axes]
    colors: list[Color] = [sketch.colors[index] if goals else None for index in kept]
    x = Axis("", "category", [], [axis.name for axis in axes])
    title = f"{sketch.results.name}: parallel coordinates"
    note = " ".join(_notes(sketch, [axis.name for axis in ranked]))
    layer = Parallel(drawn, colors, hidden)
    name = sketch.color_name if goals else ""
    return [Chart(title, x, Axis("", "linear", []), [layer], note, name, aspect=2.2)]


def _notes(sketch: Sketch, names: list[str]) -> list[str]:
    """What has no line: trials without a result, and hyperparameters that never change."""
    results, found = sketch.results, []
    states = [f"{n} {state}" for state, n in results.states.items() if state not in WITH_RESULT]
    if sketch.on_page and "failed" in results.states:
        found.append("Dotted: failed trials.")
    elif states and not sketch.on_page:
        found.append(f"Without a line: {', '.join(states)} trials.")
    columns = [column for column in results.columns if column.kind == "parameter"]
    known = sketch.trials[0].applied
    same = [
        f"{column.name} = {short(known.get(column.key))}"
        for column in columns
        if column.name not in names
    ]
    if same:
        found.append(f"The same in all trials: {', '.join(same)}.")
    if len(names) > MOST_AXES and not sketch.on_page:
        left = ", ".join(names[: len(names) - MOST_AXES][::-1])
        shown = f"{MOST_AXES} of {counted(len(names), 'hyperparameter')} are shown"
        found.append(f"{shown}, the most important ones; left out: {left}.")
    return found

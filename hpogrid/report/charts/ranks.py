"""Whether a search gets better: the rank of each result among all, in the order of the trials."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

from hpogrid.report.axes import Axis
from hpogrid.report.charts.model import Chart, Layer, Line
from hpogrid.report.charts.sketch import Sketch
from hpogrid.report.sample import thinned
from hpogrid.study.values import as_loss

_MOST_POINTS = 200
_FEWEST = 10


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
    results, counting = sketch.results, sketch.results.counting
    losses = {
        row: as_loss(value, sketch.objective.mode)
        for row, trial in enumerate(results.trials)
        if trial.state == counting and (value := results.value(trial, sketch.number)) is not None
    }
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

"""Pictures of an analysis: all terms, each hyperparameter, pairs, and the best trials."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from hpogrid.report import write_file
from hpogrid.report.analysis.model import Analysis, Effect, Local, Pair, Value
from hpogrid.report.axes import Axis, numeric_axis
from hpogrid.report.charts.effects import bars_chart
from hpogrid.report.charts.model import Bars, Chart, Color, Heat, Line
from hpogrid.report.images import write_picture
from hpogrid.space.value import Values

_CELLS = 40
_SKEW = 5
"""Edges of intervals are on a log axis where they are spread evenly over decades."""


def write_analysis(analysis: Analysis, stem: str) -> list[Path]:
    """Write ``<stem>.json`` and a PNG file for each picture; return the paths.

    Raises:
        UserError: matplotlib is missing, or the place cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(analysis), indent=2) + b"\n"
    paths = [write_file(f"{stem}.json", lambda stream: stream.write(text))]
    for name, chart in pictures(analysis):
        paths.append(write_file(f"{stem}_{name}.png", partial(write_picture, [chart], ".png")))
    return paths


def pictures(analysis: Analysis) -> Iterator[tuple[str, Chart]]:
    """The charts with their names, of which none is there twice."""
    taken: set[str] = set()
    for name, chart in _pictures(analysis):
        own = (f"{name}_{number}" if number > 1 else name for number in itertools.count(1))
        free = next(one for one in own if one.casefold() not in taken)
        taken.add(free.casefold())
        yield free, chart


def _pictures(analysis: Analysis) -> Iterator[tuple[str, Chart]]:
    yield "global", _global(analysis)
    for effect in analysis.effects:
        yield f"effect_{_slug(effect.name)}", _effect(analysis, effect)
    for pair in analysis.pairs:
        yield f"pair_{_slug(pair.names[0])}_{_slug(pair.names[1])}", _pair(analysis, pair)
    for place, local in enumerate(analysis.locals, 1):
        yield f"local_{place}", _local(analysis, local)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "x"


def _quality(analysis: Analysis) -> str:
    r2 = analysis.r2
    words = "" if analysis.reliable else ": too little to rely on this"
    return (
        f"{analysis.trials} trials; on trials that it has not seen the model explains "
        f"R² = {r2.mean:.2f} ± {r2.std:.2f} of the variance ({analysis.folds} folds){words}."
    )


def _global(analysis: Analysis) -> Chart:
    terms = [(effect.name, effect.share) for effect in analysis.effects]
    terms += [(" & ".join(pair.names), pair.share) for pair in analysis.pairs]
    terms.sort(key=lambda term: term[1].mean)
    values = [100 * share.mean for _, share in terms]
    spread = [100 * share.std for _, share in terms]
    bars = Bars(
        values,
        [max(v - s, 0.0) for v, s in zip(values, spread, strict=True)],
        [v + s for v, s in zip(values, spread, strict=True)],
    )
    title = f"{analysis.project}: what matters for {analysis.metric}"
    names = [name for name, _ in terms]
    return bars_chart(title, "part of all effects, %", names, bars, _quality(analysis))


def _effect(analysis: Analysis, effect: Effect) -> Chart:
    unit = f"change of {analysis.target} (larger is better)"
    title = f"{analysis.project}: effect of {effect.name}"
    low = [score - std for score, std in zip(effect.score, effect.std, strict=True)]
    high = [score + std for score, std in zip(effect.score, effect.std, strict=True)]
    if effect.kind == "nominal":
        names = [str(value) for value in effect.values]
        return bars_chart(title, unit, names, Bars(effect.score, low, high), _quality(analysis))
    axis = numeric_axis(effect.name, list(map(float, effect.values)), _SKEW)
    edges = [place for place in axis.positions if place is not None]
    lines = [
        Line(edges, [*values, values[-1]], steps=True, dashed=thin, thin=thin)
        for values, thin in ((effect.score, False), (low, True), (high, True))
    ]
    y = Axis(unit, "linear", [*low, *high])
    return Chart(title, axis, y, [*lines], f"Dashed: one standard deviation. {_quality(analysis)}")


def _pair(analysis: Analysis, pair: Pair) -> Chart:
    """Cells of equal size over intervals of any; worst and best of the pair are 0 and 1."""
    x, x_cells, x_places = _side(pair.names[0], pair.x, len(pair.score))
    y, y_cells, y_places = _side(pair.names[1], pair.y, len(pair.score[0]))
    scores = [score for row in pair.score for score in row]
    low, spread = min(scores), max(scores) - min(scores) or 1.0
    color: list[list[Color]] = [
        [(pair.score[across][up] - low) / spread for across in x_cells] for up in y_cells
    ]
    title = f"{analysis.project}: {pair.names[0]} and {pair.names[1]} together"
    note = (
        f"Beyond what each does alone: from {low:.3g} to {low + spread:.3g} of "
        f"{analysis.target}. {_quality(analysis)}"
    )
    heat = Heat(x_places, y_places, color)
    name = f"{analysis.target}, larger is better"
    return Chart(title, x, y, [heat], note, name, aspect=1.5)


def _side(name: str, values: Sequence[Value], bins: int) -> tuple[Axis, list[int], list[float]]:
    """An axis, and for each cell along it the bin that it shows and its middle."""
    if any(isinstance(value, str) for value in values):
        axis = Axis(name, "category", list(map(float, range(bins))), [str(v) for v in values])
        return axis, list(range(bins)), list(map(float, range(bins)))
    axis = numeric_axis(name, list(map(float, values)), _SKEW)
    edges = [place for place in axis.positions if place is not None]
    width = (edges[-1] - edges[0]) / _CELLS
    middles = [edges[0] + (cell + 0.5) * width for cell in range(_CELLS)]
    cells = [min(max(bisect.bisect_right(edges, m) - 1, 0), bins - 1) for m in middles]
    return axis, cells, middles


def _local(analysis: Analysis, local: Local) -> Chart:
    terms = sorted(local.scores.items(), key=lambda term: abs(term[1]))
    names = [_with_value(name, local.config) for name, _ in terms]
    scores = [score for _, score in terms]
    title = f"{analysis.project}: why trial {local.trial} is good"
    note = (
        f"{analysis.target}: {local.actual:.4g}, expected {local.predicted:.4g}, "
        f"mean of all {analysis.intercept:.4g}. {_quality(analysis)}"
    )
    unit = f"change of {analysis.target} (larger is better)"
    return bars_chart(title, unit, names, Bars(scores, scores, scores), note)


def _with_value(name: str, config: Values) -> str:
    value = config.get(name)
    if name not in config:
        return name
    return f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"

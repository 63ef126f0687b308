"""The trials that charts show, with their places on every axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec

from hpogrid.report.axes import Axis, label, make_axis
from hpogrid.report.charts.model import Color, Points
from hpogrid.report.importance import Importance, rank_hyperparameters, varied_axes
from hpogrid.report.results import Objective, Results
from hpogrid.report.sample import choose_rows, end_order
from hpogrid.study.study import Trial

MOST_TRIALS = 3000


class Sketch:
    """The trials that charts show, with their places on every axis.

    Args:
        results: of a project.
        objective: the number of the objective that is shown.
        rows: the trials of a page, which tells of them itself; None: as many as can be drawn.
    """

    def __init__(
        self, results: Results, objective: int = 0, rows: Sequence[int] | None = None
    ) -> None:
        self.results = results
        self.number = objective
        self.order = end_order(results)
        self.on_page = rows is not None
        self.rows = choose_rows(results, MOST_TRIALS, self.order) if rows is None else rows
        self.trials = [results.trials[row] for row in self.rows]

    @property
    def objective(self) -> Objective:
        """The objective that is shown."""
        return self.results.objectives[self.number]

    @cached_property
    def parameters(self) -> list[Axis]:
        """The hyperparameters that vary, in the order of their columns."""
        return varied_axes(self.results, self.trials)

    @cached_property
    def ranking(self) -> tuple[Importance | None, str]:
        """What `rank_hyperparameters` finds for the objective that is shown."""
        return rank_hyperparameters(self.results, self.number)

    @cached_property
    def ranked(self) -> list[Axis]:
        """The same, most important first."""
        found, _ = self.ranking
        if found is None:
            return self.parameters
        places = {name: place for place, name in enumerate(found.names)}
        return sorted(self.parameters, key=lambda axis: places.get(axis.name, len(places)))

    def metric(self, number: int) -> Axis:
        """The places of an objective, of trials with a result only."""
        name = self.results.objectives[number].name
        column = next(c for c in self.results.columns if (c.kind, c.key) == ("metric", name))
        values = [self.results.value(trial, number) for trial in self.trials]
        return msgspec.structs.replace(make_axis(self.results, column, values), name=name)

    @cached_property
    def result(self) -> Axis:
        """The places of the objective that is shown."""
        return self.metric(self.number)

    @cached_property
    def colors(self) -> list[Color]:
        """How good each trial is; the worst twentieth are equally bad."""
        sign = -1 if self.objective.mode == "min" else 1
        places = [None if place is None else sign * place for place in self.result.positions]
        known = sorted(place for place in places if place is not None)
        if not known:
            return [None] * len(places)
        worst, best = known[int(0.05 * (len(known) - 1))], known[-1]
        spread = best - worst
        if not spread:  # all are the best
            return [None if place is None else float(place == best) for place in places]
        return [
            None if place is None else min(max((place - worst) / spread, 0.0), 1.0)
            for place in places
        ]

    def points(self, x: Sequence[float | None], y: Sequence[float | None]) -> Points:
        """A mark for each trial that has both places; the best come last."""
        rows: list[int] = []
        found = Points([], [], [], [], [], rows=rows)
        for index in reversed(range(len(self.trials))):
            across, up = x[index], y[index]
            if across is None or up is None:
                continue
            found.x.append(across)
            found.y.append(up)
            found.color.append(self.colors[index])
            found.hollow.append(self.trials[index].state == "pruned")
            found.hover.append(self.hover(self.trials[index]))
            rows.append(index)
        return found

    def hover(self, trial: Trial) -> str:
        """What is told about a trial."""
        if self.on_page:
            return ""
        values = {**trial.applied, **trial.metrics}
        lines = [f"trial {trial.id} ({trial.state})"]
        lines += [f"{name}: {short(value)}" for name, value in list(values.items())[:14]]
        return "\n".join(lines)

    @property
    def color_name(self) -> str:
        """What the colours say."""
        name, mode = self.objective
        return f"{name}, {'lower' if mode == 'min' else 'higher'} is better"


def short(value: object) -> str:
    """A value with six digits, or as a category."""
    return f"{value:.6g}" if isinstance(value, float) else label(value)

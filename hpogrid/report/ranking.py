"""Which hyperparameters of a project matter most, in numbers and in words."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hpogrid.report.axes import Axis, labels, make_axis
from hpogrid.report.comparable import comparable
from hpogrid.report.importance import (
    FEWEST_TRIALS,
    MOST_TRIALS,
    ROUNDS,
    Importance,
    importance,
)
from hpogrid.report.results import Objective, Results
from hpogrid.study.study import Trial


def rank_hyperparameters(results: Results, index: int = 0) -> tuple[Importance | None, str]:
    """The importance for one objective, and how to read it; None and the reason why not."""
    objective = results.objectives[index]
    trials, values, mixed = comparable(results, index, FEWEST_TRIALS)
    if len(trials) > MOST_TRIALS:
        chosen = random.Random(0).sample(range(len(trials)), MOST_TRIALS)
        trials, values = [trials[place] for place in chosen], [values[place] for place in chosen]
    axes = varied_axes(results, trials)
    measured = importance([axis.name for axis in axes], [axis.positions for axis in axes], values)
    if measured is None:
        return None, _why_not(len(trials), objective)
    note = (
        f"How much worse a random forest predicts the rank of a trial by {objective.name} when "
        f"one hyperparameter is shuffled, from {measured.trials} configurations. Lines: the range "
        f"over {ROUNDS} rounds on other parts of them. On those that it has not seen the forest "
        f"explains {measured.explained:.0%} of the variance"
        + ("." if measured.explained > 0.3 else ": too little to rely on the order below.")
    )
    return measured, f"{note} {mixed}".rstrip()


def _why_not(trials: int, objective: Objective) -> str:
    if trials < FEWEST_TRIALS:
        needed = f"it needs {FEWEST_TRIALS} configurations with a result"
        return f"Not measured: {needed}; there {'is' if trials == 1 else 'are'} {trials}."
    return f"Not measured: {objective.name} is the same in all trials."


def varied_axes(results: Results, trials: Sequence[Trial]) -> list[Axis]:
    """The axes of the hyperparameters that are not the same in all of these trials."""
    axes = []
    for column in results.columns:
        if column.kind != "parameter":
            continue
        values = [trial.applied.get(column.key) for trial in trials]
        if len(labels(values)) > 1:
            axes.append(make_axis(results, column, values))
    return axes

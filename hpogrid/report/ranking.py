"""Which hyperparameters of a project matter most, in numbers and in words."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hpogrid.report.axes import Axis, label, make_axis
from hpogrid.report.importance import (
    FEWEST_TRIALS,
    MOST_TRIALS,
    ROUNDS,
    Importance,
    importance,
)
from hpogrid.report.repeats import by_configuration
from hpogrid.report.results import WITH_RESULT, Objective, Results
from hpogrid.study.study import Trial


def rank_hyperparameters(results: Results, index: int = 0) -> tuple[Importance | None, str]:
    """The importance for one objective, and how to read it; None and the reason why not."""
    objective = results.objectives[index]
    found = by_configuration(
        (trial, value)
        for trial in results.trials
        if trial.state in WITH_RESULT and (value := results.value(trial, index)) is not None
    )
    if len(found) > MOST_TRIALS:
        found = random.Random(0).sample(found, MOST_TRIALS)
    axes = varied_axes(results, [trial for trial, _ in found])
    measured = importance(
        [axis.name for axis in axes],
        [axis.positions for axis in axes],
        [value for _, value in found],
    )
    if measured is None:
        return None, _why_not(len(found), objective, bool(axes))
    note = (
        f"How much worse a random forest predicts the rank of a trial by {objective.name} when "
        f"one hyperparameter is shuffled, from {measured.trials} configurations. Lines: the range "
        f"over {ROUNDS} rounds on other parts of them. On those that it has not seen the forest "
        f"explains {measured.explained:.0%} of the variance"
        + ("." if measured.explained > 0.3 else ": too little to rely on the order below.")
    )
    return measured, note


def _why_not(trials: int, objective: Objective, varied: bool) -> str:
    if not varied:
        return "Not measured: no hyperparameter differs between the trials."
    if trials < FEWEST_TRIALS:
        needed = f"it needs {FEWEST_TRIALS} configurations with a result"
        return f"Not measured: {needed}; there are {trials}."
    return f"Not measured: {objective.name} is the same in all trials."


def varied_axes(results: Results, trials: Sequence[Trial]) -> list[Axis]:
    """The axes of the hyperparameters that are not the same in all of these trials."""
    axes = []
    for column in results.columns:
        if column.kind != "parameter":
            continue
        values = [trial.applied.get(column.key) for trial in trials]
        if len(set(map(label, values))) > 1:
            axes.append(make_axis(results, column, values))
    return axes

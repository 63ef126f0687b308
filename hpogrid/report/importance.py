"""How much each hyperparameter matters, with its uncertainty, from the trials themselves.

A forest of randomised trees learns the rank of a trial among the others from its
hyperparameters; a hyperparameter matters as much as the forest gets worse on trials that it has
not seen when that hyperparameter is shuffled among them. Ranks make it blind to outliers and to
the scale of the metric. The whole is done again on other halves of the trials: the spread is the
uncertainty.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hpogrid.report.axes import Axis, make_axis
from hpogrid.report.results import Objective, Results
from hpogrid.report.sample import comparable
from hpogrid.study.study import Trial

ROUNDS = 10
TREES = 10
MOST_TRIALS = 400
FEWEST_TRIALS = 20
_LEAF = 3
_SHUFFLES = 2

Matrix = list[list[float]]  # one list of positions for each hyperparameter


class Importance(msgspec.Struct):
    """The importance of hyperparameters, most important first.

    Attributes:
        names: the hyperparameters.
        mean: the part of the variance that each explains; together they are ``explained``.
        low, high: the range of that part over all rounds.
        explained: the part of the variance (R², not below 0) that the forest explains on trials
            that it has not seen.
        trials: how many trials were used.
    """

    names: list[str]
    mean: list[float]
    low: list[float]
    high: list[float]
    explained: float
    trials: int


def importance(
    names: Sequence[str], columns: Sequence[Sequence[float | None]], values: Sequence[float]
) -> Importance | None:
    """Measure it.

    Args:
        names: of the hyperparameters.
        columns: for each of them the positions of all trials; None where it has no value.
        values: the result of each trial.

    Returns:
        None if there are fewer than `FEWEST_TRIALS` trials, or nothing varies.
    """
    if len(values) < FEWEST_TRIALS or not names or len(set(values)) < 2:
        return None
    rng = random.Random(0)
    matrix = [_filled(column) for column in columns]
    target = _ranks(values)
    rounds = [_round(matrix, target, rng) for _ in range(ROUNDS)]
    shares = [_shares(losses, max(score, 0.0)) for losses, score in rounds]
    explained = sum(max(score, 0.0) for _, score in rounds) / ROUNDS
    per_name = [sorted(share[index] for share in shares) for index in range(len(names))]
    mean = [sum(share) / ROUNDS for share in per_name]
    order = sorted(range(len(names)), key=lambda index: -mean[index])
    return Importance(
        [names[index] for index in order],
        [mean[index] for index in order],
        [per_name[index][0] for index in order],
        [per_name[index][-1] for index in order],
        explained,
        len(target),
    )


def _filled(column: Sequence[float | None]) -> list[float]:
    """Trials without a value get a place of their own below the others."""
    known = [item for item in column if item is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    below = low - (high - low or 1.0)
    return [below if item is None else item for item in column]


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 0 to 1; equal values share the middle of theirs."""
    ordered, last = sorted(values), len(values) - 1
    return [(bisect_left(ordered, v) + bisect_right(ordered, v) - 1) / 2 / last for v in values]


def _shares(losses: list[float], explained: float) -> list[float]:
    """What is explained, divided in proportion to the losses."""
    positive = [max(loss, 0.0) for loss in losses]
    total = sum(positive)
    return [explained * (loss / total if total else 1 / len(losses)) for loss in positive]


def _round(matrix: Matrix, target: list[float], rng: random.Random) -> tuple[list[float], float]:
    """Learn on two thirds; return for each column the loss on the others, and R² there."""
    rows = list(range(len(target)))
    rng.shuffle(rows)
    cut = 2 * len(rows) // 3
    train, test = rows[:cut], rows[cut:]
    forest = [_grow(matrix, target, train, rng) for _ in range(TREES)]
    points = [[column[row] for column in matrix] for row in test]
    truth = [target[row] for row in test]
    base = _error(forest, points, truth)
    losses = []
    for index in range(len(matrix)):
        total = 0.0
        for _ in range(_SHUFFLES):
            shuffled = [point[index] for point in points]
            rng.shuffle(shuffled)
            changed = [
                [*point[:index], value, *point[index + 1 :]]
                for point, value in zip(points, shuffled, strict=True)
            ]
            total += _error(forest, changed, truth) - base
        losses.append(total / _SHUFFLES)
    mean = sum(truth) / len(truth)
    variance = sum((item - mean) ** 2 for item in truth) / len(truth)
    return losses, 1 - base / variance if variance else 0.0


class _Split(NamedTuple):
    """Rows whose value of the column is up to the threshold go left."""

    column: int
    threshold: float
    left: _Node
    right: _Node


_Node = _Split | float


def _grow(matrix: Matrix, target: list[float], rows: list[int], rng: random.Random) -> _Node:
    """A tree of the best of random splits, one for each column."""
    mean = sum([target[row] for row in rows]) / len(rows)
    if len(rows) < 2 * _LEAF:
        return mean
    best: tuple[float, int, float] | None = None
    for index, column in enumerate(matrix):
        values = [column[row] for row in rows]
        low, high = min(values), max(values)
        if low == high:
            continue
        threshold = low + rng.random() * (high - low)
        gain = _gain(values, [target[row] for row in rows], threshold, mean)
        if gain is not None and (best is None or gain > best[0]):
            best = (gain, index, threshold)
    if best is None:
        return mean
    _, index, threshold = best
    column = matrix[index]
    left = [row for row in rows if column[row] <= threshold]
    right = [row for row in rows if column[row] > threshold]
    return _Split(
        index, threshold, _grow(matrix, target, left, rng), _grow(matrix, target, right, rng)
    )


def _gain(values: list[float], target: list[float], threshold: float, mean: float) -> float | None:
    """The variance (times the rows) that a split takes away; None: a side would be too small."""
    left = [item for value, item in zip(values, target, strict=True) if value <= threshold]
    right = len(target) - len(left)
    if len(left) < _LEAF or right < _LEAF:
        return None
    excess = sum(left) - mean * len(left)
    return excess * excess * (1 / len(left) + 1 / right)


def _error(forest: list[_Node], points: list[list[float]], truth: list[float]) -> float:
    """The mean squared error of the forest's mean."""
    guesses = [sum(_predict(tree, point) for tree in forest) / len(forest) for point in points]
    return sum((g - wanted) ** 2 for g, wanted in zip(guesses, truth, strict=True)) / len(truth)


def _predict(node: _Node, point: list[float]) -> float:
    while isinstance(node, _Split):
        node = node.left if point[node.column] <= node.threshold else node.right
    return node


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
    columns = [column for column in results.columns if column.kind == "parameter"]
    values = ([trial.applied.get(column.key) for trial in trials] for column in columns)
    axes = (make_axis(results, *pair) for pair in zip(columns, values, strict=True))
    return [axis for axis in axes if len(set(axis.positions)) > 1]

"""The trials as features and target of a model."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from hpogrid.errors import UserError
from hpogrid.report.analysis.model import Kind, Value
from hpogrid.report.axes import Axis, label, make_axis
from hpogrid.report.importance import varied_axes
from hpogrid.report.results import Column, Results
from hpogrid.report.sample import comparable
from hpogrid.space.value import is_number
from hpogrid.study.study import Trial
from hpogrid.study.values import as_loss

FEWEST_TRIALS = 12
FEWEST_PER_FEATURE = 4


class Feature(NamedTuple):
    """A hyperparameter that varies.

    Attributes:
        axis: on which its places lie.
        whole: whether its values are whole numbers.
        column: the places of all trials (numbers), or their categories (text).
    """

    axis: Axis
    whole: bool
    column: list[Value]

    @property
    def name(self) -> str:
        """The hyperparameter."""
        return self.axis.name

    @property
    def kind(self) -> Kind:
        """Whether it is a number or a category."""
        return "nominal" if isinstance(self.column[0], str) else "continuous"

    def nearest(self, place: float) -> float:
        """The value at a place, or of whole numbers the one that was tried nearest to it."""
        if not self.whole:
            return self.axis.value(place)
        tried = [place for place in self.column if is_number(place)]
        return round(self.axis.value(min(tried, key=lambda one: abs(one - place))))


class Features(msgspec.Struct):
    """What a model learns from.

    Attributes:
        given: the hyperparameters that vary.
        target: for each configuration, the mean of its trials; larger is better.
        target_name: what it is.
        trials: one of each configuration, best first.
        note: which of the trials are left out, or mixed with others.
    """

    given: list[Feature]
    target: list[float]
    target_name: str
    trials: list[Trial]
    note: str

    @property
    def center(self) -> float:
        """The middle of the target's range."""
        return min(self.target) / 2 + max(self.target) / 2

    @property
    def unit(self) -> float:
        """Half of the target's range."""
        return max(self.target) / 2 - min(self.target) / 2 or 1.0

    @property
    def learned(self) -> list[float]:
        """The target from -1 to 1: libraries take a variance below theirs of rounding for none."""
        return [(value - self.center) / self.unit for value in self.target]


def make_features(results: Results) -> Features:
    """Take the trials with a result.

    Raises:
        UserError: too few of them, or nothing varies; it says how many there are.
    """
    if not results.objectives:
        raise UserError("it is not known what is optimised; give --metric and --mode")
    chosen = results.objectives[0]
    trials, values, mixed = comparable(results, fewest=_needed(len(results.parameters)))
    axes = varied_axes(results, trials)
    if not values:
        raise UserError(f"no trial of '{results.name}' has a result of '{chosen.name}'")
    if not axes or len(set(values)) < 2:
        raise UserError(
            f"there is nothing to explain in '{results.name}': the results or all hyperparameters "
            "are the same in all trials"
        )
    wanted = _needed(len(axes))
    if len(trials) < wanted:
        raise UserError(
            f"an analysis of {len(axes)} hyperparameters needs {wanted} configurations with a "
            f"result; '{results.name}' has {len(trials)}"
        )
    given = [
        Feature(axis, all(type(t.applied.get(axis.name)) is int for t in trials), _column(axis))
        for axis in axes
    ]
    column = Column(chosen.name, "metric", chosen.name)
    # An axis says on which scale; its places are for drawing, and end where a picture does.
    log = make_axis(results, column, values).scale == "log"
    name = f"log10({chosen.name})" if log else chosen.name
    target = [math.log10(value) if log else value for value in values]
    return Features(
        given,
        [-as_loss(value, chosen.mode) for value in target],
        f"-{name}" if chosen.mode == "min" else name,
        trials,
        mixed,
    )


def _needed(hyperparameters: int) -> int:
    return max(FEWEST_TRIALS, FEWEST_PER_FEATURE * hyperparameters)


def _column(axis: Axis) -> list[Value]:
    """Places; a hyperparameter that some trials lack is told by the halves of its range."""
    if axis.scale == "category":
        return [axis.categories[int(place or 0)] for place in axis.positions]
    known = [place for place in axis.positions if place is not None]
    if len(known) == len(axis.positions):
        return [*known]
    middle = sorted(known)[len(known) // 2]
    below, above = f"below {middle:.4g}", f"{middle:.4g} or above"
    return [
        label(None) if place is None else below if place < middle else above
        for place in axis.positions
    ]

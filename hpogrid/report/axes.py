"""The axes of plots: where a hyperparameter's or metric's values lie, and how they are labelled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from hpogrid.report.base import digits_apart, text
from hpogrid.report.results import Column, Results
from hpogrid.space.parameter import Parameter
from hpogrid.space.scale import Log, LogNormal, ReverseLog
from hpogrid.space.value import Value
from hpogrid.study.values import is_missing, number

Scale = Literal["linear", "log", "reverse log", "category"]
_RANGE, _SKEW = 1000, 20
"""Where nothing else is known, positive values get a log axis if the largest is so many times the
smallest, and the middle one is less than that part of the largest."""
_WIDE = 100
_FAR = 1e300
"""A place further out than this is drawn here: differences of places have to be numbers too."""


class Axis(msgspec.Struct):
    """One axis of a plot.

    Attributes:
        name: the column's.
        scale: ``category`` positions are 0, 1, ...; ``log`` positions are log10 of the value;
            ``reverse log`` positions are -log10(1 - value).
        positions: for each value where it lies; None for a missing value.
        categories: the labels of a ``category`` axis, in the order of their positions.
        whole: there is nothing between whole numbers.
        column: the column of the table whose values these are.
    """

    name: str
    scale: Scale
    positions: list[float | None]
    categories: list[str] = []
    whole: bool = False
    column: str = ""

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and largest position; one apart where all are the same."""
        known = [position for position in self.positions if position is not None]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        if self.categories:
            low, high = 0.0, float(len(self.categories) - 1)
        if high - low > max(1e-12 * max(abs(low), abs(high)), 1 / _FAR):
            return low, high
        half = max(0.5, abs(low) * 1e-6)  # as much as floats of that size can tell
        return low - half, low + half

    def room(self, beside: float) -> tuple[float, float]:
        """The range; categories have room beside them."""
        low, high = self.range
        return (low - beside, high + beside) if self.scale == "category" else (low, high)

    def place(self, value: float) -> float:
        """Where a number lies on an axis that is no ``category``."""
        return _place(value, self.scale) or 0.0

    def value(self, place: float) -> float:
        """The number that lies at a place."""
        if self.scale == "log":
            return float(10**place)
        return float(1 - 10**-place) if self.scale == "reverse log" else float(place)

    def ticks(self) -> tuple[list[float], list[str]]:
        """Positions and their labels."""
        if self.scale == "category":
            return list(map(float, range(len(self.categories)))), self.categories
        low, high = self.range
        if self.scale == "linear":
            places = _round_numbers(low, high, least=1.0 if self.whole else 0.0)
            digits = digits_apart(places, 6)
            return places, [f"{place:.{digits}g}" for place in places]
        return _decades(low, high, reverse=self.scale == "reverse log")


def spread(axis: Axis) -> list[float | None]:
    """Positions; those of one category side by side."""
    if axis.scale != "category":
        return axis.positions
    return [
        None if place is None else place + shift(index)
        for index, place in enumerate(axis.positions)
    ]


def shift(index: int) -> float:
    """What sets marks of one category side by side: within a quarter of its middle."""
    return ((index * 0.618034) % 1 - 0.5) * 0.5


def make_axis(results: Results, column: Column, values: Sequence[Value]) -> Axis:
    """The axis for the values of a column.

    Numbers lie on the scale of their parameter. A column with text, lists or bools, and an
    ordinal or categorical parameter, has categories; there, null is one of them.
    """
    known = results.space.parameters if results.space and column.kind == "parameter" else {}
    parameter = known.get(column.key)
    choices = getattr(parameter, "choices", None)
    if choices is not None or any(number(v) is None and not is_missing(v) for v in values):
        return _category_axis(column, values, choices or ())
    scale = _scale(parameter, [value for value in map(number, values) if value is not None])
    places = [_place(value, scale) for value in values]
    return Axis(column.name, scale, places, column=column.name)


def _category_axis(column: Column, values: Sequence[Value], choices: Sequence[Value]) -> Axis:
    """Null is a category of a hyperparameter; elsewhere there is just no value."""
    given = values if column.kind == "parameter" else [item for item in values if item is not None]
    names = labels([*choices, *given])
    first = dict.fromkeys(names[_key(choice)] for choice in choices)
    categories = [*first, *sorted(set(names.values()) - set(first), key=_natural)]
    place = {category: float(index) for index, category in enumerate(categories)}
    positions = [place[names[_key(item)]] if _key(item) in names else None for item in values]
    return Axis(column.name, "category", positions, categories, column=column.name)


def label(value: object) -> str:
    """A value as a category: null is 'none'."""
    return "none" if value is None else text(value)


def labels(values: Iterable[Value]) -> dict[bytes, str]:
    """The labels of values by their JSON: text that reads like another value stands in quotes."""
    different = {_key(value): value for value in values}
    often = Counter(map(label, different.values()))
    return {
        key: key.decode() if isinstance(value, str) and often[label(value)] > 1 else label(value)
        for key, value in different.items()
    }


def _key(value: object) -> bytes:
    return msgspec.json.encode(value)


def _natural(item: str) -> tuple[int, float, str]:
    try:
        return (0, float(item), item)
    except ValueError:
        return (1, 0.0, item)


def _scale(parameter: Parameter | None, known: Sequence[float]) -> Scale:
    positive = bool(known) and min(known) > 0
    if parameter is None:
        return "log" if positive and _is_skewed(known) else "linear"
    scale = getattr(parameter, "scale", None)
    if isinstance(scale, Log | LogNormal) and positive:
        return "log"
    below = bool(known) and max(known) < 1
    return "reverse log" if isinstance(scale, ReverseLog) and below else "linear"


def _is_skewed(values: Sequence[float], span: float = _RANGE, skew: float = _SKEW) -> bool:
    ordered = sorted(values)
    low, middle, high = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    return high >= span * low and (len(ordered) < 3 or middle * skew <= high)


def numeric_axis(name: str, values: Sequence[float], skew: float = 0) -> Axis:
    """The axis of numbers that no column holds: log where they are positive and far apart.

    With ``skew`` only if the middle one is less than that part of the largest.
    """
    wide = bool(values) and min(values) > 0 and _is_skewed(values, _WIDE, skew)
    scale: Scale = "log" if wide else "linear"
    return Axis(name, scale, [_place(value, scale) for value in values])


def _place(value: object, scale: Scale) -> float | None:
    known = number(value)
    if known is None:
        return None
    if scale == "linear":
        return min(max(known, -_FAR), _FAR)
    return math.log10(known) if scale == "log" else -math.log10(1 - known)


def _round_numbers(low: float, high: float, about: int = 6, least: float = 0.0) -> list[float]:
    rough = max((high - low) / about, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.15g}") for index in range(first, last + 1)]


def _decades(low: float, high: float, *, reverse: bool) -> tuple[list[float], list[str]]:
    """Ticks at 1, 2 and 5 times powers of ten: fewer of them over a wider range."""
    factors = (1, 2, 5) if reverse or high - low <= 2 else (1, 3) if high - low <= 4 else (1,)
    every = max(1, round((high - low) / 8))
    places, labels = [], []
    for exponent in range(math.floor(low) - 1, math.ceil(high) + 2):
        for factor in factors:
            place = exponent + math.log10(factor)
            if not low - 1e-9 <= place <= high + 1e-9 or exponent % every:
                continue
            places.append(place)
            value = factor * 10.0**exponent
            labels.append(f"{1 - 1 / value:.{max(8, exponent + 1)}g}" if reverse else f"{value:g}")
    if len(places) < 2:
        places = [low, high]
        values = [1 - 10**-p if reverse else 10**p for p in places]
        digits = digits_apart(values, 6 if reverse else 3)
        labels = [f"{value:.{digits}g}" for value in values]
    return places, labels

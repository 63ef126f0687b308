"""Python types: ``{"lr": loguniform(1e-6, 1), "n": randint(16, 48), "epochs": 40}``.

The functions here make parameters, so a space is a plain dict in Python code; values that are
no parameters are constants. The same is read from text, without running it: a dict, or one
``name = value`` on each line; and from a mapping whose values are text such as
``"loguniform(1e-6, 1)"``. Both bounds are included, those of whole numbers as well.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, cast

from hpogrid.space.parameter import Categorical, Float, Integer, Lattice, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.value import Value, exactly, is_number, shown

Kind = Literal["equal", "nn", "nn-log"]

_MOST_LISTED = 10_000


def uniform(lower: float, upper: float) -> Float:
    """A real number from ``lower`` to ``upper``."""
    return Float(scale=Linear(*real_numbers(lower=lower, upper=upper)))


def loguniform(lower: float, upper: float) -> Float:
    """A real number whose logarithm is uniform."""
    return Float(scale=Log(*real_numbers(lower=lower, upper=upper)))


def reverseloguniform(lower: float, upper: float) -> Float:
    """A real number ``x`` from 0 to below 1, with the logarithm of ``1 - x`` uniform."""
    return Float(scale=ReverseLog(*real_numbers(lower=lower, upper=upper)))


def quniform(lower: float, upper: float, q: float) -> Float:
    """A uniform number rounded to multiples of ``q``; so must the bounds be."""
    low, high, step = real_numbers(lower=lower, upper=upper, q=q)
    return _on_lattice(Float(scale=Linear(low, high), lattice=Lattice(step)))


def qloguniform(lower: float, upper: float, q: float) -> Float:
    """A log-uniform number rounded to multiples of ``q``; so must the bounds be."""
    low, high, step = real_numbers(lower=lower, upper=upper, q=q)
    return _on_lattice(Float(scale=Log(low, high), lattice=Lattice(step)))


def randint(lower: int, upper: int) -> Integer:
    """A whole number from ``lower`` to ``upper``."""
    return Integer(scale=Linear(*whole_numbers(lower=lower, upper=upper)))


def lograndint(lower: int, upper: int) -> Integer:
    """A whole number whose logarithm is uniform, from half below ``lower`` to half above."""
    return Integer(scale=Log(*whole_numbers(lower=lower, upper=upper)))


def qrandint(lower: int, upper: int, q: int = 1) -> Integer | Ordinal:
    """A whole number rounded to multiples of ``q``: the outer ones are about half as likely."""
    low, high, step = whole_numbers(lower=lower, upper=upper, q=q)
    item = Integer(scale=Linear(low, high))
    return item if step == 1 else _rounded(item, step, lambda first, last: last - first + 1)


def qlograndint(lower: int, upper: int, q: int) -> Integer | Ordinal:
    """A log-uniform whole number rounded to multiples of ``q``."""
    low, high, step = whole_numbers(lower=lower, upper=upper, q=q)
    item = Integer(scale=Log(low, high))
    if step == 1:
        return item
    return _rounded(item, step, lambda first, last: math.log((last + 0.5) / (first - 0.5)))


def choice(categories: Sequence[Value]) -> Categorical:
    """One of some values without an order; one that stands twice is twice as likely."""
    from hpogrid.space.dialects.repeats import collapse

    values, weights = collapse(_values(categories))
    return Categorical(choices=values, weights=weights)


def ordinal(categories: Sequence[Value], kind: Kind | None = None) -> Ordinal:
    """One of some values in order.

    Args:
        categories: the values.
        kind: ``equal``: each is as likely; ``nn``: a uniform number is rounded to the nearest
            value; ``nn-log``: likewise on a log scale; None: ``nn`` for increasing numbers,
            else ``equal``.
    """
    values = _values(categories)
    found = _increasing(values)
    if kind is None:
        kind = "nn" if found is not None and len(found) > 1 else "equal"
    if kind not in ("equal", "nn", "nn-log"):
        raise ValueError(f"kind {shown(kind)} is none of equal, nn, nn-log")
    if kind == "equal":
        return Ordinal(choices=tuple(values))
    if found is None or (kind == "nn-log" and min(found, default=1) <= 0):
        above = " above 0" if kind == "nn-log" else ""
        raise ValueError(f"kind {kind} needs numbers{above} in increasing order")
    return Ordinal(choices=tuple(values), weights=nearest_weights(found, kind))


def _increasing(values: Sequence[Value]) -> list[float] | None:
    """The values, where they are increasing numbers."""
    found = [value for value in values if is_number(value)]
    whole = len(found) == len(values)
    return found if whole and all(a < b for a, b in itertools.pairwise(found)) else None


def logordinal(categories: Sequence[Value]) -> Ordinal:
    """`ordinal` with kind ``nn-log``."""
    return ordinal(categories, kind="nn-log")


def finrange(lower: float, upper: float, size: int, cast_int: bool = False) -> Ordinal:
    """``size`` numbers at equal distances, each as likely; ``cast_int`` rounds them."""
    low, high = real_numbers(lower=lower, upper=upper)
    Linear(low, high)
    return _listed(low, high, size, cast_int, float)


def logfinrange(lower: float, upper: float, size: int, cast_int: bool = False) -> Ordinal:
    """``size`` numbers at equal ratios, each as likely; ``cast_int`` rounds them."""
    low, high = real_numbers(lower=lower, upper=upper)
    Log(low, high)
    return _listed(math.log(low), math.log(high), size, cast_int, math.exp, low, high)


TYPES: dict[str, Callable[..., Parameter]] = {
    function.__name__: function
    for function in (
        uniform,
        loguniform,
        reverseloguniform,
        quniform,
        qloguniform,
        randint,
        lograndint,
        qrandint,
        qlograndint,
        choice,
        ordinal,
        logordinal,
        finrange,
        logfinrange,
    )
}


def nearest_weights(values: Sequence[float], kind: Kind) -> tuple[float, ...]:
    """How likely each value is when a uniform number is rounded to the nearest.

    The numbers reach half the mean distance of the values beyond the first and the last.

    Raises:
        ValueError: no number is nearest to one of them, or hardly any.
    """
    places = [math.log(value) if kind == "nn-log" else float(value) for value in values]
    if len(places) == 1:
        return (1.0,)
    margin = 0.5 * (places[-1] - places[0]) / (len(places) - 1)
    middles = [(one + other) / 2 for one, other in itertools.pairwise(places)]
    edges = [places[0] - margin, *middles, places[-1] + margin]
    weights = tuple(high - low for low, high in itertools.pairwise(edges))
    for value, weight in zip(values, weights, strict=True):
        if weight <= 0:
            raise ValueError(f"{exactly(value)} and its neighbour are too near to tell them apart")
    return weights


def _listed(
    low: float,
    high: float,
    size: int,
    cast_int: bool,
    back: Callable[[float], float],
    *bounds: float,
) -> Ordinal:
    (count,) = whole_numbers(size=size)
    if not 1 <= count <= _MOST_LISTED:
        raise ValueError(f"size {count} is not from 1 to {_MOST_LISTED:,}")
    step = (high - low) / (count - 1) if count > 1 else 0.0
    least, most = bounds or (low, high)
    values = [min(max(back(low + index * step), least), most) for index in range(count)]
    return Ordinal(choices=tuple(map(round, values) if cast_int else values))


def _on_lattice(item: Float) -> Float:
    """Refuse bounds that are no multiples of q."""
    assert item.lattice is not None
    for name, bound in zip(("lower", "upper"), item.scale.bounds, strict=True):
        if not math.isclose(bound, item.lattice.at(0.0, round(bound / item.lattice.step))):
            raise ValueError(
                f"{name} {exactly(bound)} is no multiple of q {exactly(item.lattice.step)}"
            )
    return item


def _rounded(item: Integer, q: int, likely: Callable[[int, int], float]) -> Ordinal:
    """Multiples of ``q``, each as likely as the whole numbers that are rounded to it."""
    if q < 1:
        raise ValueError(f"q {q} is not above 0")
    for name, bound in (("lower", item.low), ("upper", item.high)):
        if bound % q:
            raise ValueError(f"{name} {bound} is no multiple of q {q}")
    if (item.high - item.low) // q >= _MOST_LISTED:
        raise ValueError(f"there are more than {_MOST_LISTED:,} multiples of {q}; make q larger")
    values = range(item.low, item.high + 1, q)
    ends = [_last_rounded_to(value, q) for value in values]
    ends[-1] = item.high
    starts = [item.low, *(end + 1 for end in ends[:-1])]
    weights = [float(likely(*ends)) for ends in zip(starts, ends, strict=True)]
    return Ordinal(choices=tuple(values), weights=tuple(weights))


def _last_rounded_to(value: int, q: int) -> int:
    """The largest whole number that is rounded to a multiple; halves go to even multiples."""
    last = value + q // 2
    tie = q % 2 == 0 and (value // q) % 2
    return last - 1 if tie else last


def real_numbers(**given: object) -> list[float]:
    """The numbers that were given, by name; anything else is refused."""
    return [_float(name, value) for name, value in given.items()]


def _float(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} {shown(value)} is not a number")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{name} must be a finite number") from error


def whole_numbers(**given: object) -> list[int]:
    """The whole numbers that were given, by name; anything else is refused."""
    return [_int(name, value) for name, value in given.items()]


def _int(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"{name} {shown(value)} is not a whole number")
    return int(value)


def _values(categories: object) -> list[Value]:
    unordered = isinstance(categories, dict | set | frozenset | str | bytes)
    if unordered or not isinstance(categories, Iterable):
        raise ValueError(f"the values must be in a list, got {shown(categories)}")
    return [plain_value(value) for value in categories]


def plain_value(value: object) -> Value:
    """The JSON value of what Python code gives: numbers of other libraries, tuples."""
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, list | tuple):
        return [plain_value(part) for part in value]
    if isinstance(value, dict):
        return {key: plain_value(part) for key, part in value.items()}
    return cast(Value, value)  # what is none is refused where it is looked at

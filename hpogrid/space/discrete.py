"""Parameters with a list of values: categorical, ordinal, constant; and a second name for one."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

from hpogrid.space.base import BaseParameter, Multiplied
from hpogrid.space.latent import Axis, Category, IntegerRange, Unit, middle_of_share, share_at
from hpogrid.space.value import (
    ABOVE_0,
    CLOSE,
    NOT_EMPTY,
    Value,
    canonical,
    check_value,
    is_finite,
    is_number,
    same,
    shown,
)

_LEAST_SHARE = 1e-9


class _Choice(Multiplied, frozen=True, kw_only=True):
    """One of some values; ``weights`` are relative probabilities (equal ones count as none)."""

    choices: Annotated[tuple[Value, ...], NOT_EMPTY]
    weights: tuple[Annotated[float, ABOVE_0], ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.choices:
            raise ValueError("the list of values is empty; give at least one")
        seen = set()
        for value in self.choices:
            check_value(value)
            if canonical(value) in seen:
                raise ValueError(f"the value {shown(value)} is there twice")
            seen.add(canonical(value))
        if self.multiply is not None and not all(map(is_number, self.choices)):
            raise ValueError("only numbers can be multiplied")
        if self.weights is not None:
            weights = _checked_weights(self.weights, len(self.choices))
            msgspec.structs.force_setattr(self, "weights", weights)

    def decode(self, latent: float | int) -> Value:
        return self.choices[int(latent)]

    def encode(self, value: Value) -> float | int:
        for matches in (_identical, same, _rounded):
            for index, choice in enumerate(self.choices):
                if matches(choice, value):
                    return index
        raise ValueError(f"{shown(value)} is not one of {', '.join(map(shown, self.choices))}")

    def count(self) -> int:
        return len(self.choices)

    def at(self, index: int) -> Value:
        return self.choices[index]


class Categorical(_Choice, frozen=True, kw_only=True, tag="categorical"):
    """One of some values without an order.

    With ``grid``, every value is taken for every draw of the other parameters.
    """

    grid: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grid and self.weights is not None:
            raise ValueError("weights mean nothing where every value is taken; leave them out")

    @property
    def axis(self) -> Axis | None:
        return None if self.grid else Category(len(self.choices), self.weights)

    @property
    def crossed(self) -> bool:
        return self.grid


class Ordinal(_Choice, frozen=True, kw_only=True, tag="ordinal"):
    """One of some values whose order means something.

    With weights its axis is the unit interval, of which each value has its share.
    """

    @property
    def axis(self) -> Axis:
        return IntegerRange(0, len(self.choices) - 1) if self.weights is None else Unit()

    def decode(self, latent: float | int) -> Value:
        if self.weights is None:
            return self.choices[int(latent)]
        return self.choices[share_at(self.weights, latent)]

    def encode(self, value: Value) -> float | int:
        index = super().encode(value)
        return index if self.weights is None else middle_of_share(self.weights, int(index))


class Constant(BaseParameter, frozen=True, kw_only=True, tag="constant"):
    """A value that every trial gets."""

    value: Value

    def __post_init__(self) -> None:
        super().__post_init__()
        check_value(self.value)

    def at(self, index: int) -> Value:
        return self.value

    def taken(self, value: Value) -> Value:
        if not same(value, self.value):
            raise ValueError(f"{shown(value)} is not {shown(self.value)}, which is fixed")
        return self.value


class Reference(BaseParameter, frozen=True, kw_only=True, tag="reference"):
    """The applied value of another parameter under a second name."""

    of: str

    @property
    def source(self) -> str:
        return self.of

    def at(self, index: int) -> Value:
        return None


def _rounded(left: Value, right: Value) -> bool:
    """Whether both are real numbers that differ by rounding only."""
    return is_number(left) and isinstance(right, float) and math.isclose(left, right, rel_tol=CLOSE)


def _identical(left: Value, right: Value) -> bool:
    try:
        return canonical(left) == canonical(right)
    except (TypeError, ValueError):
        return False


def _checked_weights(weights: tuple[float, ...], count: int) -> tuple[float, ...] | None:
    """The weights as floats; None where they are equal."""
    if len(weights) != count:
        raise ValueError("give one weight for each category")
    if not all(is_finite(weight) and weight > 0 for weight in weights):
        raise ValueError("weights must be above 0")
    if not math.isfinite(sum(weights)):
        raise ValueError("the weights are too large for their sum; make them smaller")
    if min(weights) < _LEAST_SHARE * max(weights):
        raise ValueError("the weights are too different to tell the smallest from 0")
    return None if len(set(weights)) == 1 else tuple(map(float, weights))

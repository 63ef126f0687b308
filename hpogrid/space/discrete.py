"""Parameters with a list of values: categorical, ordinal, constant; and a second name for one."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from hpogrid.space.base import BaseParameter, Multiplied
from hpogrid.space.latent import Axis, Category, IntegerRange
from hpogrid.space.value import Value, canonical, check_value, is_number, same, shown


class _Choice(Multiplied, frozen=True, kw_only=True):
    """One of some values."""

    choices: tuple[Value, ...]

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

    def decode(self, latent: float | int) -> Value:
        return self.choices[int(latent)]

    def encode(self, value: Value) -> int:
        for matches in (_identical, same):
            for index, choice in enumerate(self.choices):
                if matches(choice, value):
                    return index
        raise ValueError(f"{shown(value)} is not one of {', '.join(map(shown, self.choices))}")

    def count(self) -> int:
        return len(self.choices)

    def values(self) -> Iterator[Value]:
        return iter(self.choices)


class Categorical(_Choice, frozen=True, kw_only=True, tag="categorical"):
    """One of some values without an order.

    ``weights`` are relative probabilities (equal ones are the same as none). With ``grid``,
    every value is taken for every draw of the other parameters.
    """

    weights: tuple[float, ...] | None = None
    grid: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights is None:
            return
        if self.grid:
            raise ValueError("weights mean nothing where every value is taken; leave them out")
        if len(self.weights) != len(self.choices):
            raise ValueError("give one weight for each category")
        if not all(math.isfinite(weight) and weight > 0 for weight in self.weights):
            raise ValueError("weights must be above 0")
        if not math.isfinite(sum(self.weights)):
            raise ValueError("the weights are too large for their sum; make them smaller")
        equal = len(set(self.weights)) == 1
        weights = None if equal else tuple(map(float, self.weights))
        msgspec.structs.force_setattr(self, "weights", weights)

    @property
    def axis(self) -> Axis | None:
        return None if self.grid else Category(len(self.choices), self.weights)

    @property
    def crossed(self) -> bool:
        return self.grid


class Ordinal(_Choice, frozen=True, kw_only=True, tag="ordinal"):
    """One of some values whose order means something."""

    @property
    def axis(self) -> Axis:
        return IntegerRange(0, len(self.choices) - 1)


class Constant(BaseParameter, frozen=True, kw_only=True, tag="constant"):
    """A value that every trial gets."""

    value: Value

    def __post_init__(self) -> None:
        super().__post_init__()
        check_value(self.value)

    def values(self) -> Iterator[Value]:
        return iter([self.value])


class Reference(BaseParameter, frozen=True, kw_only=True, tag="reference"):
    """The applied value of another parameter under a second name."""

    of: str

    @property
    def source(self) -> str:
        return self.of

    def values(self) -> Iterator[Value]:
        return iter([None])


def _identical(left: Value, right: Value) -> bool:
    try:
        return canonical(left) == canonical(right)
    except (TypeError, ValueError):
        return False

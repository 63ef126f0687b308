"""The kinds of parameter. Each names its search axis, and turns a latent into a value and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Literal

import msgspec

from hpogrid.space.condition import Condition, same
from hpogrid.space.latent import Axis, Category, IntegerRange, Unit
from hpogrid.space.scale import Linear, Log, LogNormal, Normal, ReverseLog

Value = Any
"""A JSON value: number, text, bool, null, list or object."""


class Lattice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The multiples of ``step``, counted from zero or from the lower bound.

    From ``zero``, a draw ``u`` of the scale becomes ``round(u / step) * step``, clipped to the
    multiples inside the bounds. From ``low`` (linear scales only), every point is as likely.
    """

    step: float
    anchor: Literal["zero", "low"] = "zero"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0):
            raise ValueError(f"step {self.step:g} is not above 0")

    def at(self, origin: float, index: int) -> float:
        """``origin + index * step``, without the error of binary fractions."""
        return float(_decimal(origin) + _decimal(self.step) * index)

    def count(self, origin: float, value: float, rounding: str) -> int:
        """How many whole steps fit between ``origin`` and ``value``."""
        steps = (_decimal(value) - _decimal(origin)) / _decimal(self.step)
        return int(steps.to_integral_value(rounding=rounding))


class _Parameter(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    """What all parameters have.

    ``when`` is the condition under which it is active. An inactive one is ``null`` in the
    configuration, or left out (``drop``), or has the value ``otherwise`` (``default``).
    """

    when: Condition | None = None
    inactive: Literal["null", "drop", "default"] = "null"
    otherwise: Value = None

    def __post_init__(self) -> None:
        if self.inactive == "default" and self.otherwise is None:
            raise ValueError("'inactive': 'default' needs the value under 'otherwise'")

    @property
    def axis(self) -> Axis | None:
        """What a search algorithm sees of it; None: nothing to search."""
        return None

    @property
    def crossed(self) -> bool:
        """Whether every value is taken for every draw of the other parameters."""
        return False

    def needs(self) -> set[str]:
        """The other parameters that its value depends on."""
        return self.when.names() if self.when else set()

    def decode(self, latent: float | int) -> Value:
        """The suggested value for a latent of its axis."""
        raise TypeError(f"{type(self).__name__} has no axis")

    def encode(self, value: Value) -> float | int:
        """A latent that decodes to ``value``.

        Raises:
            ValueError: the value is not one of this parameter's.
        """
        raise TypeError(f"{type(self).__name__} has no axis")

    def values(self) -> Iterator[Value] | None:
        """All values in order, or None where they are not finitely many."""
        return None


class _Numeric(_Parameter, frozen=True, kw_only=True):
    """A number; ``multiply`` names a parameter whose applied value it is multiplied with."""

    scale: Linear | Log | ReverseLog | Normal | LogNormal
    multiply: str | None = None

    def needs(self) -> set[str]:
        return super().needs() | ({self.multiply} if self.multiply else set())


class Float(_Numeric, frozen=True, kw_only=True, tag="float"):
    """A real number on a scale, optionally on a lattice."""

    lattice: Lattice | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lattice is None:
            return
        low, high = self.scale.bounds
        if self.lattice.anchor == "low" and not isinstance(self.scale, Linear):
            raise ValueError("a lattice from 'low' needs a linear scale")
        first, last = self._indices
        if isinstance(first, int) and isinstance(last, int) and first > last:
            raise ValueError(
                f"no multiple of {self.lattice.step:g} lies between {low:g} and {high:g}; "
                "make q smaller"
            )
        if isinstance(self.scale, Log | ReverseLog):
            self._refuse_rounding_out(low, high, self.lattice.step)

    def _refuse_rounding_out(self, low: float, high: float, step: float) -> None:
        for bound, leaves in (
            (low, round(low / step) * step < low - 1e-12 * step),
            (high, round(high / step) * step > high + 1e-12 * step),
        ):
            if round(bound / step) <= 0:
                raise ValueError(
                    f"rounding to multiples of {step:g} reaches 0, which a log scale cannot; "
                    f"make q smaller or low at least {step:g}"
                )
            if leaves:
                raise ValueError(
                    f"rounding to multiples of {step:g} leaves the bounds at {bound:g}; "
                    "make the bounds multiples of q"
                )

    @property
    def _indices(self) -> tuple[int | None, int | None]:
        """The first and last step of the lattice inside the bounds; None: no bound."""
        assert self.lattice is not None
        low, high = self.scale.bounds
        origin = self._origin
        return (
            self.lattice.count(origin, low, ROUND_CEILING) if math.isfinite(low) else None,
            self.lattice.count(origin, high, ROUND_FLOOR) if math.isfinite(high) else None,
        )

    @property
    def _origin(self) -> float:
        assert self.lattice is not None
        return self.scale.bounds[0] if self.lattice.anchor == "low" else 0.0

    @property
    def axis(self) -> Axis:
        if self.lattice is not None and self.lattice.anchor == "low":
            return IntegerRange(0, self._indices[1] or 0)
        return Unit()

    def decode(self, latent: float | int) -> float:
        if self.lattice is None:
            return self.scale.ppf(latent)
        if self.lattice.anchor == "low":
            return self.lattice.at(self._origin, int(latent))
        first, last = self._indices
        index = round(self.scale.ppf(latent) / self.lattice.step)
        index = index if first is None else max(index, first)
        index = index if last is None else min(index, last)
        return self.lattice.at(0.0, index)

    def encode(self, value: Value) -> float | int:
        number = _as_number(value)
        low, high = self.scale.bounds
        if self.lattice is None:
            if not low <= number <= high:
                raise ValueError(f"{number:g} is outside {low:g} to {high:g}")
            return self.scale.cdf(number)
        index = round((number - self._origin) / self.lattice.step)
        first, last = self._indices
        if (first is not None and index < first) or (last is not None and index > last):
            raise ValueError(f"{number:g} is outside {low:g} to {high:g}")
        if not math.isclose(self.lattice.at(self._origin, index), number, rel_tol=1e-9):
            raise ValueError(f"{number:g} is not on the lattice of step {self.lattice.step:g}")
        return index if self.lattice.anchor == "low" else self.scale.cdf(number)

    def values(self) -> Iterator[float] | None:
        if self.lattice is None:
            low, high = self.scale.bounds
            return iter([low]) if low == high else None
        first, last = self._indices
        if first is None or last is None:
            return None
        lattice, origin = self.lattice, self._origin
        return (lattice.at(origin, index) for index in range(first, last + 1))


class Integer(_Numeric, frozen=True, kw_only=True, tag="integer"):
    """A whole number on a linear, log or reverse log scale; ``step`` counts from the lower bound.

    On a log scale the half-open cells around each integer are on that scale, so that the ends
    are as likely as their neighbours suggest.
    """

    scale: Linear | Log
    step: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, bound in zip(("low", "high"), self.scale.bounds, strict=True):
            if bound != int(bound):
                raise ValueError(f"{name} {bound:g} is not a whole number")
        if self.step < 1:
            raise ValueError(f"step {self.step} is not above 0")
        if self.step > 1 and not isinstance(self.scale, Linear):
            raise ValueError("a step above 1 needs a linear scale")

    @property
    def low(self) -> int:
        """The smallest value."""
        return int(self.scale.low)

    @property
    def high(self) -> int:
        """The largest value."""
        return int(self.scale.high)

    @property
    def axis(self) -> Axis:
        if isinstance(self.scale, Log):
            return Unit()
        return IntegerRange(0, (self.high - self.low) // self.step)

    def decode(self, latent: float | int) -> int:
        if isinstance(self.scale, Log):
            return min(max(round(self._cells.ppf(latent)), self.low), self.high)
        return self.low + int(latent) * self.step

    def encode(self, value: Value) -> float | int:
        number = _as_number(value)
        if number != int(number) or not self.low <= number <= self.high:
            raise ValueError(f"{number:g} is not a whole number from {self.low} to {self.high}")
        if isinstance(self.scale, Log):
            return self._cells.cdf(number)
        if (int(number) - self.low) % self.step:
            raise ValueError(f"{number:g} is not a whole number of steps of {self.step}")
        return (int(number) - self.low) // self.step

    @property
    def _cells(self) -> Log:
        return Log(self.low - 0.5, self.high + 0.5)

    def values(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1, self.step))


class Categorical(_Parameter, frozen=True, kw_only=True, tag="categorical"):
    """One of some values without an order.

    ``weights`` are relative probabilities. With ``grid``, every value is taken for every draw
    of the other parameters.
    """

    choices: tuple[Value, ...]
    weights: tuple[float, ...] | None = None
    grid: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choices(self.choices)
        if self.weights is not None:
            if len(self.weights) != len(self.choices):
                raise ValueError("give one weight for each category")
            if not all(math.isfinite(weight) and weight > 0 for weight in self.weights):
                raise ValueError("weights must be above 0")

    @property
    def axis(self) -> Axis | None:
        return None if self.grid else Category(len(self.choices), self.weights)

    @property
    def crossed(self) -> bool:
        return self.grid

    def decode(self, latent: float | int) -> Value:
        return self.choices[int(latent)]

    def encode(self, value: Value) -> int:
        return _position(self.choices, value)

    def values(self) -> Iterator[Value]:
        return iter(self.choices)


class Ordinal(_Parameter, frozen=True, kw_only=True, tag="ordinal"):
    """One of some values whose order means something."""

    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choices(self.choices)

    @property
    def axis(self) -> Axis:
        return IntegerRange(0, len(self.choices) - 1)

    def decode(self, latent: float | int) -> Value:
        return self.choices[int(latent)]

    def encode(self, value: Value) -> int:
        return _position(self.choices, value)

    def values(self) -> Iterator[Value]:
        return iter(self.choices)


class Constant(_Parameter, frozen=True, kw_only=True, tag="constant"):
    """A value that every trial gets."""

    value: Value

    def values(self) -> Iterator[Value]:
        return iter([self.value])


class Reference(_Parameter, frozen=True, kw_only=True, tag="reference"):
    """The applied value of another parameter under a second name."""

    of: str

    def needs(self) -> set[str]:
        return super().needs() | {self.of}

    def values(self) -> Iterator[Value]:
        return iter([None])


Parameter = Float | Integer | Categorical | Ordinal | Constant | Reference


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))


def _as_number(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return value


def _check_choices(choices: tuple[Value, ...]) -> None:
    if not choices:
        raise ValueError("the list of values is empty; give at least one")
    for index, value in enumerate(choices):
        if any(_identical(value, other) for other in choices[:index]):
            raise ValueError(f"the value {value!r} is there twice")


def _position(choices: tuple[Value, ...], value: Value) -> int:
    for matches in (_identical, same):
        for index, choice in enumerate(choices):
            if matches(choice, value):
                return index
    raise ValueError(f"{value!r} is not one of {', '.join(map(repr, choices))}")


def _identical(left: Value, right: Value) -> bool:
    return type(left) is type(right) and same(left, right)

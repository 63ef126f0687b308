"""Parameters that are numbers: real ones, optionally on a lattice, and whole ones."""

from __future__ import annotations

import functools
import math
import sys
from fractions import Fraction
from typing import Annotated, Literal

import msgspec

from hpogrid.space.base import Multiplied
from hpogrid.space.latent import Axis, IntegerRange, Unit
from hpogrid.space.scale import Linear, Log, LogNormal, Normal, ReverseLog
from hpogrid.space.value import ABOVE_0, CLOSE, Value, as_number, check_whole, exactly

_MOST_STEPS = 2**53
_ROUNDING = 1e-12
_UNLIKELY = 1e-12
"""Where a distribution has no end, values beyond this probability cannot be told apart."""


class Lattice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The multiples of ``step``, counted from zero or from the lower bound.

    From ``zero``, a draw ``u`` of the scale becomes ``round(u / step) * step`` (halves go to the
    even multiple), clipped to the multiples inside the bounds. From ``low`` (linear scales
    only), every point is as likely.
    """

    step: Annotated[float, ABOVE_0]
    anchor: Literal["zero", "low"] = "zero"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0):
            raise ValueError(f"step {exactly(self.step)} is not above 0")
        msgspec.structs.force_setattr(self, "step", float(self.step))

    def at(self, origin: float, index: int) -> float:
        """``origin + index * step``, without the error of binary fractions; infinite beyond."""
        try:
            return float(_exact(origin) + _exact(self.step) * index)
        except OverflowError:
            return math.copysign(math.inf, index)

    def steps(self, origin: float, value: float) -> Fraction:
        """How many steps there are between ``origin`` and ``value``."""
        return (_exact(value) - _exact(origin)) / _exact(self.step)


class Float(Multiplied, frozen=True, kw_only=True, tag="float"):
    """A real number on a scale, optionally on a lattice.

    Where a step counts from the lower bound, the upper bound becomes the last value.
    """

    scale: Linear | Log | ReverseLog | Normal | LogNormal
    lattice: Lattice | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lattice is None:
            return
        if self.lattice.anchor == "low" and not isinstance(self.scale, Linear):
            raise ValueError("a lattice from 'low' needs a linear scale")
        if isinstance(self.scale, ReverseLog):
            raise ValueError("a reverse log scale has no lattice")
        most = max(map(abs, self.scale.reach)) / self.lattice.step
        open_ended = not math.isfinite(self.scale.bounds[1])
        usual = max(abs(self.scale.ppf(u)) for u in (0.25, 0.75)) / self.lattice.step
        if most > (sys.float_info.max if open_ended else _MOST_STEPS) or usual > _MOST_STEPS:
            raise ValueError(f"step {exactly(self.lattice.step)} is too fine for these bounds")
        self._refuse_bad_rounding(self.lattice)
        if self.lattice.anchor == "low":
            low, last = self.scale.bounds[0], self._indices(self.lattice)[1] or 0
            msgspec.structs.force_setattr(self, "scale", Linear(low, self.lattice.at(low, last)))

    def _refuse_bad_rounding(self, lattice: Lattice) -> None:
        low, high = self.scale.bounds
        first, last = self._indices(lattice)
        if first is not None and last is not None and first > last:
            raise ValueError(
                f"no multiple of {exactly(lattice.step)} lies between {exactly(low)} and "
                f"{exactly(high)}; make q smaller"
            )
        if not isinstance(self.scale, Log):
            return
        if round(lattice.steps(0.0, low)) <= 0:
            raise ValueError(
                f"rounding to multiples of {exactly(lattice.step)} reaches 0, which a log scale "
                f"cannot; make q smaller or low at least {exactly(lattice.step)}"
            )
        ends = ((low, first), (high, last))
        for bound, inside in ends:
            if round(lattice.steps(0.0, bound)) != inside:
                raise ValueError(
                    f"rounding to multiples of {exactly(lattice.step)} leaves the bounds at "
                    f"{exactly(bound)}; make the bounds multiples of q"
                )

    def _origin(self, lattice: Lattice) -> float:
        return self.scale.bounds[0] if lattice.anchor == "low" else 0.0

    def _indices(self, lattice: Lattice) -> tuple[int | None, int | None]:
        """The first and last step of the lattice inside the bounds; None: no bound."""
        return _inside(lattice, self._origin(lattice), *self.scale.bounds)

    @property
    def axis(self) -> Axis:
        if self.lattice is not None and self.lattice.anchor == "low":
            return IntegerRange(0, self._indices(self.lattice)[1] or 0)
        return Unit()

    def decode(self, latent: float | int) -> float:
        if self.lattice is None:
            return self.scale.ppf(latent)
        return self.lattice.at(self._origin(self.lattice), self._index(self.lattice, latent))

    def _index(self, lattice: Lattice, latent: float | int) -> int:
        if lattice.anchor == "low":
            return int(latent)
        first, last = self._indices(lattice)
        index = round(self.scale.ppf(latent) / lattice.step)
        index = index if first is None else max(index, first)
        return index if last is None else min(index, last)

    def encode(self, value: Value) -> float | int:
        if self.lattice is not None:
            return self._encode_on(self.lattice, as_number(value))
        number = self.taken(value)
        latent = self.scale.cdf(number)
        if math.isinf(self.scale.bounds[1]) and not _UNLIKELY <= latent <= 1 - _UNLIKELY:
            raise ValueError(f"{exactly(number)} is too far out for this distribution to draw it")
        return latent

    def taken(self, value: Value) -> float:
        if self.lattice is not None:
            return self.decode(self.encode(value))
        number = float(as_number(value))
        low, high = self.scale.bounds
        inside = min(max(number, low), high)
        # Beside 0, what is left of a difference counts by the width of the scale.
        width = high - low if isinstance(self.scale, Linear) else 0.0
        if not math.isclose(number, inside, rel_tol=CLOSE, abs_tol=width * _ROUNDING):
            raise self._outside(number)
        return inside

    def _outside(self, number: float) -> ValueError:
        low, high = self.scale.bounds
        return ValueError(f"{exactly(number)} is outside {exactly(low)} to {exactly(high)}")

    def _encode_on(self, lattice: Lattice, number: float) -> float | int:
        origin = self._origin(lattice)
        if abs(number) / lattice.step > _MOST_STEPS:
            raise ValueError(f"{exactly(number)} is too far out for this distribution to draw it")
        index = round(lattice.steps(origin, number))
        first, last = self._indices(lattice)
        if (first is not None and index < first) or (last is not None and index > last):
            raise self._outside(number)
        point = lattice.at(origin, index)
        if not math.isclose(point, number, rel_tol=CLOSE, abs_tol=CLOSE * lattice.step):
            raise ValueError(
                f"{exactly(number)} is not on the lattice of step {exactly(lattice.step)}"
            )
        if lattice.anchor == "low":
            return index
        below = 0.0 if index == first else self.scale.cdf((index - 0.5) * lattice.step)
        above = 1.0 if index == last else self.scale.cdf((index + 0.5) * lattice.step)
        latent = (below + above) / 2
        if self._index(lattice, latent) != index:
            raise ValueError(f"{exactly(number)} is too far out for this distribution to draw it")
        return latent

    def count(self) -> int | None:
        low, high = self.scale.bounds
        if self.lattice is None:
            return 1 if low == high else None
        first, last = self._indices(self.lattice)
        return None if first is None or last is None else last - first + 1

    def at(self, index: int) -> float:
        if self.lattice is None:
            return self.scale.bounds[0]
        first = self._indices(self.lattice)[0] or 0
        return self.lattice.at(self._origin(self.lattice), first + index)


class Integer(Multiplied, frozen=True, kw_only=True, tag="integer"):
    """A whole number on a linear or log scale; ``step`` counts from the lower bound.

    The upper bound becomes the last value that the step reaches; one value has step 1.
    On a log scale the cells of half a unit around each integer are on that scale, so that the
    ends are as likely as their neighbours suggest.
    """

    scale: Linear | Log
    step: Annotated[int, ABOVE_0] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, bound in zip(("low", "high"), self.scale.bounds, strict=True):
            check_whole(name, bound)
        if self.step < 1:
            raise ValueError(f"step {self.step} is not above 0")
        if self.step > 1 and not isinstance(self.scale, Linear):
            raise ValueError("a step above 1 needs a linear scale")
        if self.step > 1:
            last = self.low + (self.high - self.low) // self.step * self.step
            msgspec.structs.force_setattr(self, "scale", Linear(self.low, last))
            if last == self.low:
                msgspec.structs.force_setattr(self, "step", 1)

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
        given = as_number(value)
        number = round(given)
        inside = self.low <= number <= self.high
        if not inside or not math.isclose(number, given, rel_tol=CLOSE, abs_tol=CLOSE):
            raise ValueError(
                f"{exactly(given)} is not a whole number from {self.low} to {self.high}"
            )
        if isinstance(self.scale, Log):
            return self._cells.cdf(number)
        if (number - self.low) % self.step:
            raise ValueError(f"{number} is not a whole number of steps of {self.step}")
        return (number - self.low) // self.step

    @property
    def _cells(self) -> Log:
        return Log(self.low - 0.5, self.high + 0.5)

    def count(self) -> int:
        return (self.high - self.low) // self.step + 1

    def at(self, index: int) -> int:
        return self.low + index * self.step


@functools.lru_cache
def _inside(
    lattice: Lattice, origin: float, low: float, high: float
) -> tuple[int | None, int | None]:
    """The first and last step; a point that is a bound once it is rounded to a float is in."""
    first = last = None
    if math.isfinite(low):
        first = math.ceil(lattice.steps(origin, low))
        first -= lattice.at(origin, first - 1) >= low
    if math.isfinite(high):
        last = math.floor(lattice.steps(origin, high))
        last += lattice.at(origin, last + 1) <= high
    return first, last


@functools.lru_cache
def _exact(number: float) -> Fraction:
    """The number as people wrote it: 0.1 is one tenth."""
    return Fraction(repr(float(number)))

"""Scales: how a number between 0 and 1 becomes a value, and back.

Each scale is a distribution, given by its inverse CDF. Bounds are closed.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated

import msgspec

from hpogrid.space.value import ABOVE_0, exactly, is_finite

Finite = Annotated[float, msgspec.Meta(description="a finite number")]
_Above0 = Annotated[Finite, ABOVE_0]

_SMALLEST = 2.0**-53
_SIGMAS = 9.0  # beyond what `_SMALLEST` lets through
_LARGEST_EXPONENT = 700.0
_TOO_FAR = "mu and sigma reach beyond the floating-point numbers; make them smaller"


class _Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """A distribution over the real numbers."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The closed interval of possible values."""
        return (-math.inf, math.inf)

    @property
    def reach(self) -> tuple[float, float]:
        """The interval of the values that are drawn in practice; always finite."""
        return self.bounds

    def ppf(self, u: float) -> float:
        """The value below which a fraction ``u`` of the probability lies."""
        low, high = self.bounds
        return float(min(max(self._ppf(u), low), high))

    def cdf(self, value: float) -> float:
        """The probability of values up to ``value``: the inverse of `ppf`."""
        return min(max(self._cdf(value), 0.0), 1.0)

    def _ppf(self, u: float) -> float:
        raise TypeError(f"{type(self).__name__} has no inverse CDF")

    def _cdf(self, value: float) -> float:
        raise TypeError(f"{type(self).__name__} has no CDF")


class _Bounded(_Scale, frozen=True):
    """A scale between two values, both included."""

    low: Finite
    high: Finite

    def __post_init__(self) -> None:
        _make_finite(self, "low", "high")
        if self.low > self.high:
            raise ValueError(
                f"low {exactly(self.low)} is above high {exactly(self.high)}; swap them"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        return (self.low, self.high)

    def ppf(self, u: float) -> float:
        if u <= 0 or u >= 1:
            return self.low if u <= 0 else self.high
        return super().ppf(u)


class Linear(_Bounded, frozen=True, tag="linear"):
    """Uniform between ``low`` and ``high``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.high - self.low):
            raise ValueError(
                "high - low is too large for a floating-point number; narrow the bounds"
            )

    def _ppf(self, u: float) -> float:
        return self.low + u * (self.high - self.low)

    def _cdf(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


class Log(_Bounded, frozen=True, tag="log"):
    """The logarithm is uniform; ``low`` and ``high`` are values, not exponents."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(
                f"low {exactly(self.low)} is not above 0, as a log scale needs; "
                "give the smallest value itself, such as 1e-5"
            )

    def _ppf(self, u: float) -> float:
        return math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))

    def _cdf(self, value: float) -> float:
        width = math.log(self.high) - math.log(self.low)
        if value <= 0 or width <= 0:
            return 0.0 if value <= 0 else 0.5
        return (math.log(value) - math.log(self.low)) / width


class ReverseLog(_Bounded, frozen=True, tag="reverse_log"):
    """``1 - value`` is on a log scale: for values close below 1, such as a momentum."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low < 0 or self.high >= 1:
            raise ValueError("a reverse log scale needs 0 <= low <= high < 1")

    def _ppf(self, u: float) -> float:
        return 1.0 - Log(1.0 - self.high, 1.0 - self.low)._ppf(1.0 - u)

    def _cdf(self, value: float) -> float:
        return 1.0 - Log(1.0 - self.high, 1.0 - self.low)._cdf(1.0 - value)


class Normal(_Scale, frozen=True, tag="normal"):
    """Normal with mean ``mu`` and standard deviation ``sigma``; not truncated."""

    mu: Finite
    sigma: _Above0

    def __post_init__(self) -> None:
        _make_finite(self, "mu", "sigma")
        if self.sigma <= 0:
            raise ValueError(f"sigma {exactly(self.sigma)} is not above 0")
        if not all(map(math.isfinite, self.reach)):
            raise ValueError(_TOO_FAR)

    @property
    def reach(self) -> tuple[float, float]:
        return (self.mu - _SIGMAS * self.sigma, self.mu + _SIGMAS * self.sigma)

    def _ppf(self, u: float) -> float:
        inside = min(max(u, _SMALLEST), 1 - _SMALLEST)
        return NormalDist(self.mu, self.sigma).inv_cdf(inside)

    def _cdf(self, value: float) -> float:
        return NormalDist(self.mu, self.sigma).cdf(value)


class LogNormal(_Scale, frozen=True, tag="log_normal"):
    """``base`` to the power of a normal variable with ``mu`` and ``sigma``."""

    mu: Finite
    sigma: _Above0
    base: _Above0 = math.e

    def __post_init__(self) -> None:
        _make_finite(self, "mu", "sigma", "base")
        if self.sigma <= 0:
            raise ValueError(f"sigma {exactly(self.sigma)} is not above 0")
        if self.base <= 0 or self.base == 1:
            raise ValueError(f"base {exactly(self.base)} must be above 0 and other than 1")
        exponent = (abs(self.mu) + _SIGMAS * self.sigma) * abs(math.log(self.base))
        if exponent > _LARGEST_EXPONENT:
            raise ValueError(_TOO_FAR)

    @property
    def bounds(self) -> tuple[float, float]:
        return (0.0, math.inf)

    @property
    def reach(self) -> tuple[float, float]:
        return (0.0, math.exp(self._exponent.mean + _SIGMAS * self._exponent.stdev))

    @property
    def _exponent(self) -> NormalDist:
        factor = math.log(self.base)
        return NormalDist(self.mu * factor, self.sigma * abs(factor))

    def _ppf(self, u: float) -> float:
        return math.exp(self._exponent.inv_cdf(min(max(u, _SMALLEST), 1 - _SMALLEST)))

    def _cdf(self, value: float) -> float:
        return self._exponent.cdf(math.log(value)) if value > 0 else 0.0


Scale = Linear | Log | ReverseLog | Normal | LogNormal


def _make_finite(scale: _Scale, *names: str) -> None:
    """Turn fields into floats, or refuse them."""
    for name in names:
        number = getattr(scale, name)
        if not is_finite(number):
            raise ValueError(f"{name} must be a finite number")
        msgspec.structs.force_setattr(scale, name, float(number) + 0.0)  # -0.0 is 0.0

"""Latents: the three kinds of axis that a search algorithm sees.

Whatever a parameter's scale, lattice or values are, an algorithm proposes one of these
and the parameter decodes it. So every algorithm expresses every kind of parameter.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Latents = dict[str, "float | int"]
"""A proposal: one number for each axis (a float for `Unit`, an int for the others)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A float in the closed unit interval."""

    def sample(self, rng: random.Random) -> float:
        """Draw uniformly."""
        return rng.random()


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """An integer from ``low`` to ``high``, both included."""

    low: int
    high: int

    def sample(self, rng: random.Random) -> int:
        """Draw uniformly."""
        return rng.randint(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Category:
    """An index from 0 to ``count - 1`` without an order; ``weights`` are relative, if given."""

    count: int
    weights: tuple[float, ...] | None = None

    def sample(self, rng: random.Random) -> int:
        """Draw in proportion to the weights."""
        if self.weights is None:
            return rng.randrange(self.count)
        return rng.choices(range(self.count), self.weights)[0]


Axis = Unit | IntegerRange | Category


def to_unit(axis: Axis, latent: float | int) -> float:
    """Where a latent lies in the unit interval: of an integer or a category the middle of its
    share, which is as large as its probability."""
    if isinstance(axis, Unit):
        return float(latent)
    if isinstance(axis, Category) and axis.weights is not None:
        return middle_of_share(axis.weights, int(latent))
    first, count = _counted(axis)
    return (latent - first + 0.5) / count


def from_unit(axis: Axis, u: float) -> float | int:
    """The latent of a number from the unit interval, both ends included."""
    u = min(max(float(u), 0.0), 1.0)
    if isinstance(axis, Unit):
        return u
    if isinstance(axis, Category) and axis.weights is not None:
        return share_at(axis.weights, u)
    first, count = _counted(axis)
    return first + min(int(u * count), count - 1)


def _counted(axis: IntegerRange | Category) -> tuple[int, int]:
    """The first latent, and how many there are."""
    if isinstance(axis, Category):
        return 0, axis.count
    return axis.low, axis.high - axis.low + 1


def shares(axis: Category) -> list[float]:
    """How likely each category is."""
    weights = axis.weights or (1.0,) * axis.count
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def share_at(weights: Sequence[float], u: float) -> int:
    """Whose share of the unit interval a number is in, one share after the other."""
    return bisect.bisect_right(_ends(weights)[:-1], u)


def middle_of_share(weights: Sequence[float], index: int) -> float:
    """The middle of a share of the unit interval."""
    ends = [0.0, *_ends(weights)]
    return (ends[index] + ends[index + 1]) / 2


def _ends(weights: Sequence[float]) -> list[float]:
    total = math.fsum(weights)
    return [part / total for part in itertools.accumulate(weights)]


def draw_near(rng: random.Random, mean: float, width: float) -> float:
    """A draw from a normal distribution that is cut at 0 and 1."""
    normal = statistics.NormalDist(mean, width)
    low, high = normal.cdf(0.0), normal.cdf(1.0)
    share = low + (high - low) * rng.random()
    return min(max(normal.inv_cdf(min(max(share, 1e-12), 1 - 1e-12)), 0.0), 1.0)


def middle(axis: Axis) -> float | int:
    """The latent that stands for an axis that a point does not have (an inactive parameter)."""
    if isinstance(axis, Unit):
        return 0.5
    if isinstance(axis, IntegerRange):
        return (axis.low + axis.high) // 2
    return 0

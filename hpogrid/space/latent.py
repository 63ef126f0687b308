"""Latents: the three kinds of axis that a search algorithm sees.

Whatever a parameter's scale, lattice or values are, an algorithm proposes one of these
and the parameter decodes it. So every algorithm expresses every kind of parameter.
"""

from __future__ import annotations

import random
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


def middle(axis: Axis) -> float | int:
    """The latent that stands for an axis that a point does not have (an inactive parameter)."""
    if isinstance(axis, Unit):
        return 0.5
    if isinstance(axis, IntegerRange):
        return (axis.low + axis.high) // 2
    return 0

"""Where a model looks for its next point: arrays of points (see `hpogrid.search.gaussian`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hpogrid.search.gaussian import Array
from hpogrid.space.latent import Axis, Category, IntegerRange, Latents, from_unit, shares, to_unit

_MOVED = 0.3
"""How likely each axis of a neighbour is another one, and of a category half as likely."""


class Candidates:
    """Draws points of some axes; integers are in the middle of their cell of the unit interval.

    Attributes:
        categories: which axes are categories, of shape (axes,).
    """

    def __init__(self, axes: dict[str, Axis]) -> None:
        self._axes = axes
        self.categories = np.array([isinstance(axis, Category) for axis in axes.values()])
        self._cells = np.array(
            [
                axis.high - axis.low + 1 if isinstance(axis, IntegerRange) else 0
                for axis in axes.values()
            ]
        )

    def encode(self, points: Sequence[Latents]) -> Array:
        """Points as an array of shape (points, axes)."""
        rows = [
            [
                float(point[name]) if isinstance(axis, Category) else to_unit(axis, point[name])
                for name, axis in self._axes.items()
            ]
            for point in points
        ]
        return np.array(rows, dtype=np.float64).reshape(len(points), len(self._axes))

    def decode(self, row: Array) -> Latents:
        """A row as a point."""
        return {
            name: int(value) if isinstance(axis, Category) else from_unit(axis, value)
            for (name, axis), value in zip(self._axes.items(), row.tolist(), strict=True)
        }

    def anywhere(self, rng: np.random.Generator, count: int) -> Array:
        """Points from the whole space, by the probabilities of its categories."""
        found = rng.random((count, len(self._axes)))
        for column, axis in enumerate(self._axes.values()):
            if isinstance(axis, Category):
                found[:, column] = rng.choice(axis.count, count, p=shares(axis))
        return self._inside(found)

    def near(self, rng: np.random.Generator, around: Array, count: int, deviation: float) -> Array:
        """Points near some: a few axes are moved, numbers by a normal distribution of that
        ``deviation`` and integers by one at least, categories to any."""
        found = around[rng.integers(len(around), size=count)]
        axes = found.shape[1]
        moved = rng.random(found.shape) < max(_MOVED, 1.5 / axes)
        moved[np.arange(count), rng.integers(axes, size=count)] = True
        steps = deviation * rng.standard_normal(found.shape)
        least = 1 / np.maximum(self._cells, 1)
        short = (self._cells > 0) & (np.abs(steps) < least)
        steps = np.where(short, np.copysign(least, steps), steps)
        changed = moved & self.categories & (rng.random(found.shape) < 0.5)
        found = np.where(moved & ~self.categories, found + steps, found)
        return self._inside(np.where(changed, self.anywhere(rng, count), found))

    def _inside(self, points: Array) -> Array:
        cells = np.maximum(self._cells, 1)
        cell = np.minimum(np.floor(np.clip(points, 0, 1) * cells), cells - 1)
        numbers = np.where(self._cells > 0, (cell + 0.5) / cells, np.clip(points, 0, 1))
        return np.where(self.categories, points, numbers)

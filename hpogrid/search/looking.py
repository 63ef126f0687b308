"""What the algorithms share that look for the best of many candidates by a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hpogrid.search.base import Options, Problem
from hpogrid.search.model import ModelSearcher
from hpogrid.space.latent import Latents, from_unit, middle

if TYPE_CHECKING:
    from hpogrid.search.candidates import Candidates
    from hpogrid.search.gaussian import Array

_LOOKS = 1000
"""How many candidates are looked at first."""

_CLOSER = (0.05, 0.015, 0.004)
"""Standard deviations of the steps around the best of them, one round after the other."""


class LookingSearcher(ModelSearcher):
    """Begins with points that are evenly spread, and goes on with the best of many candidates.

    A subclass gives `_propose`, which has a model and calls `_best`. It sees points as `_present`
    has them, where a parameter whose condition fails is NaN.
    """

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        parameters = problem.space.parameters
        self._conditional = [
            (column, name)
            for column, name in enumerate(self.axes)
            if parameters[name].when is not None
        ]

    def _initial(self, seed: int) -> Latents:
        from scipy.stats import qmc

        sequence = qmc.Sobol(len(self.axes), rng=self.problem.seed)
        if before := self._known + self._dropped:
            sequence.fast_forward(before)
        unit = sequence.random(1)[0]
        return {
            name: from_unit(axis, u)
            for (name, axis), u in zip(self.axes.items(), unit, strict=True)
        }

    def _best(
        self,
        space: Candidates,
        known: Array,
        expected: Array,
        value: Callable[[Array], Array],
        seed: int,
    ) -> Latents:
        """The candidate of the largest value that is none of the known points.

        Args:
            space: where to look.
            known: known points, as `_present` has them.
            expected: the losses that the model expects of these.
            value: of points.
            seed: for everything random.
        """
        import numpy as np

        rng = np.random.default_rng(seed)
        whole = self._whole(space, known)
        best = whole[_rising(expected)[:5]]
        # A point of a space with conditions is decoded to see which of its parameters it has.
        looks = _LOOKS // 2 if self._conditional else _LOOKS
        found = np.vstack(
            [
                space.anywhere(rng, looks // 2),
                space.near(rng, best, 3 * looks // 10, 0.2),
                space.near(rng, best, looks // 5, 0.05),
            ]
        )
        values = value(found)
        for deviation in _CLOSER:
            first = found[_rising(-values)[:8]]
            found = np.vstack([first, space.near(rng, first, looks // 5, deviation)])
            values = value(found)
        taken = {tuple(row) for row in whole.tolist()}
        for row in found[_rising(-values)]:
            if tuple(row.tolist()) not in taken:
                return space.decode(row)
        return self.draw(seed)

    def _present(self, space: Candidates, points: Array) -> Array:
        """Points with NaN for the parameters that they do not have."""
        if not self._conditional:
            return points
        points, whole = points.copy(), self.problem.space
        crossing = next(whole.crossings())  # any: these parameters are not the model's
        for row in points:
            have = whole.decode({**self._single, **space.decode(row)}, crossing).suggested
            for column, name in self._conditional:
                if name not in have:
                    row[column] = float("nan")
        return points

    def _whole(self, space: Candidates, points: Array) -> Array:
        """Points with something in place of NaN."""
        import numpy as np

        if not self._conditional:
            return points
        centre = {name: middle(axis) for name, axis in self.axes.items()}
        return np.where(np.isnan(points), space.encode([centre]), points)


def _rising(values: Array) -> list[int]:
    """The order of values; equal ones keep theirs, on every processor."""
    order: list[int] = values.argsort(kind="stable").tolist()
    return order

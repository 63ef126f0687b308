"""BOHB: kernel densities of good and bad points, at each budget (Falkner et al., ICML 2018).

With HpBandSter's names and defaults. The spread of a category does not depend on how its values
are numbered, and its width is never wider than the uniform distribution.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from hpogrid.search.base import BaseSearcher, Options, Outcome, Problem, derive_seed
from hpogrid.search.curves import Seen
from hpogrid.space.latent import Category, Latents, draw_near, from_unit, to_unit
from hpogrid.space.space import identity

_LEAST = 1e-32
"""A density below this counts as this, as in HpBandSter."""

_MOST_KERNELS = 128
"""A density of more points than that is one of some of them, evenly from the best to the worst."""

Vector = tuple[float, ...]
"""A point, for each axis a number from 0 to 1, or which category."""


class BohbOptions(Options, frozen=True):
    """Parameters of HpBandSter's ``BOHB`` config generator, by its names."""

    min_points_in_model: Annotated[int, Meta(ge=1)] | None = None
    top_n_percent: Annotated[int, Meta(ge=1, le=99)] = 15
    num_samples: Annotated[int, Meta(ge=1)] = 64
    random_fraction: Annotated[float, Meta(ge=0, le=1)] = 1 / 3
    bandwidth_factor: Annotated[float, Meta(gt=0)] = 3.0
    min_bandwidth: Annotated[float, Meta(gt=0)] = 0.1


@dataclass(frozen=True)
class Density:
    """Product kernels: Gaussians on numbers, Aitchison and Aitken's on categories.

    Attributes:
        points: where the kernels are.
        counts: for each axis how many categories it has; 0: it is one of numbers.
        widths: for each axis the standard deviation, or the probability of another category.
    """

    points: Sequence[Vector]
    counts: Sequence[int]
    widths: Sequence[float]

    def at(self, point: Vector) -> float:
        """The density at a point."""
        return statistics.fmean(self._kernel(point, own) for own in self.points)

    def _kernel(self, point: Vector, own: Vector) -> float:
        exponent, factor = 0.0, 1.0
        for here, there, count, width in zip(point, own, self.counts, self.widths, strict=True):
            if count:
                factor *= 1 - width if here == there else width / (count - 1)
            else:
                exponent += ((here - there) / width) ** 2
                factor /= width * math.sqrt(2 * math.pi)
        return factor * math.exp(-exponent / 2)

    def draw(self, rng: random.Random, factor: float) -> Vector:
        """A point drawn from the kernels, those on numbers made wider by a factor."""
        own = rng.choice(self.points)
        return tuple(
            draw_near(rng, there, factor * width)
            if not count
            else float(rng.randrange(count))
            if rng.random() < width
            else there
            for there, count, width in zip(own, self.counts, self.widths, strict=True)
        )


def make_density(points: Sequence[Vector], counts: Sequence[int], least: float) -> Density:
    """The density of points, with widths by the normal reference rule, none below ``least``."""
    shrink = 1.06 * len(points) ** (-1 / (4 + len(counts)))
    widths = []
    for values, count in zip(zip(*points, strict=True), counts, strict=True):
        spread = _variety(values) if count else statistics.pstdev(values)
        width = max(shrink * spread, least)
        widths.append(min(width, 1 - 1 / count) if count else width)
    step = max(len(points) / _MOST_KERNELS, 1)
    kept = [points[int(index * step)] for index in range(min(len(points), _MOST_KERNELS))]
    return Density(kept, counts, widths)


class BohbSearcher(BaseSearcher):
    """Proposes from the largest budget (resource) that has enough results.

    Intermediate results count at their resource; the end of a trial without any counts as a
    budget above all. The densities are made anew from the history for each proposal.
    """

    Settings = BohbOptions
    multifidelity = True

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        self._results: dict[float, list[tuple[float, Vector]]] = {}
        self._last: dict[bytes, tuple[float, float]] = {}
        self._counts = [
            axis.count if isinstance(axis, Category) else 0 for axis in self.axes.values()
        ]

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        """Learn the loss at a budget."""
        losses = self._losses(outcome.values)
        if losses is None:
            return
        free = self._free(point)
        self._last[identity(free)] = (resource, losses[0])
        self._add(resource, free, losses[0])

    def _counted(self, seen: Seen) -> tuple[float, ...]:
        """As it was: results count at their own resource."""
        return seen.losses

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        resource, loss = self._last.pop(identity(point), (math.inf, None))
        if loss != losses[0]:  # not reported: there were no reports, or it failed after them
            self._add(resource, point, losses[0])

    def _add(self, resource: float, point: Latents, loss: float) -> None:
        self._results.setdefault(resource, []).append((loss, self._vector(point)))

    def _ask(self, seed: int) -> Latents:
        options = self.options
        rng = random.Random(derive_seed(seed, "model"))  # another one than that of `draw`
        model = self._model()
        if model is None or rng.random() < options.random_fraction:
            return self.draw(seed)
        good, bad = model
        drawn = (good.draw(rng, options.bandwidth_factor) for _ in range(options.num_samples))
        return self._latents(
            min(drawn, key=lambda point: max(bad.at(point), _LEAST) / max(good.at(point), _LEAST))
        )

    def _model(self) -> tuple[Density, Density] | None:
        """The densities of good and of bad points at the largest budget with enough of both."""
        axes, options = len(self.axes), self.options
        least = max(options.min_points_in_model or 0, axes + 1)
        for _, results in sorted(self._results.items(), reverse=True):
            many = len(results)
            good = max(least, options.top_n_percent * many // 100)
            bad = max(least, (100 - options.top_n_percent) * many // 100)
            points = [point for _, point in sorted(results, key=lambda result: result[0])]
            if len(points) - good > axes:
                both = points[:good], points[good : good + bad]
                first, second = (
                    make_density(part, self._counts, options.min_bandwidth) for part in both
                )
                return first, second
        return None

    def _vector(self, point: Latents) -> Vector:
        return tuple(
            float(point[name]) if isinstance(axis, Category) else to_unit(axis, point[name])
            for name, axis in self.axes.items()
        )

    def _latents(self, vector: Vector) -> Latents:
        return {
            name: int(value) if isinstance(axis, Category) else from_unit(axis, value)
            for (name, axis), value in zip(self.axes.items(), vector, strict=True)
        }


def _variety(values: Sequence[float]) -> float:
    """The standard deviation of categories: the root of how often two of them differ."""
    shares = (values.count(value) / len(values) for value in set(values))
    return math.sqrt(max(1 - sum(share**2 for share in shares), 0.0))

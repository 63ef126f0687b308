"""What the libraries share whose model is made anew for every proposal."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from hpogrid.registry import require
from hpogrid.search.base import BaseSearcher, Options, Problem
from hpogrid.space.latent import Latents


class ModelSearcher(BaseSearcher):
    """For libraries whose model is made anew for each proposal from what is known.

    So nothing but the history needs to be kept, pickled or replayed. A subclass gives
    `_propose`. The first ``n_initial_points`` (an option it must have) come from `_initial`,
    at random if it says nothing else.
    Matrices are too small for threads, which made such libraries ten times slower.
    """

    most_points: ClassVar[int] = 200
    """How many points a model is made from: its cost grows with their cube."""

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        self._points: list[Latents] = []
        self._told: list[tuple[float, ...]] = []

    def _ask(self, seed: int) -> Latents:
        if not self._ready():
            return self._initial(seed)
        kept = self._kept(len(self._points))
        points = [self._points[index] for index in kept]
        losses = [self._told[index] for index in kept]
        running = [point for same in self._pending.values() for point in same]
        threads = require("threadpoolctl", extra="all", what="this algorithm")
        require("scipy.linalg", extra="all", what="this algorithm")  # what is loaded, is limited
        with threads.threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._propose(points, losses, running, seed)

    def _ready(self) -> bool:
        """Whether a model has enough to learn from."""
        return bool(len(self._points) >= self.options.n_initial_points)

    def _initial(self, seed: int) -> Latents:
        """One of the first points."""
        return self.draw(seed)

    def _kept(self, count: int) -> Sequence[int]:
        """Of the first ``count`` points, if these are many, the best and the latest."""
        half = self.most_points // 2
        if count <= self.most_points:
            return range(count)
        best = sorted(range(count), key=self._told.__getitem__)[:half]
        return sorted({*best, *range(count - half, count)})

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        self._points.append(point)
        self._told.append(losses)

    def _retell(self, told: list[tuple[Latents, tuple[float, ...]]]) -> None:
        self._points = [point for point, _ in told]
        self._told = [losses for _, losses in told]

    @abstractmethod
    def _propose(
        self,
        points: list[Latents],
        losses: list[tuple[float, ...]],
        running: list[Latents],
        seed: int,
    ) -> Latents:
        """Propose a point, from those known with their losses and those still running."""


def with_lies(losses: list[tuple[float, ...]], running: list[Latents]) -> list[float]:
    """The losses of the known points, and the median of them for each running one."""
    known = [first for first, *_ in losses]
    return known + [sorted(known)[len(known) // 2]] * len(running)

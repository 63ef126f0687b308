"""The proposer: between a space and a searcher, the rules that hold for every algorithm.

Constants and crossed (grid) parameters stay outside the searcher; points to evaluate first go
before its own; and on a finite space no configuration is proposed twice, pending ones included.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping

from hpogrid.search.base import Outcome, Searcher, derive_seed
from hpogrid.space.latent import Latents
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Value

_ATTEMPTS = 20
"""How often a searcher may repeat itself on a finite space."""

_DRAWS = 200
"""How many random draws follow that, before the rest is enumerated."""


class Proposer:
    """Hands out points, and tells the searcher how they ended.

    Args:
        space: what is searched.
        searcher: who proposes.
        first: points to evaluate before the searcher's own.
    """

    def __init__(self, space: Space, searcher: Searcher, first: Iterable[Point] = ()) -> None:
        self.space = space
        self.searcher = searcher
        self._queue = deque(first)
        self._taken: set[bytes] = set()
        self._finite = space.finite
        self._rest: deque[Point] | None = None

    def ask(self) -> Point | None:
        """The next point to evaluate; None: the space or the algorithm is exhausted."""
        point = self._next()
        if point is not None:
            self.take(point.applied)
            self.searcher.start(self.space.encode(point.suggested))
        return point

    def tell(self, suggested: Mapping[str, Value], outcome: Outcome) -> None:
        """Pass on how a point ended. Values outside the space are left out."""
        latents = self._encode(suggested)
        if latents is not None:
            self.searcher.observe(latents, outcome)

    def begun(self, suggested: Mapping[str, Value]) -> None:
        """Note that a point is being evaluated which an earlier attempt of the job began."""
        latents = self._encode(suggested)
        if latents is not None:
            self.searcher.start(latents)

    def report(self, suggested: Mapping[str, Value], outcome: Outcome, resource: float) -> None:
        """Pass on an intermediate result after ``resource`` (such as epochs) of a running point."""
        latents = self._encode(suggested)
        if latents is not None:
            self.searcher.report(latents, outcome, resource)

    def take(self, applied: Mapping[str, Value]) -> None:
        """Note that a configuration is being, or has been, evaluated: here or elsewhere."""
        if self._finite:
            self._taken.add(self.space.identify(applied))

    def _encode(self, suggested: Mapping[str, Value]) -> Latents | None:
        try:
            return self.space.encode(suggested)
        except ValueError:
            return None

    def _next(self) -> Point | None:
        while self._queue:
            point = self._queue.popleft()
            if not self._is_taken(point):
                return point
        latents: Latents | None = None
        for _ in range(_ATTEMPTS):
            before, latents = latents, self.searcher.suggest()
            if latents is None or latents == before:
                break
            if (found := self._cross(latents)) is not None:
                return found
        return self._left(derive_seed(latents, len(self._taken))) if self._finite else None

    def _cross(self, latents: Latents) -> Point | None:
        """The first new point of a draw; the other values of the crossed parameters wait."""
        points = [self.space.decode(latents, crossing) for crossing in self.space.crossings()]
        new = [point for point in points if not self._is_taken(point)]
        self._queue.extend(new[1:])
        return new[0] if new else None

    def _left(self, seed: int) -> Point | None:
        """A point of a finite space that the searcher does not come up with: random, then any."""
        if self._rest is None:
            rng = random.Random(seed)
            for _ in range(_DRAWS):
                point = self.space.sample(rng)
                if not self._is_taken(point):
                    return point
            self._rest = deque(
                point for point in self.space.enumerate() if not self._is_taken(point)
            )
        while self._rest:
            point = self._rest.popleft()
            if not self._is_taken(point):
                return point
        return None

    def _is_taken(self, point: Point) -> bool:
        return self._finite and point.key in self._taken

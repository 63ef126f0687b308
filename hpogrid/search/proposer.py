"""The proposer: between a space and a searcher, the rules that hold for every algorithm.

Constants and crossed (grid) parameters stay outside the searcher; points to evaluate first go
before its own; and on a finite space no configuration is proposed twice, pending ones included.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from hpogrid.search.base import Outcome, Searcher, derive_seed
from hpogrid.space.latent import Latents
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Value

_ATTEMPTS = 20
"""How often a searcher may repeat itself on a finite space."""

_DRAWS = 200
"""How many random draws follow that, before the rest is enumerated."""

_STEPS = 5000
"""How many points of the rest are looked at for one proposal, where some may not be taken yet."""


class Proposer:
    """Hands out points, and tells the searcher how they ended.

    Args:
        space: what is searched.
        searcher: who proposes.
        first: points to evaluate before the searcher's own.
        may_take: whether a point of a finite space may be taken now that may be later; None: all.

    Attributes:
        waiting: whether the last answer, if it was that there is nothing, holds for now only.
    """

    def __init__(
        self,
        space: Space,
        searcher: Searcher,
        first: Iterable[Point] = (),
        may_take: Callable[[Point], bool] | None = None,
    ) -> None:
        self.space = space
        self.searcher = searcher
        self._queue = deque(first)
        self._taken: set[bytes] = set()
        self._finite = space.finite
        self._may_take = may_take
        self._postponed: deque[Point] = deque()
        self._walk: Iterator[Point] | None = None
        self._passed = False  # in this walk, what may not be taken yet
        self.waiting = False

    def ask(self) -> Point | None:
        """The next point to evaluate; None: the space or the algorithm is exhausted."""
        self.waiting = False
        point = self._first_free(self._postponed)
        if point is not None:  # the searcher knows it already
            self.waiting = False
            self.take(point.applied)
            return point
        point = self._next()
        if point is not None:
            self.waiting = False
            self.take(point.applied)
            self.searcher.start(self.space.encode(point.suggested))
        return point

    def postpone(self, point: Point) -> None:
        """Keep a point for later that was asked for and could not be claimed."""
        self._taken.discard(point.key)
        self._postponed.append(point)

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
        if (point := self._first_free(self._queue)) is not None:
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
        self._queue.extend(point for point in points if not self._is_taken(point))
        return self._first_free(self._queue)

    def _left(self, seed: int) -> Point | None:
        """A point of a finite space that the searcher does not come up with: random, then any."""
        if self._walk is None:
            rng = random.Random(seed)
            for _ in range(_DRAWS):
                point = self.space.sample(rng)
                if self._is_free(point):
                    return point
        if self._walk is None:
            self._walk, self._passed = self.space.enumerate(), False
        for step, point in enumerate(self._walk):
            if self._is_free(point):
                return point
            self._passed = self._passed or not self._is_taken(point)
            if self._passed and step >= _STEPS:
                self.waiting = True
                return None
        self._walk = None if self._passed else iter(())
        return None

    def _is_free(self, point: Point) -> bool:
        """Whether a point may be proposed; notes if it may be later."""
        if self._is_taken(point):
            return False
        if not self._finite or self._may_take is None or self._may_take(point):
            return True
        self.waiting = True
        return False

    def _first_free(self, queue: deque[Point]) -> Point | None:
        """Take the first free point; those that are taken go, the others stay in their order."""
        kept = deque[Point]()
        found = None
        while queue and found is None:
            point = queue.popleft()
            if self._is_free(point):
                found = point
            elif not self._is_taken(point):
                kept.append(point)
        queue.extendleft(reversed(kept))
        return found

    def _is_taken(self, point: Point) -> bool:
        return self._finite and point.key in self._taken

"""The proposer: between a space and a searcher, the rules that hold for every algorithm.

Constants and crossed (grid) parameters stay outside the searcher; points to evaluate first go
before its own; and on a finite space no configuration is proposed twice, pending ones included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hpogrid.search.base import Outcome, Searcher
from hpogrid.space.latent import Latents
from hpogrid.space.space import Point, Space

_ATTEMPTS = 20
"""How often a searcher may repeat itself on a finite space before the rest is enumerated."""


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
        self._rest: Iterator[Point] | None = None

    def ask(self) -> Point | None:
        """The next point to evaluate; None: the space or the algorithm is exhausted."""
        point = self._next()
        if point is not None:
            self.take(point.applied)
        return point

    def tell(self, suggested: Mapping[str, Any], outcome: Outcome) -> None:
        """Pass on how a point ended. Values outside the space are left out."""
        try:
            latents = self.space.encode(suggested)
        except ValueError:
            return
        self.searcher.observe(latents, outcome)

    def take(self, applied: Mapping[str, Any]) -> None:
        """Note that a configuration is being, or has been, evaluated: here or elsewhere."""
        if self._finite:
            self._taken.add(self.space.identify(applied))

    def _next(self) -> Point | None:
        while self._queue:
            point = self._queue.popleft()
            if not self._is_taken(point):
                return point
        for _ in range(_ATTEMPTS):
            latents = self.searcher.suggest()
            if latents is None:
                break
            if (point := self._cross(latents)) is not None:
                return point
        return self._enumerated() if self._finite else None

    def _cross(self, latents: Latents) -> Point | None:
        """The first new point of a draw; the other values of the crossed parameters wait."""
        points = [self.space.decode(latents, crossing) for crossing in self.space.crossings()]
        new = [point for point in points if not self._is_taken(point)]
        self._queue.extend(new[1:])
        return new[0] if new else None

    def _enumerated(self) -> Point | None:
        if self._rest is None:
            self._rest = self.space.enumerate()
        return next((point for point in self._rest if not self._is_taken(point)), None)

    def _is_taken(self, point: Point) -> bool:
        return self._finite and point.key in self._taken

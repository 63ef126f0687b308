"""Grid search: every configuration of a finite space once, in order."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from hpogrid.errors import UserError
from hpogrid.search.base import BaseSearcher, Options, Problem
from hpogrid.space.latent import Latents
from hpogrid.space.parameter import Float
from hpogrid.space.space import identity


class GridOptions(Options, frozen=True):
    """``resolution``: how many values to take of each parameter that has no step."""

    resolution: Annotated[int, Meta(ge=1)] | None = None


class GridSearcher(BaseSearcher):
    """Proposes every point of the grid once; a point started elsewhere is skipped."""

    Settings = GridOptions
    tail = 0.0
    learns = False
    believes = False

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        self._counts = {name: self._count(name) for name in self.axes}
        self._size = math.prod(self._counts.values())
        self._next = 0
        self._seen: set[bytes] = set()

    @classmethod
    def objectives(cls, options: object) -> int:
        """As many as there are: it looks at none of them."""
        return 99

    def _count(self, name: str) -> int:
        item = self.problem.space.parameters[name]
        count = item.count()
        if count is None and isinstance(item, Float):
            count = self.options.resolution
        if count is None:
            raise UserError(
                f"algorithm grid: '{name}' has no finite list of values; give it a step (q), "
                "or how many values to take: --algorithm_param '{\"resolution\": 5}'"
            )
        return count

    def _latent(self, name: str, index: int) -> float | int:
        """The latent of a value; no list of them is made."""
        item, count = self.problem.space.parameters[name], self._counts[name]
        if item.count() is not None:
            return item.encode(item.at(index))
        ends = isinstance(item, Float) and all(map(math.isfinite, item.scale.bounds))
        return index / (count - 1) if ends and count > 1 else (index + 0.5) / count

    def _ask(self, seed: int) -> Latents | None:
        while self._next < self._size:
            point = self._at(self._next)
            self._next += 1
            if not self._known_everywhere(point):
                return point
        return None

    def _known_everywhere(self, point: Latents) -> bool:
        """Whether it was started with every combination of the crossed parameters."""
        space = self.problem.space
        full = {**self._single, **point}
        points = (space.decode(full, crossing) for crossing in space.crossings())
        return all(identity(self._free(space.encode(p.suggested))) in self._seen for p in points)

    def _at(self, index: int) -> Latents:
        """The point number ``index`` of the grid, the last parameter changing fastest."""
        point: Latents = {}
        for name, count in reversed(self._counts.items()):
            index, position = divmod(index, count)
            point[name] = self._latent(name, position)
        return {name: point[name] for name in self.axes}

    def _start(self, point: Latents, seed: int) -> None:
        self._seen.add(identity(point))

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        pass

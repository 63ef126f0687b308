"""Grid search: every configuration of a finite space once, in order."""

from __future__ import annotations

from hpogrid.errors import UserError
from hpogrid.search.base import BaseSearcher, Options, Task
from hpogrid.space.latent import Latents
from hpogrid.space.parameter import Float
from hpogrid.space.space import Space, identity


class GridOptions(Options, frozen=True):
    """``resolution``: how many values to take of each parameter that has no step."""

    resolution: int | None = None


class GridSearcher(BaseSearcher):
    """Proposes every point of the grid once; a point observed elsewhere is skipped."""

    Settings = GridOptions
    objectives = 99

    def __init__(self, task: Task, options: Options | None = None) -> None:
        super().__init__(task, options)
        self._points = self._grid()
        self._seen: set[bytes] = set()

    def _grid(self) -> list[Latents]:
        space = self.task.space
        axes = {name: self._values(name, space) for name in space.axes}
        points: list[Latents] = [{}]
        for name, latents in axes.items():
            points = [{**point, name: latent} for point in points for latent in latents]
        return points

    def _values(self, name: str, space: Space) -> list[float | int]:
        item = space.parameters[name]
        values = item.values()
        if values is not None:
            return [item.encode(value) for value in values]
        count = self.options.resolution
        if count is None or count < 1 or not isinstance(item, Float):
            raise UserError(
                f"algorithm grid: '{name}' has no finite list of values; give it a step (q), "
                "or how many values to take: --algorithm_param '{\"resolution\": 5}'"
            )
        if count == 1:
            return [0.5]
        return [index / (count - 1) for index in range(count)]

    def _ask(self, seed: int) -> Latents | None:
        while self._points:
            point = self._points.pop(0)
            if self._mark(point):
                return point
        return None

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        self._mark(point)

    def _mark(self, point: Latents) -> bool:
        """Whether the point is new; it no longer is afterwards."""
        key = identity(point)
        new = key not in self._seen
        self._seen.add(key)
        return new

"""Random search: independent draws from the space's own distributions."""

from __future__ import annotations

import random

from hpogrid.search.base import BaseSearcher
from hpogrid.space.latent import Latents


class RandomSearcher(BaseSearcher):
    """Draws every point independently; what was observed does not matter."""

    objectives = 99

    def _ask(self, seed: int) -> Latents:
        rng = random.Random(seed)
        return {name: axis.sample(rng) for name, axis in self.task.space.axes.items()}

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        pass

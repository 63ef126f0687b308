"""Random search: independent draws from the space's own distributions."""

from __future__ import annotations

from hpogrid.search.base import BaseSearcher
from hpogrid.space.latent import Latents


class RandomSearcher(BaseSearcher):
    """Draws every point independently; what was observed does not matter."""

    tail = 0.0
    learns = False

    @classmethod
    def objectives(cls, options: object) -> int:
        """As many as there are: it looks at none of them."""
        return 99

    def _ask(self, seed: int) -> Latents:
        return self.draw(seed)

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        pass

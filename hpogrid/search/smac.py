"""SMAC: a random forest, and the improvement that it expects."""

from __future__ import annotations

import random
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import Options, Problem, derive_seed
from hpogrid.search.looking import LookingSearcher
from hpogrid.search.model import with_lies
from hpogrid.space.latent import Latents

if TYPE_CHECKING:
    from hpogrid.search.gaussian import Array

_ABSENT = -1.0
"""What the forest sees of a parameter that a point does not have, as SMAC has it."""

_LEAST = 1e-10
"""The smallest scaled loss, so that it has a logarithm."""


class SmacOptions(Options, frozen=True):
    """SMAC's defaults; after the first points, ``random_fraction`` of all are drawn at random."""

    n_initial_points: Annotated[int, Meta(ge=1)] = 10
    n_trees: Annotated[int, Meta(ge=1)] = 10
    random_fraction: Annotated[float, Meta(ge=0, le=1)] = 0.2


class SmacSearcher(LookingSearcher):
    """The model of SMAC's ``HyperparameterOptimizationFacade``, which itself writes files.

    SMAC's own search for the best candidate is left out: it takes many times as long, and with the
    same seed finds another point in another process, for it goes through a set by its hashes.
    """

    Settings = SmacOptions
    most_points = 500

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        self._smac("model.random_forest.random_forest")

    @staticmethod
    def _smac(module: str) -> ModuleType:
        return require(f"smac.{module}", extra="smac", what="algorithm smac")

    def _propose(
        self,
        points: list[Latents],
        losses: list[tuple[float, ...]],
        running: list[Latents],
        seed: int,
    ) -> Latents:
        import numpy as np

        from hpogrid.search.candidates import Candidates

        chance = random.Random(derive_seed(seed, "chance"))  # another one than the draw's
        if chance.random() < self.options.random_fraction:
            return self.draw(seed)
        space = Candidates(self.axes)
        known = self._present(space, space.encode(points + running))
        forest = self._forest(seed)
        forest.train(_filled(known), _scaled(np.array(with_lies(losses, running)))[:, None])
        expected = forest.predict_marginalized(_filled(known))[0].ravel()
        gain = self._smac("acquisition.function").EI(log=True)
        gain.update(model=forest, eta=expected.min())

        def value(found: Array) -> Array:
            values: Array = gain._compute(_filled(self._present(space, found)))
            return values.ravel()

        return self._best(space, known, expected, value, seed)

    def _forest(self, seed: int) -> Any:
        """The facade's, but for ``max_leaf_nodes``: by default each tree makes room for two million
        nodes, which takes a second."""
        space = require("ConfigSpace", extra="smac", what="algorithm smac").ConfigurationSpace
        return self._smac("model.random_forest.random_forest").RandomForest(
            space({f"x{index}": (0.0, 1.0) for index in range(len(self.axes))}),
            log_y=True,
            n_trees=self.options.n_trees,
            ratio_features=1.0,
            min_samples_split=2,
            min_samples_leaf=1,
            max_leaf_nodes=None,
            n_jobs=1,
            seed=seed,
        )


def _filled(points: Array) -> Array:
    """Points with a number for the parameters that they do not have."""
    import numpy as np

    return np.nan_to_num(points, nan=_ABSENT)


def _scaled(losses: Array) -> Array:
    """Losses as SMAC scales them: logarithms, which tell the best ones apart.

    Zero, of which there is none, would be as far below the best one as this is below the fifth
    percentile.
    """
    import numpy as np

    low = 2 * losses.min() - np.percentile(losses, 5)
    width = losses.max() - low or 1.0
    scaled: Array = np.maximum((losses - low) / width, _LEAST)
    return np.log(scaled)

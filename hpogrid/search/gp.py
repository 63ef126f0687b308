"""A Gaussian process of hpogrid's own: expected improvement, and needs SciPy only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import Options, Problem
from hpogrid.search.looking import LookingSearcher
from hpogrid.search.prior import Among, Around, Believer
from hpogrid.space.latent import Latents

if TYPE_CHECKING:
    from hpogrid.search.candidates import Candidates
    from hpogrid.search.gaussian import Array, Hyper

_EXPLORED = 2
"""One proposal in so many is made with lengths shortened to `_SHORTER`: a model that is too sure
of itself would never find out."""

_SHORTER = 0.5

_BELIEVED = 5.0
"""How much the logarithm of what the user believes counts beside that of the improvement, divided
by the number of trials (Hvarfner et al., ICLR 2022)."""

_GROWTH = 0.15
"""By which share of points more the hyperparameters are fitted again."""


class GpOptions(Options, frozen=True):
    """How many points of a Sobol' sequence come first."""

    n_initial_points: Annotated[int, Meta(ge=1)] = 10


class GpSearcher(LookingSearcher):
    """Begins with points that are evenly spread, and goes on where most improvement is expected.

    Running points count as what is expected of them. A parameter whose condition fails is no
    distance from another such one, and as far from a value as two categories.
    """

    Settings = GpOptions
    most_points = 300

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        require("scipy", extra="gp", what="algorithm gp")
        self._fitted: tuple[tuple[object, ...], Hyper] | None = None

    def _propose(
        self,
        points: list[Latents],
        losses: list[tuple[float, ...]],
        running: list[Latents],
        seed: int,
    ) -> Latents:
        import numpy as np

        from hpogrid.search import gaussian
        from hpogrid.search.candidates import Candidates

        space = Candidates(self.axes)
        hyper = self._hyper(space)
        if (len(points) + len(running)) % _EXPLORED == _EXPLORED - 1:
            hyper = hyper.shorter(_SHORTER)
        known = self._present(space, space.encode(points))
        told = gaussian.standardised(np.array([loss for loss, *_ in losses]))
        model = gaussian.GaussianProcess(hyper, known, told, space.categories)
        if running:
            busy = self._present(space, space.encode(running))
            known, told = np.vstack([known, busy]), np.append(told, model.at(busy)[0])
            model = gaussian.GaussianProcess(hyper, known, told, space.categories)
        expected, _ = model.at(known)

        def value(found: Array) -> Array:
            present = self._present(space, found)
            mean, deviation = model.at(present)
            gain = gaussian.log_expected_improvement(mean, deviation, float(expected.min()))
            return gain if self._believer is None else gain + self._belief(present, self._believer)

        return self._best(space, known, expected, value, seed)

    def _belief(self, points: Array, believer: Believer) -> Array:
        """How likely the user believes points to be: the logarithm, as far as it counts by now."""
        import numpy as np

        total = np.zeros(len(points))
        for column, name in zip(points.T, self.axes, strict=True):
            match believer.beliefs.get(name):
                case Around(centre=centre, width=width):
                    own = -(((column - centre) / width) ** 2) / 2
                case Among(probabilities=probabilities):
                    own = np.log(probabilities)[np.nan_to_num(column).astype(int)]
                case None:
                    continue
            total += np.where(np.isnan(column), 0.0, own)
        return total * (_BELIEVED * believer.trust() / len(self._points))

    def _hyper(self, space: Candidates) -> Hyper:
        """The hyperparameters by the first points: so many that they need not be fitted anew
        for each point, and a history that is told at once leads to the same."""
        import numpy as np

        from hpogrid.search import gaussian

        count = due = min(self.options.n_initial_points, len(self._points))
        while (due := int(due * (1 + _GROWTH)) + 1) <= len(self._points):
            count = due
        kept = self._kept(count)
        losses = tuple(self._told[index][0] for index in kept)
        if self._fitted is None or self._fitted[0] != losses:
            points = self._present(space, space.encode([self._points[index] for index in kept]))
            apart = gaussian.squares(points, points, space.categories)
            self._fitted = losses, gaussian.fit(apart, gaussian.standardised(np.array(losses)))
        return self._fitted[1]

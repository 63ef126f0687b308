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
    from hpogrid.search.gaussian import Array, Chances, Hyper

_FEWEST = 3
"""A model needs so many points that did not fail."""

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

    Running points count as what is expected of them. What fails says nothing of losses, but where
    points fail: improvements count as far as a second model is sure that points succeed there
    (Gelbart et al., UAI 2014). A parameter whose condition fails is no distance from another such
    one, and as far from a value as two categories.
    """

    Settings = GpOptions
    most_points = 300

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        require("scipy", extra="gp", what="algorithm gp")
        self._fitted: dict[str, tuple[tuple[int, tuple[float, ...]], Hyper]] = {}

    def _ready(self) -> bool:
        return len(self._history) >= self.options.n_initial_points and len(self._points) >= _FEWEST

    def _fail(self, point: Latents, worst: tuple[float, ...]) -> None:
        """Nothing is told: `_chances` looks for failures in what happened."""

    def _retell(self, told: list[tuple[Latents, tuple[float, ...]]]) -> None:
        pairs = zip(told, self._history, strict=True)
        super()._retell([one for one, (_, seen) in pairs if seen is not None])

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
        hyper, chances = self._hyper(space), self._chances(space)
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
            if chances is not None:
                gain += chances.log_at(present)
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
        """The hyperparameters of the losses."""
        count = self._due(len(self._points))
        told = [(self._points[index], self._told[index][0]) for index in self._kept(count)]
        return self._fit("losses", count, space, told)

    def _chances(self, space: Candidates) -> Chances | None:
        """Where points succeed; None: all of them did, as far as is remembered."""
        import numpy as np

        from hpogrid.search import gaussian

        happened = [(point, float(seen is None)) for point, seen in self._history]
        latest = happened[-self.most_points :]
        failed = np.array([outcome for _, outcome in latest])
        if failed.min() == failed.max():
            return None
        count = self._due(len(happened))
        hyper = self._fit("failures", count, space, happened[:count][-self.most_points :])
        points = self._present(space, space.encode([point for point, _ in latest]))
        return gaussian.Chances(hyper, points, failed, space.categories)

    def _due(self, known: int) -> int:
        """From how many of the first points hyperparameters are fitted: so many that they need not
        be for each point, and a history that is told at once leads to the same."""
        count = due = min(int(self.options.n_initial_points), known)
        while (due := int(due * (1 + _GROWTH)) + 1) <= known:
            count = due
        return count

    def _fit(
        self, what: str, count: int, space: Candidates, told: list[tuple[Latents, float]]
    ) -> Hyper:
        """The hyperparameters of values at points, of the first ``count`` ones; fitted once."""
        import numpy as np

        from hpogrid.search import gaussian

        key = count, tuple(value for _, value in told)
        if what not in self._fitted or self._fitted[what][0] != key:
            points = self._present(space, space.encode([point for point, _ in told]))
            apart = gaussian.squares(points, points, space.categories)
            values = gaussian.standardised(np.array(key[1]))
            self._fitted[what] = key, gaussian.fit(apart, values)
        return self._fitted[what][1]

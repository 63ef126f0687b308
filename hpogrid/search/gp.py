"""A Gaussian process of hpogrid's own: expected improvement, and needs SciPy only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import Options, Outcome, Problem
from hpogrid.search.curves import Seen
from hpogrid.search.levels import Row, rows_of
from hpogrid.search.looking import LookingSearcher
from hpogrid.search.prior import Among, Around, Believer
from hpogrid.space.latent import Latents
from hpogrid.space.space import identity

if TYPE_CHECKING:
    from hpogrid.search.candidates import Candidates
    from hpogrid.search.gaussian import Array, Chances, GaussianProcess, Hyper

_FEWEST = 3
"""A model needs so many points that did not fail."""

_EXPLORED = 2
"""One proposal in so many is made with lengths shortened to `_SHORTER`: a model that is too sure
of itself would never find out."""

_SHORTER = 0.5

_BELIEVED = 5.0
"""How much the logarithm of what the user believes counts beside that of the improvement, divided
by the number of trials (Hvarfner et al., ICLR 2022)."""

_MOST_ROWS = 250
"""The model is made of as many results at resources, or of as many as there are points."""

_MOST_FITTED = 150
"""So are its hyperparameters, which takes many steps."""

_MOST_RUNNING = 100
"""Of more that run, or wait, only the latest count as what is expected of them."""

_GROWTH = 0.15
"""By which share of points more the hyperparameters are fitted again."""


class GpOptions(Options, frozen=True):
    """How many points of a Sobol' sequence come first."""

    n_initial_points: Annotated[int, Meta(ge=1)] = 10


class GpSearcher(LookingSearcher):
    """Begins with points that are evenly spread, and goes on where most improvement is expected.

    Running points count as what is expected of them. Once a trial was cut, all results count at
    their own resource, which is one axis more to the model. What fails says nothing of losses, but
    where points fail: improvements count as far as a second model is sure that points succeed there
    (Gelbart et al., UAI 2014). A parameter whose condition fails is no distance from another such
    one, and as far from a value as two categories.
    """

    Settings = GpOptions
    multifidelity = True
    most_points = 300

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        require("scipy", extra="gp", what="algorithm gp")
        self._fitted: dict[str, tuple[tuple[int, bool, tuple[float, ...]], Hyper]] = {}
        self._reports: dict[bytes, dict[float, tuple[float, ...]]] = {}

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        """Learn what a running point has come to."""
        losses = self._losses(outcome.values)
        if losses is not None:
            self._reports.setdefault(identity(self._free(point)), {})[resource] = losses

    def observe(self, point: Latents, outcome: Outcome) -> None:
        """Learn an outcome (see `Searcher`)."""
        self._reports.pop(identity(self._free(point)), None)
        super().observe(point, outcome)

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
        from hpogrid.search import gaussian
        from hpogrid.search.candidates import Candidates

        space = Candidates(self.axes)
        model, chances = self._model(space, running), self._chances(space)
        known = self._present(space, space.encode(points + running))
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

    def _model(self, space: Candidates, running: list[Latents]) -> GaussianProcess:
        """What is known of whole trials, where running ones count as what is expected of them."""
        import numpy as np

        from hpogrid.search import gaussian

        ended = [(point, seen) for point, seen in self._history if seen is not None]
        kept = [ended[index] for index in self._kept(len(ended))]
        count = self._due(len(ended))
        first = [ended[index] for index in self._kept(count)]
        under_way = self._under_way()[-max(_MOST_ROWS - len(kept), _MOST_RUNNING) :]
        rows = rows_of([*kept, *under_way], _MOST_ROWS)
        levels = any(row.level for row in rows)
        hyper = self._fit("losses", count, space, rows_of(first, _MOST_FITTED), levels)
        if (len(kept) + len(running)) % _EXPLORED == _EXPLORED - 1:
            hyper = hyper.shorter(_SHORTER)
        known = self._columns(space, rows, levels)
        told = gaussian.standardised(np.array([row.loss for row in rows]))
        model = gaussian.GaussianProcess(hyper, known, told, space.categories)
        if not running:
            return model
        latest = running[-_MOST_RUNNING:]
        busy = self._columns(space, [Row(point, 0.0, 0.0) for point in latest], levels)
        known, told = np.vstack([known, busy]), np.append(told, model.at(busy)[0])
        return gaussian.GaussianProcess(hyper, known, told, space.categories)

    def _under_way(self) -> list[tuple[Latents, Seen]]:
        """What running points have come to."""
        found = []
        for key, (point, *_) in self._pending.items():
            if curve := self._reports.get(key):
                found.append((point, Seen(curve[max(curve)], curve, cut=True)))
        return found

    def _columns(self, space: Candidates, rows: list[Row], levels: bool) -> Array:
        """Points, with a column more for the levels if these count."""
        import numpy as np

        points = self._present(space, space.encode([row.point for row in rows]))
        return np.column_stack([points, [row.level for row in rows]]) if levels else points

    def _chances(self, space: Candidates) -> Chances | None:
        """Where points succeed; None: all of them did, as far as is remembered."""
        import numpy as np

        from hpogrid.search import gaussian

        happened = [Row(point, 0.0, float(seen is None)) for point, seen in self._history]
        latest = happened[-self.most_points :]
        failed = np.array([row.loss for row in latest])
        if failed.min() == failed.max():
            return None
        count = self._due(len(happened))
        first = happened[:count][-self.most_points :]
        hyper = self._fit("failures", count, space, first, levels=False)
        points = self._columns(space, latest, levels=False)
        return gaussian.Chances(hyper, points, failed, space.categories)

    def _due(self, known: int) -> int:
        """From how many of the first points hyperparameters are fitted: so many that they need not
        be for each point, and a history that is told at once leads to the same."""
        count = due = min(int(self.options.n_initial_points), known)
        while (due := int(due * (1 + _GROWTH)) + 1) <= known:
            count = due
        return count

    def _fit(
        self, what: str, count: int, space: Candidates, told: list[Row], levels: bool
    ) -> Hyper:
        """The hyperparameters of values at points, of the first ``count`` ones; fitted once."""
        import numpy as np

        from hpogrid.search import gaussian

        key = count, levels, tuple(row.loss for row in told)
        if what not in self._fitted or self._fitted[what][0] != key:
            points = self._columns(space, told, levels)
            apart = gaussian.squares(points, points, space.categories)
            values = gaussian.standardised(np.array(key[2]))
            self._fitted[what] = key, gaussian.fit(apart, values)
        return self._fitted[what][1]

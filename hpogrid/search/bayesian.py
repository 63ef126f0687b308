"""The bayesian-optimization library: a Gaussian process over real numbers."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated, Literal

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import Options, Problem
from hpogrid.search.model import ModelSearcher, with_lies
from hpogrid.space.latent import Axis, Category, Latents, from_unit, to_unit


class BayesianOptions(Options, frozen=True):
    """The acquisition function of ``bayes_opt.UtilityFunction``, by its names."""

    n_initial_points: Annotated[int, Meta(ge=1)] = 10
    kind: Literal["ucb", "ei", "poi"] = "ucb"
    kappa: Annotated[float, Meta(ge=0)] = 2.576
    xi: Annotated[float, Meta(ge=0)] = 0.0


class BayesianSearcher(ModelSearcher):
    """Integers are cells of the unit interval, a category is the largest of its own axes."""

    Settings = BayesianOptions

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        self._library()

    @staticmethod
    def _library() -> ModuleType:
        return require("bayes_opt", extra="bayesian", what="algorithm bayesian")

    def _propose(
        self,
        points: list[Latents],
        losses: list[tuple[float, ...]],
        running: list[Latents],
        seed: int,
    ) -> Latents:
        library = self._library()
        told: dict[tuple[float, ...], list[float]] = {}  # a repeated point has its mean loss
        for point, loss in zip(points + running, with_lies(losses, running), strict=True):
            told.setdefault(tuple(self._vector(point).values()), []).append(loss)
        bounds = dict.fromkeys(self._vector(points[0]), (0.0, 1.0))
        optimizer = library.BayesianOptimization(None, bounds, random_state=seed, verbose=0)
        for vector, same in told.items():
            parameters = dict(zip(bounds, vector, strict=True))
            optimizer.register(parameters, -sum(same) / len(same))
        options = self.options
        utility = library.UtilityFunction(options.kind, options.kappa, options.xi)
        found = optimizer.suggest(utility)
        return {name: _latent(name, axis, found) for name, axis in self.axes.items()}

    def _vector(self, point: Latents) -> dict[str, float]:
        vector: dict[str, float] = {}
        for name, axis in self.axes.items():
            if isinstance(axis, Category):
                for index in range(axis.count):
                    vector[f"{name} {index}"] = float(index == point[name])
            else:
                vector[name] = to_unit(axis, point[name])
        return vector


def _latent(name: str, axis: Axis, found: dict[str, float]) -> float | int:
    if isinstance(axis, Category):
        return max(range(axis.count), key=lambda index: found[f"{name} {index}"])
    return from_unit(axis, found[name])

"""scikit-optimize: Bayesian optimisation with Gaussian processes, forests or boosted trees."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated, Any, Literal

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import Options, Problem
from hpogrid.search.model import ModelSearcher, with_lies
from hpogrid.space.latent import Category, Latents, Unit, shares


class SkoptOptions(Options, frozen=True):
    """Parameters of ``skopt.Optimizer``, by its names."""

    base_estimator: Literal["GP", "RF", "ET", "GBRT"] = "GP"
    n_initial_points: Annotated[int, Meta(ge=1)] = 10
    acq_func: Literal["gp_hedge", "LCB", "EI", "PI"] = "gp_hedge"
    acq_optimizer: Literal["auto", "sampling", "lbfgs"] = "auto"


class SkoptSearcher(ModelSearcher):
    """An optimiser that is told the whole history at once, which costs one fit."""

    Settings = SkoptOptions

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        self._skopt()

    @staticmethod
    def _skopt() -> ModuleType:
        return require("skopt", extra="skopt", what="algorithm skopt")

    def _propose(
        self,
        points: list[Latents],
        losses: list[tuple[float, ...]],
        running: list[Latents],
        seed: int,
    ) -> Latents:
        optimizer = self._skopt().Optimizer(
            [self._dimension(axis) for axis in self.axes.values()],
            base_estimator=self.options.base_estimator,
            n_initial_points=0,
            acq_func=self.options.acq_func,
            acq_optimizer=self.options.acq_optimizer,
            random_state=seed,
        )
        told = [[point[name] for name in self.axes] for point in points + running]
        optimizer.tell(told, with_lies(losses, running))
        proposed = zip(self.axes.items(), optimizer.ask(), strict=True)
        return {
            name: float(value) if isinstance(axis, Unit) else int(value)
            for (name, axis), value in proposed
        }

    def _dimension(self, axis: Any) -> Any:
        space = self._skopt().space
        if isinstance(axis, Unit):
            return space.Real(0.0, 1.0)
        if isinstance(axis, Category):
            return space.Categorical(list(range(axis.count)), prior=shares(axis))
        return space.Integer(axis.low, axis.high)

"""Nevergrad: evolutionary algorithms."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

from hpogrid.registry import require
from hpogrid.search.base import BaseSearcher, Options, Problem
from hpogrid.space.latent import Axis, Category, Latents, Unit
from hpogrid.space.space import identity
from hpogrid.space.value import Value


class NevergradOptions(Options, frozen=True):
    """``optimizer``: a name of Nevergrad's registry.

    Only those that can be told points they did not ask for (NGOpt and others may wait for ever).
    """

    optimizer: Literal[
        "TwoPointsDE",
        "OnePointDE",
        "DE",
        "PSO",
        "CMA",
        "DiagonalCMA",
        "OnePlusOne",
        "DiscreteOnePlusOne",
        "TBPSA",
    ] = "CMA"


_SEVERAL_DIMENSIONS = ("CMA", "DiagonalCMA")
"""In one dimension they need a further library; and once it is asked for, in any number."""

_ONE_DIMENSION = "OnePlusOne"


class NevergradSearcher(BaseSearcher):
    """An optimiser that is asked for every point, also for those that came from elsewhere.

    So a replay leads it through the same states as the run did.
    """

    Settings = NevergradOptions

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        library = require("nevergrad", extra="nevergrad", what="algorithm nevergrad")
        axes = {name: _parameter(library, axis) for name, axis in self.axes.items()}
        space, chosen = library.p.Dict(**axes), self.options.optimizer
        if space.dimension == 1 and chosen in _SEVERAL_DIMENSIONS:
            self.remark = f"nevergrad's {chosen} needs two parameters or more: {_ONE_DIMENSION}"
            chosen = _ONE_DIMENSION
        self._optimizer = library.optimizers.registry[chosen](space, budget=problem.trials)
        self._asked: Any = None
        self._running: dict[bytes, list[Value]] = {}

    @classmethod
    def objectives(cls, options: object) -> int:
        """Several: it minimises by hypervolume."""
        return 99

    def _ask(self, seed: int) -> Latents:
        self._optimizer.parametrization.random_state.seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._asked = self._optimizer.ask()
        return self._latents(self._asked)

    def _latents(self, candidate: Any) -> Latents:
        found = candidate.value
        return {name: _latent(axis, found[name]) for name, axis in self.axes.items()}

    def _start(self, point: Latents, seed: int) -> None:
        if self._asked is None or not self.comes_from(point, self._latents(self._asked)):
            self._ask(seed)
        candidate, self._asked = self._asked, None
        if not self.comes_from(point, self._latents(candidate)):
            candidate = self._optimizer.parametrization.spawn_child(new_value=dict(point))
        self._running.setdefault(identity(point), []).append(candidate)

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        key = identity(point)
        candidate = self._running[key].pop()
        if not self._running[key]:
            del self._running[key]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._optimizer.tell(candidate, losses[0] if len(losses) == 1 else list(losses))


def _parameter(library: Any, axis: Axis) -> Any:
    if isinstance(axis, Unit):
        return library.p.Scalar(lower=0.0, upper=1.0)
    if isinstance(axis, Category):
        choice = library.p.Choice(list(range(axis.count)))
        if axis.weights is not None:  # it draws from the softmax of what it changes
            choice.set_standardized_data([math.log(weight) for weight in axis.weights])
        return choice
    return library.p.Scalar(lower=axis.low, upper=axis.high).set_integer_casting()


def _latent(axis: Axis, value: Any) -> float | int:
    return float(value) if isinstance(axis, Unit) else int(value)

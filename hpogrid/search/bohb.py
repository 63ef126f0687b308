"""BOHB's model: kernel density estimators, one for each budget (HpBandSter)."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import BaseSearcher, Options, Outcome, Problem
from hpogrid.space.latent import Axis, Category, Latents, from_unit, to_unit
from hpogrid.space.space import identity


class BohbOptions(Options, frozen=True):
    """Parameters of HpBandSter's ``BOHB`` config generator, by its names."""

    min_points_in_model: Annotated[int, Meta(ge=1)] | None = None
    top_n_percent: Annotated[int, Meta(ge=1, le=99)] = 15
    num_samples: Annotated[int, Meta(ge=1)] = 64
    random_fraction: Annotated[float, Meta(ge=0, le=1)] = 1 / 3
    bandwidth_factor: Annotated[float, Meta(gt=0)] = 3.0
    min_bandwidth: Annotated[float, Meta(gt=0)] = 0.1


class BohbSearcher(BaseSearcher):
    """Proposes from the largest budget (resource) that has enough results.

    Intermediate results count at their resource; the end of a trial without any counts as a
    budget above all. The generator is made anew from the history for each proposal.
    """

    Settings = BohbOptions
    multifidelity = True

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        self._library("hpbandster.optimizers.config_generators.bohb")
        self._results: dict[float, list[tuple[Latents, float]]] = {}
        self._last: dict[bytes, tuple[float, float]] = {}

    @staticmethod
    def _library(module: str) -> ModuleType:
        return require(module, extra="bohb", what="algorithm bohb")

    def report(self, point: Latents, outcome: Outcome, resource: float) -> None:
        """Learn the loss at a budget."""
        losses = self._losses(outcome.values)
        if losses is None:
            return
        free = self._free(point)
        self._last[identity(free)] = (resource, losses[0])
        self._add(resource, free, losses[0])

    def _tell(self, point: Latents, losses: tuple[float, ...]) -> None:
        resource, loss = self._last.pop(identity(point), (math.inf, None))
        if loss != losses[0]:  # not reported: there were no reports, or it failed after them
            self._add(resource, point, losses[0])

    def _add(self, resource: float, point: Latents, loss: float) -> None:
        self._results.setdefault(resource, []).append((point, loss))

    def _ask(self, seed: int) -> Latents:
        with _seeded(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, _ = self._generator(seed).get_config(None)
        return {
            name: _latent(axis, found[f"x{index}"])
            for index, (name, axis) in enumerate(self.axes.items())
        }

    def _generator(self, seed: int) -> Any:
        """HpBandSter's generator, which was told everything; one model for each budget."""
        module = self._library("hpbandster.optimizers.config_generators.bohb")
        options = {key: getattr(self.options, key) for key in self.options.__struct_fields__}
        generator = module.BOHB(self._configspace(seed), logger=_QUIET, **options)
        for budget, results in sorted(self._results.items()):
            for index, (point, loss) in enumerate(results, start=1):
                kwargs = {"budget": budget, "config": self._config(point)}
                job = SimpleNamespace(kwargs=kwargs, result={"loss": loss}, exception=None)
                generator.new_result(job, update_model=index == len(results))
        return generator

    def _configspace(self, seed: int) -> Any:
        library = self._library("ConfigSpace")
        space = library.ConfigurationSpace(seed=seed)
        for index, axis in enumerate(self.axes.values()):
            if isinstance(axis, Category):
                values = range(axis.count)
                space.add(
                    library.CategoricalHyperparameter(f"x{index}", values, weights=axis.weights)
                )
            else:
                space.add(library.UniformFloatHyperparameter(f"x{index}", 0.0, 1.0))
        return space

    def _config(self, point: Latents) -> dict[str, float | int]:
        return {
            f"x{index}": point[name] if isinstance(axis, Category) else to_unit(axis, point[name])
            for index, (name, axis) in enumerate(self.axes.items())
        }


_QUIET = logging.getLogger("hpogrid.bohb")
_QUIET.setLevel(logging.CRITICAL)


def _latent(axis: Axis, value: Any) -> float | int:
    return int(value) if isinstance(axis, Category) else from_unit(axis, value)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """HpBandSter draws from NumPy's global generator; leave it as it was."""
    import numpy

    before = numpy.random.get_state()
    numpy.random.seed(seed)
    try:
        yield
    finally:
        numpy.random.set_state(before)

"""Ax: Bayesian optimisation with BoTorch."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator
from types import ModuleType
from typing import Annotated, Any

from msgspec import Meta

from hpogrid.registry import require
from hpogrid.search.base import Options, Problem
from hpogrid.search.model import ModelSearcher
from hpogrid.space.latent import Axis, Category, Latents, from_unit, to_unit
from hpogrid.space.value import Values


class AxOptions(Options, frozen=True):
    """``n_initial_points`` are drawn at random before the first model."""

    n_initial_points: Annotated[int, Meta(ge=1)] = 10


class AxSearcher(ModelSearcher):
    """A client that gets the whole history; integers are cells of the unit interval."""

    Settings = AxOptions

    def __init__(self, problem: Problem, options: Options | None = None) -> None:
        super().__init__(problem, options)
        with _quiet():
            self._library("ax.api.client")

    @classmethod
    def objectives(cls, options: object) -> int:
        """Several; the expected hypervolume gets slow beyond a handful."""
        return 99

    @staticmethod
    def _library(module: str) -> ModuleType:
        return require(module, extra="ax", what="algorithm ax")

    def _propose(
        self,
        points: list[Latents],
        losses: list[tuple[float, ...]],
        running: list[Latents],
        seed: int,
    ) -> Latents:
        with _quiet():
            found = self._found(points, losses, running, seed)
        return {
            name: _latent(axis, found[f"x{index}"])
            for index, (name, axis) in enumerate(self.axes.items())
        }

    def _found(
        self,
        points: list[Latents],
        losses: list[tuple[float, ...]],
        running: list[Latents],
        seed: int,
    ) -> Values:
        metrics = [f"loss{index}" for index in range(len(self.problem.modes))]
        client = self._client(metrics, seed)
        numbers = [client.attach_trial(self._parameters(point)) for point in points]
        self._complete(client._experiment, numbers, metrics, losses)
        for point in running:
            client.attach_trial(self._parameters(point))
        [found] = client.get_next_trials(1).values()
        parameters: Values = found
        return parameters

    def _complete(
        self,
        experiment: Any,
        numbers: list[int],
        metrics: list[str],
        losses: list[tuple[float, ...]],
    ) -> None:
        """What ``client.complete_trial`` does to each, which looks through all others each time."""
        rows = [
            {
                "trial_index": number,
                "arm_name": experiment.trials[number].arm.name,
                "metric_name": metric,
                "metric_signature": experiment.metrics[metric].signature,
                "mean": loss,
                "sem": math.nan,
            }
            for number, told in zip(numbers, losses, strict=True)
            for metric, loss in zip(metrics, told, strict=True)
        ]
        frame = self._library("pandas").DataFrame(rows)
        experiment.attach_data(self._library("ax.core.data").Data(df=frame))
        for number in numbers:
            experiment.trials[number].mark_completed()

    def _client(self, metrics: list[str], seed: int) -> Any:
        if len(metrics) > 1:
            _compile_nothing()
        client = self._library("ax.api.client").Client(random_seed=seed)
        axes = enumerate(self.axes.values())
        client.configure_experiment([self._config(f"x{index}", axis) for index, axis in axes])
        client.configure_optimization(", ".join(f"-{metric}" for metric in metrics))
        client.set_generation_strategy(self._strategy())
        return client

    def _strategy(self) -> Any:
        """Ax's own choice of model, and nothing before it: the first points are drawn by us."""
        spec = self._library("ax.generation_strategy.generator_spec").GeneratorSpec(
            self._library("ax.adapter.registry").Generators.BOTORCH_MODULAR,
            generator_gen_kwargs={"model_gen_options": {"optimizer_kwargs": self._effort()}},
        )
        node = self._library("ax.generation_strategy.generation_node").GenerationNode(
            "model", generator_specs=[spec], should_deduplicate=True
        )
        strategies = self._library("ax.generation_strategy.generation_strategy")
        return strategies.GenerationStrategy(name="model", nodes=[node])

    def _effort(self) -> Values:
        """Where all axes are continuous, no second search for a point after a warning.

        It takes a third of the time and finds nothing better.
        """
        if any(isinstance(axis, Category) for axis in self.axes.values()):
            return {}  # Ax searches in another way, which has no such choice
        return {"retry_on_optimization_warning": False}

    def _config(self, name: str, axis: Axis) -> Any:
        configs = self._library("ax.api.configs")
        if isinstance(axis, Category):
            values = list(range(axis.count))
            return configs.ChoiceParameterConfig(name, values, "int", is_ordered=False)
        return configs.RangeParameterConfig(name, (0.0, 1.0), "float")

    def _parameters(self, point: Latents) -> dict[str, float | int]:
        return {
            f"x{index}": point[name] if isinstance(axis, Category) else to_unit(axis, point[name])
            for index, (name, axis) in enumerate(self.axes.items())
        }


def _compile_nothing() -> None:
    """Keep BoTorch to its kernels in Python.

    It would compile one in C++ into the user's home: for this very processor, which other nodes
    of a cluster need not have, and behind a lock at which everybody waits for ever after a kill.
    """
    from botorch.acquisition.multi_objective import logei

    logei._load_attempted = True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Ax logs every step, at levels that it sets itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _latent(axis: Axis, value: Any) -> float | int:
    return int(value) if isinstance(axis, Category) else from_unit(axis, value)

"""That the models learn: a better loss than chance, whatever the sign and the kind of axis."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest

from hpogrid.search import make_searcher
from hpogrid.search.base import Mode, Outcome, Task
from hpogrid.search.proposer import Proposer
from hpogrid.space.parameter import Categorical, Float, Integer
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from tests.search.spaces import example_loss, example_space

slow = pytest.mark.engine

Loss = Callable[[dict[str, Any]], float]

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "hyperopt": ("hyperopt", {}),
    "optuna": ("optuna", {}),
    "optuna-cmaes": ("optuna", {"sampler": "cmaes"}),
    "optuna-gp": ("optuna", {"sampler": "gp"}),
    "auto": ("auto", {}),
    "bohb": ("bohb", {}),
    "nevergrad": ("nevergrad", {}),
    "bayesian": ("bayesian", {}),
    "skopt": ("skopt", {}),
    "ax": ("ax", {}),
}
QUICK = ("hyperopt", "optuna", "optuna-cmaes", "nevergrad")


def _marked(names: Any) -> list[Any]:
    return [name if name in QUICK else pytest.param(name, marks=slow) for name in names]


def best(variant: str, space: Space, loss: Loss, seed: int, trials: int, mode: Mode) -> float:
    algorithm, params = MODELS[variant]
    task = Task(space, (mode,), seed, trials)
    proposer = Proposer(space, make_searcher(algorithm, task, params))
    losses = []
    for _ in range(trials):
        point = proposer.ask()
        assert point is not None
        losses.append(loss(point.applied))
        value = losses[-1] if mode == "min" else -losses[-1]
        proposer.tell(point.suggested, Outcome((value,)))
    return min(losses)


@pytest.mark.parametrize("variant", _marked(MODELS))
def test_the_example_gets_below_minus_five(variant: str) -> None:
    found = [best(variant, example_space(), example_loss, seed, 100, "min") for seed in range(5)]

    assert statistics.median(found) < -5


SLOW_LEARNERS = ("optuna-cmaes", "nevergrad")
"""Evolution needs more than 80 trials to find a narrow best: nevergrad's median was 3.6."""


def narrow_loss(config: dict[str, Any]) -> float:
    """Best for one value of each axis; 80 draws at random come within 1 of it in 1 case of 50."""
    wrong = 6.0 * (config["kind"] != [2])
    return float(wrong + abs(config["count"] - 70) / 4 + 30 * abs(config["real"] - 0.21))


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("variant", _marked(name for name in MODELS if name not in SLOW_LEARNERS))
def test_every_kind_of_axis_is_learnt(variant: str, mode: Mode) -> None:
    space = Space(
        {
            "kind": Categorical(choices=("a", None, [2], "d")),
            "count": Integer(scale=Linear(0, 99)),
            "real": Float(scale=Linear(0, 1)),
        }
    )
    found = [best(variant, space, narrow_loss, seed, 80, mode) for seed in range(3)]

    assert statistics.median(found) < 2.5

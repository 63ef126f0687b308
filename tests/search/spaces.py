"""Search spaces, objectives and short runs for the tests of search algorithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hpogrid.search import ALGORITHMS, make_searcher
from hpogrid.search.base import FAILED, Mode, Outcome, Problem, Searcher
from hpogrid.search.prior import NO_PRIOR, Prior
from hpogrid.search.proposer import Proposer
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space
from hpogrid.space.parameter import Categorical, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear
from hpogrid.space.space import Point, Space

Objective = Callable[[dict[str, Any]], float | None]

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in ALGORITHMS if name != "optuna"},
    "grid": ("grid", {"resolution": 3}),
    "hyperopt": ("hyperopt", {"n_startup_jobs": 5}),
    "optuna": ("optuna", {"n_startup_trials": 5}),
    "optuna-gp": ("optuna", {"sampler": "gp", "n_startup_trials": 5}),
    "optuna-cmaes": ("optuna", {"sampler": "cmaes"}),
    "optuna-nsga2": ("optuna", {"sampler": "nsga2", "population_size": 4}),
    "optuna-random": ("optuna", {"sampler": "random"}),
    "gp": ("gp", {"n_initial_points": 5}),
    "skopt": ("skopt", {"n_initial_points": 5}),
    "smac": ("smac", {"n_initial_points": 5}),
    "ax": ("ax", {"n_initial_points": 5}),
    "bayesian": ("bayesian", {"n_initial_points": 5}),
}
"""Every algorithm of the registry, and every sampler of Optuna, by the name of the test.

Where its defaults would draw at random all through a short test, parameters say that it learns
sooner.
"""

SLOW = {"ax", "skopt", "smac", "optuna-gp", "bayesian"}
"""Those that take hundredths of a second or more for each proposal."""

SLOWISH = {"gp", "nevergrad"}
"""Those that take some thousandths."""


def some(variant: str, few: int, many: int) -> int:
    """How often to do something: seldom where it is slow; a model is used all the same."""
    if variant in SLOW | SLOWISH:
        return few
    return (few + many) // 2 if variant == "auto" else many  # its model begins after 10 points


def make(
    variant: str,
    space: Space,
    seed: int = 1,
    modes: tuple[Mode, ...] = ("min",),
    prior: Prior = NO_PRIOR,
) -> Searcher:
    """The searcher of a variant."""
    algorithm, params = VARIANTS[variant]
    return make_searcher(algorithm, Problem(space, modes, seed, 50, prior), params)


def methods_space() -> Space:
    """All eleven methods, lists and None among categories, a condition and a crossed axis."""
    low_high = {"low": 1, "high": 20}
    normal = {"mu": 1, "sigma": 2}
    space, _ = read_space(
        {
            "uniform": {"method": "uniform", "dimension": {"low": -100, "high": 100}},
            "uniformint": {"method": "uniformint", "dimension": {"low": -3, "high": 12}},
            "quniform": {"method": "quniform", "dimension": {"low": 0, "high": 1, "q": 0.25}},
            "loguniform": {"method": "loguniform", "dimension": {"low": 1e-5, "high": 1e-2}},
            "qloguniform": {"method": "qloguniform", "dimension": {**low_high, "q": 1}},
            "normal": {"method": "normal", "dimension": normal},
            "qnormal": {"method": "qnormal", "dimension": {**normal, "q": 0.5}},
            "lognormal": {"method": "lognormal", "dimension": normal},
            "qlognormal": {"method": "qlognormal", "dimension": {**normal, "q": 1}},
            "fixed": {"method": "fixed", "dimension": {"value": [1, 2]}},
            "layers": {
                "method": "categorical",
                "dimension": {"categories": [[8, 8], None, "deep", 3, 3]},
            },
            "crossed": {
                "method": "categorical",
                "dimension": {"categories": ["a", "b"], "grid_search": 1},
            },
        },
        "test",
    )
    only_deep = Condition(op="equal", on="layers", value="deep")
    extra: dict[str, Parameter] = {
        "depth": Integer(scale=Linear(2, 9), when=only_deep),
        "one.value": Integer(scale=Linear(5, 5)),
        "size": Ordinal(choices=("s", "m", "l")),
    }
    return Space({**space.parameters, **extra})


def finite_space() -> Space:
    """Eight configurations, one of them (optimiser adam) without a momentum."""
    sgd = Condition(op="equal", on="optimiser", value="sgd")
    return Space(
        {
            "optimiser": Categorical(choices=("sgd", "adam")),
            "layers": Integer(scale=Linear(1, 2)),
            "momentum": Ordinal(choices=(0.0, 0.5, 0.9), when=sgd),
        }
    )


def example_space() -> Space:
    """The space of the specification's first example."""
    return Space({"height": Float(scale=Linear(-100, 100)), "width": Float(scale=Linear(0, 20))})


def example_loss(config: dict[str, Any]) -> float:
    """The objective of the specification's first example; at best -17."""
    return float((config["height"] - 14) ** 2 - abs(config["width"] - 3))


def outcome(loss: float | None) -> Outcome:
    """What a trial that ended with this loss is told as; None: it failed."""
    return FAILED if loss is None else Outcome((loss,))


def live(
    proposer: Proposer, objective: Objective, trials: int, *, early: bool = False
) -> list[tuple[Point, Outcome]]:
    """Ask, evaluate and tell, one after the other; with ``early`` two of three trials are cut."""
    history: list[tuple[Point, Outcome]] = []
    for _ in range(trials):
        point = proposer.ask()
        if point is None:
            break
        ended = outcome(objective(point.applied))
        if early and ended.values is not None:
            ended = _ended_early(ended.values, cut=len(history) % 3 > 0)
        proposer.tell(point.suggested, ended)
        history.append((point, ended))
    return history


def _ended_early(values: tuple[float, ...], *, cut: bool) -> Outcome:
    """Ten worse after 1 than after 4; one that was cut came to 1 only."""
    start = tuple(value + 10 for value in values)
    curve = ((1.0, start),) if cut else ((1.0, start), (4.0, values))
    return Outcome(start if cut else values, curve, cut)


def replay(proposer: Proposer, history: list[tuple[Point, Outcome]]) -> None:
    """Tell a fresh proposer what happened, as a resumed job does."""
    for point, ended in history:
        proposer.take(point.applied)
        proposer.tell(point.suggested, ended)

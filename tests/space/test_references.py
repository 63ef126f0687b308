"""Every method that is read, beside the library that it comes from: what it draws, and how often.

Each library's own sampler makes the other sample; both have the same support, and neither
distribution can be told from the other (chi-square on lists of values, else Kolmogorov-Smirnov).
"""

from __future__ import annotations

import ast
import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from hpogrid.space.dialects import python_types, ray_types, read_space
from hpogrid.space.dialects.suggest import SUGGEST
from hpogrid.space.parameter import Integer
from hpogrid.space.scale import Log
from hpogrid.space.space import Space
from tests.lazy import Lazy
from tests.space.test_distributions import DRAWS, SMALLEST_P, sample

stats = Lazy("scipy.stats")


def check_same(ours: Sequence[Any], theirs: Sequence[Any], *, shares: bool = True) -> None:
    """Refuse another support, or with ``shares`` another distribution."""
    assert {type(value) for value in ours} == {type(value) for value in theirs}
    if len(set(map(repr, theirs))) > 100:
        assert stats.ks_2samp(ours, theirs).pvalue > SMALLEST_P
        return
    counts = [Counter(repr(_positive(value)) for value in drawn) for drawn in (ours, theirs)]
    values = sorted(set().union(*counts))
    often = [value for value in values if sum(count[value] for count in counts) >= 20]
    assert all(min(count[value] for count in counts) > 0 for value in often)
    if shares and len(often) > 1:
        table = [[count[value] for value in often] for count in counts]
        assert stats.chi2_contingency(table).pvalue > SMALLEST_P


def _positive(value: Any) -> Any:
    return 0.0 if isinstance(value, float) and value == 0 else value


def read(script: str) -> list[Any]:
    """Draws of the parameter x of a script's space."""
    space, _ = read_space(script, "s", "python_types")
    return sample(space)


# --- Syne Tune and Ray Tune: from a script, and as the objects that the script makes -----------

SYNE_TUNE = [
    "uniform(-1, 3)",
    "loguniform(1e-5, 1e-1)",
    "reverseloguniform(0.5, 0.999)",
    "quniform(0, 1, 0.25)",
    "qloguniform(1, 64, 1)",
    "randint(1, 4)",
    "lograndint(1, 40)",
    "qrandint(0, 12, 3)",
    "qrandint(1, 4)",
    "qlograndint(4, 40, 4)",
    "choice(['a', 'b', 'a'])",
    "choice([3, 1, 2])",
    "ordinal([1, 2, 7])",
    "ordinal([1, 2, 7], kind='equal')",
    "ordinal([1, 2, 7], kind='nn-log')",
    "logordinal([1, 2, 7])",
    "finrange(0.1, 1.0, 10)",
    "finrange(1, 10, 4, cast_int=True)",
    "logfinrange(1, 1000, 4)",
]
RAY = [
    "uniform(-1, 3)",
    "loguniform(1e-5, 1e-1)",
    "quniform(0.25, 1.0, 0.25)",
    "qloguniform(1, 64, 1)",
    "randn(2, 3)",
    "qrandn(2, 3, 0.5)",
    "randint(1, 4)",
    "lograndint(1, 40)",
    "qrandint(1, 11, 3)",
    "qrandint(1, 4)",
    "qlograndint(1, 9, 1)",
    "choice(['a', 'b', 'a'])",
]
OWN_ROUNDING = ("lograndint", "qlograndint")  # as the notes and the documentation say


def check_call(call: str, module: str, objects: Any, draw: Callable[[Any], list[Any]]) -> None:
    script = f'from {module} import *\nspace = {{"x": {call}, "y": 1}}'
    made = eval(call, {name: getattr(objects, name) for name in dir(objects)})
    space, notes = read_space({"x": made, "y": 1}, "s", "python_types")
    assert read_space(script, "s", "python_types")[0] == space
    named = call.partition("(")[0]
    assert any("their shares differ" in note for note in notes) == (named in OWN_ROUNDING)
    check_same(read(script), draw(made), shares=named not in OWN_ROUNDING)


@pytest.mark.engine
@pytest.mark.parametrize("call", SYNE_TUNE)
def test_types_of_syne_tune(call: str) -> None:
    theirs = importlib.import_module("syne_tune.config_space")
    rng = np.random.RandomState(1)
    check_call(
        call,
        "syne_tune.config_space",
        theirs,
        lambda made: [made.cast(value) for value in made.sample(size=DRAWS, random_state=rng)],
    )


@pytest.mark.engine
@pytest.mark.parametrize("call", RAY)
def test_types_of_ray_tune(call: str) -> None:
    theirs = importlib.import_module("ray.tune")
    rng = np.random.RandomState(1)
    check_call(
        call,
        "ray.tune",
        theirs,
        lambda made: [made.cast(value) for value in made.sample(size=DRAWS, random_state=rng)],
    )


def test_every_type_is_compared() -> None:
    def tested(calls: list[str]) -> set[str]:
        return {ast.unparse(ast.parse(call, mode="eval").body.func) for call in calls}  # type: ignore[attr-defined]

    assert tested(SYNE_TUNE) == set(python_types.TYPES)
    assert tested(RAY) | {"grid_search", "sample_from"} == set(ray_types.TYPES)


# --- Hyperopt: the methods have its names ------------------------------------------------------

HYPEROPT: list[tuple[str, dict[str, float], Callable[[Any], Any]]] = [
    ("uniform", {"low": -1, "high": 3}, lambda hp: hp.uniform("x", -1, 3)),
    ("quniform", {"low": 0, "high": 2, "q": 0.25}, lambda hp: hp.quniform("x", 0, 2, 0.25)),
    (
        "loguniform",
        {"low": 1e-3, "high": 10},
        lambda hp: hp.loguniform("x", np.log(1e-3), np.log(10)),
    ),
    (
        "qloguniform",
        {"low": 1, "high": 64, "q": 1},
        lambda hp: hp.qloguniform("x", 0, np.log(64), 1),
    ),
    ("normal", {"mu": 1, "sigma": 2}, lambda hp: hp.normal("x", 1, 2)),
    ("qnormal", {"mu": 1, "sigma": 2, "q": 0.5}, lambda hp: hp.qnormal("x", 1, 2, 0.5)),
    ("lognormal", {"mu": 0.5, "sigma": 1}, lambda hp: hp.lognormal("x", 0.5, 1)),
    ("qlognormal", {"mu": 1, "sigma": 1, "q": 1}, lambda hp: hp.qlognormal("x", 1, 1, 1)),
]


@pytest.mark.parametrize(("method", "dimension", "make"), HYPEROPT)
def test_methods_of_hyperopt(method: str, dimension: Any, make: Any) -> None:
    hyperopt = importlib.import_module("hyperopt")
    stochastic = importlib.import_module("hyperopt.pyll.stochastic")
    space, _ = read_space({"x": {"method": method, "dimension": dimension}}, "s")
    node, rng = make(hyperopt.hp), np.random.default_rng(1)
    theirs = [float(stochastic.sample(node, rng)) for _ in range(DRAWS // 2)]
    check_same(sample(space), theirs)


# --- Optuna: what a hyper_opt object suggests --------------------------------------------------

OPTUNA: list[tuple[str, dict[str, Any]]] = [
    ("categorical", {"choices": ["a", None, 1]}),
    ("discrete_uniform", {"low": 0.1, "high": 1.0, "q": 0.3}),
    ("float", {"low": -1, "high": 3}),
    ("float", {"low": 0, "high": 1, "step": 0.3}),
    ("float", {"low": 1e-5, "high": 1, "log": True}),
    ("int", {"low": 1, "high": 4}),
    ("int", {"low": 1, "high": 9, "step": 3}),
    ("int", {"low": 1, "high": 40, "log": True}),
    ("loguniform", {"low": 1e-5, "high": 1}),
    ("uniform", {"low": -1, "high": 3}),
]


@pytest.mark.parametrize(("suggest", "params"), OPTUNA)
def test_suggestions_of_optuna(suggest: str, params: dict[str, Any]) -> None:
    optuna = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    assert {name for name, _ in OPTUNA} == set(SUGGEST)
    space, _ = read_space({"x": {"hyper_opt": {"suggest": suggest, "params": params}}}, "s")
    if suggest == "discrete_uniform":
        suggest, params = (
            "float",
            {"low": params["low"], "high": params["high"], "step": params["q"]},
        )
    if suggest.endswith("uniform"):
        params = {**params, "log": suggest == "loguniform"}
        suggest = "float"
    sampler = optuna.samplers.RandomSampler(seed=1)
    study = optuna.create_study(sampler=sampler)
    theirs = [getattr(study.ask(), f"suggest_{suggest}")("x", **params) for _ in range(DRAWS // 4)]
    check_same([_rounded(value) for value in sample(space)], [_rounded(v) for v in theirs])


def _rounded(value: Any) -> Any:
    """Without what is left over from adding steps: 0.6000000000000001."""
    return round(value, 12) if isinstance(value, float) else value


# --- ConfigSpace -------------------------------------------------------------------------------


def test_whole_numbers_on_a_log_scale_have_the_support_of_configspace() -> None:
    library = importlib.import_module("ConfigSpace")
    hyperparameter = library.UniformIntegerHyperparameter("x", 1, 40, log=True)
    theirs = hyperparameter.sample_value(size=DRAWS, seed=np.random.RandomState(1))
    ours = sample(Space({"x": Integer(scale=Log(1, 40))}))
    # The same values; its shares are those of another rounding.
    check_same(ours, [int(value) for value in theirs], shares=False)

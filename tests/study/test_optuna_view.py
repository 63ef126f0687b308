"""A search space as Optuna sees it: each distribution has the support of the parameter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from hpogrid.space.dialects import read_space
from hpogrid.space.space import Space
from hpogrid.space.value import Value
from hpogrid.study.optuna_view import distributions, from_params, to_params
from tests.lazy import Lazy

if TYPE_CHECKING:
    from optuna import distributions as theirs
else:
    theirs = Lazy("optuna.distributions")

ROWS: dict[str, tuple[Value, str, dict[str, Any]]] = {
    "uniform": ({"low": 0, "high": 1}, "Float", {"low": 0.0, "high": 1.0}),
    "loguniform": (
        {"low": 1e-5, "high": 0.1}, "Float", {"low": 1e-5, "high": 0.1, "log": True},
    ),
    "quniform": (
        {"low": 0, "high": 1, "q": 0.25}, "Float", {"low": 0.0, "high": 1.0, "step": 0.25},
    ),
    "uniformint": ({"low": 1, "high": 9}, "Int", {"low": 1, "high": 9}),
    "categorical": ({"categories": ["a", "b"]}, "Categorical", {"choices": ["a", "b"]}),
}  # fmt: skip


def space_of(method: str, dimension: Value) -> Space:
    space, _ = read_space({"x": {"method": method, "dimension": dimension}}, "s")
    return space


@pytest.mark.parametrize("method", ROWS)
def test_the_same_support(method: str) -> None:
    dimension, kind, bounds = ROWS[method]
    wanted = getattr(theirs, f"{kind}Distribution")(**bounds)
    assert distributions(space_of(method, dimension)) == {"x": wanted}


def test_what_has_no_bounds_gets_those_between_which_it_is_searched() -> None:
    space = space_of("normal", {"mu": 5, "sigma": 2})
    [item] = distributions(space).values()
    assert isinstance(item, theirs.FloatDistribution)
    assert item.low == space.parameters["x"].decode(0.0)
    assert item.high == space.parameters["x"].decode(1.0)
    assert math.isfinite(item.low)
    assert item.low < 5 < item.high


@pytest.mark.parametrize("choices", [[1, True], [[1, 2], [3]], [{"a": 1}, {"a": 2}]])
def test_choices_that_optuna_cannot_keep_are_text_to_it(choices: list[Value]) -> None:
    space = space_of("categorical", {"categories": choices})
    [found] = distributions(space).values()
    assert isinstance(found, theirs.CategoricalDistribution)
    assert all(isinstance(choice, str) for choice in found.choices)
    for choice in choices:
        params = to_params(space, {"x": choice})
        assert params["x"] in found.choices
        assert from_params(space, {**params, "gone": 1}) == {"x": choice}

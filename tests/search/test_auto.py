"""What `auto` chooses."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.search import make_searcher
from hpogrid.search.auto import choose
from hpogrid.search.base import Task
from hpogrid.search.optuna import OptunaSearcher
from hpogrid.search.random import RandomSearcher
from hpogrid.space.parameter import Categorical, Constant, Float, Parameter
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space

FLOAT = Float(scale=Linear(0, 1))
CATEGORY = Categorical(choices=("a", "b"))


def chosen(parameters: dict[str, Any], trials: int | None) -> str:
    kinds: dict[str, Parameter] = parameters
    searcher, _ = choose(Task(Space(kinds), ("min",), seed=1, trials=trials))
    if isinstance(searcher, RandomSearcher):
        return "random"
    assert isinstance(searcher, OptunaSearcher)
    sampler: str = searcher.options.sampler
    return sampler


@pytest.mark.parametrize(
    ("parameters", "trials", "expected"),
    [
        ({"x": FLOAT}, 11, "random"),
        ({"x": FLOAT}, 12, "gp"),
        ({"x": FLOAT}, 200, "gp"),
        ({"x": FLOAT}, 201, "tpe"),
        ({"x": FLOAT}, None, "tpe"),
        ({f"x{i}": FLOAT for i in range(10)}, 100, "gp"),
        ({f"x{i}": FLOAT for i in range(11)}, 100, "tpe"),
        ({"x": FLOAT, "one": Categorical(choices=("a",)), "c": Constant(value=1)}, 100, "gp"),
    ],
)
def test_chooses_by_space_and_trials(
    parameters: dict[str, Any], trials: int | None, expected: str
) -> None:
    assert chosen(parameters, trials) == expected


def test_says_what_it_chose_and_why() -> None:
    task = Task(Space({"x": FLOAT}), ("min",), seed=1, trials=5)

    searcher = make_searcher("auto", task, {})

    assert searcher.remark == "algorithm auto chose random: 5 trials are too few for a model"

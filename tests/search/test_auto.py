"""What `auto` chooses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.search import make_searcher
from hpogrid.search.auto import choose
from hpogrid.search.base import Mode, Problem
from hpogrid.space.condition import Condition
from hpogrid.space.parameter import Categorical, Constant, Float, Parameter
from hpogrid.space.scale import Linear, Normal
from hpogrid.space.space import Space

FLOAT = Float(scale=Linear(0, 1))
CATEGORY = Categorical(choices=("a", "b"))
IF_A = Condition(op="equal", on="c", value="a")


def chosen(
    parameters: dict[str, Any], trials: int | None, modes: tuple[Mode, ...] = ("min",)
) -> str:
    kinds: dict[str, Parameter] = parameters
    choice = choose(Problem(Space(kinds), modes, seed=1, trials=trials))
    return str(choice.params.get("sampler", choice.algorithm))


@pytest.mark.parametrize(
    ("parameters", "trials", "expected"),
    [
        ({"x": FLOAT}, 11, "random"),
        ({"x": FLOAT}, 12, "gp"),
        ({"x": FLOAT}, 5000, "gp"),
        ({"x": FLOAT}, None, "gp"),
        ({"x": FLOAT, "c": CATEGORY}, 100, "gp"),
        ({"c": CATEGORY, "x": Float(scale=Linear(0, 1), when=IF_A)}, 100, "gp"),
        ({"x": FLOAT, "n": Float(scale=Normal(0, 1))}, 100, "gp"),
        ({f"x{i}": FLOAT for i in range(25)}, 100, "gp"),
        ({f"x{i}": FLOAT for i in range(26)}, 100, "tpe"),
        ({"x": FLOAT, "one": Categorical(choices=("a",)), "c": Constant(value=1)}, 100, "gp"),
    ],
)
def test_chooses_by_space_and_trials(
    parameters: dict[str, Any], trials: int | None, expected: str
) -> None:
    assert chosen(parameters, trials) == expected


@pytest.mark.parametrize(("known", "expected"), [(6, "random"), (7, "gp")])
def test_what_is_known_before_counts_as_trials(known: int, expected: str) -> None:
    choice = choose(Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=5, known=known))
    assert choice.algorithm == expected


def test_a_gaussian_process_is_for_one_metric() -> None:
    assert chosen({"x": FLOAT}, 100, ("min", "max")) == "tpe"


_IMPORTS = """
import sys
from hpogrid.search import make_searcher
from hpogrid.search.base import Outcome, Problem
from hpogrid.search.proposer import Proposer
from hpogrid.space.parameter import Float
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space

for modes in (("min",), ("min", "max")):
    space = Space({"x": Float(scale=Linear(0, 1))})
    searcher = make_searcher("auto", Problem(space, modes, 1, 15), {})
    proposer = Proposer(space, searcher)
    for _ in range(15):
        point = proposer.ask()
        proposer.tell(point.suggested, Outcome((point.applied["x"],) * len(modes)))
print("torch" in sys.modules)
"""


@pytest.mark.slow
def test_proposals_are_the_same_without_torch() -> None:
    """Nothing of it is imported, whatever is chosen."""
    command = [sys.executable, "-c", _IMPORTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (40, {"sampler": "tpe", "group": False}),
        (41, {"sampler": "tpe", "n_startup_trials": 20}),
        (None, {"sampler": "tpe", "n_startup_trials": 20}),
    ],
)
def test_conditions_change_the_parameters_of_tpe(
    trials: int | None, expected: dict[str, Any]
) -> None:
    space = Space({"c": CATEGORY, "x": Float(scale=Linear(0, 1), when=IF_A)})
    choice = choose(Problem(space, ("min", "min"), seed=1, trials=trials))
    assert choice.params == expected


def test_says_what_it_chose_and_why() -> None:
    problem = Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=5)

    searcher = make_searcher("auto", problem, {})

    assert searcher.remark == "algorithm auto chose random: 5 trials are too few for a model"


def test_without_optuna_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    problem = Problem(Space({"x": FLOAT}), ("min", "max"), seed=1, trials=500)
    with pytest.raises(UserError, match=r"needs optuna: pip install 'hpogrid\[optuna\]'"):
        make_searcher("auto", problem, {})


def test_a_gaussian_process_without_torch_names_its_own_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    problem = Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=100)
    with pytest.raises(UserError, match=r"gp sampler needs torch: pip install .*\[optuna-gp\]"):
        make_searcher("optuna", problem, {"sampler": "gp"})


@pytest.mark.parametrize(("trials", "learns"), [(5, False), (50, True)])
def test_it_learns_where_what_it_chose_does(trials: int, learns: bool) -> None:
    problem = Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=trials)
    assert make_searcher("auto", problem, {}).learns is learns

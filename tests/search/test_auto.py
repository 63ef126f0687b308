"""What `auto` chooses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.search import make_searcher
from hpogrid.search.auto import choose
from hpogrid.search.base import Mode, Outcome, Problem
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
    choices = choose(Problem(Space(kinds), modes, seed=1, trials=trials))
    return " ".join(str(one.params.get("sampler", one.algorithm)) for one in choices)


@pytest.mark.parametrize(
    ("parameters", "trials", "expected"),
    [
        ({"x": FLOAT}, 11, "random"),
        ({"x": FLOAT}, 12, "gp"),
        ({"x": FLOAT}, 300, "gp"),
        ({"x": FLOAT}, 301, "gp tpe"),
        ({"x": FLOAT}, None, "gp tpe"),
        ({"x": FLOAT, "c": CATEGORY}, 100, "gp"),
        ({"c": CATEGORY, "x": Float(scale=Linear(0, 1), when=IF_A)}, 100, "gp"),
        ({"x": FLOAT, "n": Float(scale=Normal(0, 1))}, 100, "gp"),
        ({f"x{i}": FLOAT for i in range(10)}, 100, "gp"),
        ({f"x{i}": FLOAT for i in range(11)}, 100, "tpe"),
        ({"x": FLOAT, "one": Categorical(choices=("a",)), "c": Constant(value=1)}, 100, "gp"),
    ],
)
def test_chooses_by_space_and_trials(
    parameters: dict[str, Any], trials: int | None, expected: str
) -> None:
    assert chosen(parameters, trials) == expected


@pytest.mark.parametrize(("known", "expected"), [(6, "random"), (7, "gp"), (296, "gp tpe")])
def test_what_is_known_before_counts_as_trials(known: int, expected: str) -> None:
    choices = choose(Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=5, known=known))
    assert " ".join(str(one.params.get("sampler", one.algorithm)) for one in choices) == expected


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

for modes, trials, known in ((("min",), 15, 0), (("min", "max"), 15, 0), (("min",), 1000, 299)):
    space = Space({"x": Float(scale=Linear(0, 1))})
    searcher = make_searcher("auto", Problem(space, modes, 1, trials), {})
    for number in range(known):
        searcher.observe({"x": number / known}, Outcome((number / known,)))
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
    [choice] = choose(Problem(space, ("min", "min"), seed=1, trials=trials))
    assert choice.params == expected


def test_says_what_it_chose_and_why() -> None:
    problem = Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=5)

    searcher = make_searcher("auto", problem, {})

    assert searcher.remark == "algorithm auto chose random: 5 trials are too few for a model"


def test_without_optuna_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    problem = Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=500)
    with pytest.raises(UserError, match=r"needs optuna: pip install 'hpogrid\[optuna\]'"):
        make_searcher("auto", problem, {})


def test_a_gaussian_process_without_torch_names_its_own_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    problem = Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=100)
    with pytest.raises(UserError, match=r"gp sampler needs torch: pip install .*\[optuna-gp\]"):
        make_searcher("optuna", problem, {"sampler": "gp"})


def test_after_many_trials_it_is_tpe_that_proposes() -> None:
    problem = Problem(Space({"x": FLOAT, "c": CATEGORY}), ("min",), seed=1, trials=500)
    searcher = make_searcher("auto", problem, {})
    gp, tpe = make_searcher("gp", problem, {}), make_searcher("optuna", problem, {"sampler": "tpe"})
    for index in range(301):
        if index in (299, 300):
            assert searcher.suggest() == (gp if index < 300 else tpe).suggest()
        point = {"x": index / 301, "c": index % 2}
        for one in (searcher, gp, tpe):
            one.start(point)
            one.observe(point, Outcome(((index / 301 - 0.3) ** 2,)))


@pytest.mark.parametrize(("trials", "learns"), [(5, False), (50, True)])
def test_it_learns_where_what_it_chose_does(trials: int, learns: bool) -> None:
    problem = Problem(Space({"x": FLOAT}), ("min",), seed=1, trials=trials)
    assert make_searcher("auto", problem, {}).learns is learns

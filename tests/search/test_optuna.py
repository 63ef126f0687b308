"""What `optuna` does beyond the contract: TPE on spaces with conditions."""

from __future__ import annotations

from typing import Any

import pytest

from hpogrid.search import make_searcher
from hpogrid.search.base import Outcome, Problem
from hpogrid.search.optuna import OptunaSearcher
from hpogrid.search.proposer import Proposer
from hpogrid.space.condition import Condition
from hpogrid.space.parameter import Categorical, Float, Integer
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from hpogrid.space.value import Values
from tests.search.spaces import live


def branched() -> Space:
    """``x`` and what is below it are there for the one kind, ``y`` for the other."""
    return Space(
        {
            "deep": Float(
                scale=Linear(0, 1), when=Condition(op="gt", on="x", value=0.5), inactive="drop"
            ),
            "kind": Categorical(choices=("a", "b")),
            "x": Float(scale=Linear(0, 1), when=Condition(op="equal", on="kind", value="a")),
            "y": Integer(scale=Linear(0, 9), when=Condition(op="equal", on="kind", value="b")),
            "one": Categorical(choices=("only",)),
        }
    )


def loss(config: dict[str, Any]) -> float:
    return float(abs(config["x"] - 0.7)) if config["kind"] == "a" else 0.5 + config["y"]


def told(searcher: OptunaSearcher) -> list[set[str]]:
    """The names of the parameters that the study has of each trial that counts."""
    return [set(trial.params) for trial in searcher._study.trials if trial.state.name != "FAIL"]


def make(**params: Any) -> OptunaSearcher:
    searcher = make_searcher("optuna", Problem(branched(), ("min",), seed=3), params)
    assert isinstance(searcher, OptunaSearcher)
    return searcher


@pytest.mark.parametrize("multivariate", [True, False])
def test_the_study_has_what_was_active(multivariate: bool) -> None:
    searcher = make(multivariate=multivariate)
    history = live(Proposer(searcher.problem.space, searcher), loss, 30)
    seen = [set(point.suggested) - {"one"} for point, _ in history]

    assert len(seen) == 30
    assert told(searcher) == seen
    assert {"kind", "y"} in seen
    assert {"kind", "x"} in seen
    assert {"kind", "x", "deep"} in seen


def test_without_group_it_has_everything() -> None:
    searcher = make(group=False)
    proposer = Proposer(searcher.problem.space, searcher)
    for _ in range(3):
        assert proposer.ask() is not None

    assert told(searcher) == [{"deep", "kind", "x", "y"}] * 3


def test_a_point_of_another_branch_takes_no_place_of_a_proposal() -> None:
    searcher = make()
    space = searcher.problem.space
    proposal = searcher.suggest()
    assert proposal is not None
    proposed = space.decode(proposal).suggested["kind"]
    other: Values = {"kind": "b", "y": 4} if proposed == "a" else {"kind": "a", "x": 0.25}
    searcher.observe(space.encode({**other, "one": "only"}), Outcome((1.0,)))

    assert told(searcher) == [set(other)]


@pytest.mark.slow
def test_it_finds_the_narrow_branch() -> None:
    """Without group two of these five searches end in the wide one."""
    wide, narrow = (Condition(op="equal", on="kind", value=value) for value in ("wide", "narrow"))
    space = Space(
        {
            "kind": Categorical(choices=("wide", "narrow")),
            "w": Float(scale=Linear(0, 1), when=wide),
            "n": Float(scale=Linear(0, 1), when=narrow),
            "m": Float(scale=Linear(0, 1), when=narrow),
        }
    )

    def loss(config: dict[str, Any]) -> float:
        if config["kind"] == "wide":
            return 0.3 + float((config["w"] - 0.4) ** 2)
        return 4 * float((config["n"] - 0.8) ** 2 + (config["m"] - 0.2) ** 2)

    def best(seed: int) -> float:
        searcher = make_searcher("optuna", Problem(space, ("min",), seed), {})
        history = live(Proposer(space, searcher), loss, 80)
        assert len(history) == 80
        return min(loss(point.applied) for point, _ in history)

    assert max(map(best, range(5))) < 0.1

"""Options of a script from a space."""

from __future__ import annotations

import argparse
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hpogrid
from hpogrid.errors import UserError
from hpogrid.space.dialects.python_types import choice, loguniform, ordinal, randint
from hpogrid.space.space import Space
from hpogrid.trial.placeholders import fill
from tests.space import strategies as some

SPACE = {
    "lr": loguniform(1e-4, 1),
    "n": randint(1, 4),
    "bias": choice([True, False]),
    "kind": choice(["a", "b"]),
    "width": ordinal([1, 2.5]),
    "shape": choice([[1, 2], [3]]),
    "epochs": 40,
    "verbose": False,
    "path": "data.txt",
}


def parsed(space: Any, *words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    hpogrid.add_to_argparse(parser, space)
    return vars(parser.parse_args(list(words)))


def test_by_hand_every_option_has_a_default() -> None:
    assert parsed(SPACE) == {
        "lr": pytest.approx(0.01), "n": 2, "bias": True, "kind": "a", "width": 1, "shape": [1, 2],
        "epochs": 40, "verbose": False, "path": "data.txt",
    }  # fmt: skip


@pytest.mark.parametrize("word", ["False", "false", "no", "off", "0"])
def test_false_is_false(word: str) -> None:
    found = parsed(SPACE, "--bias", word, "--verbose", "yes")
    assert (found["bias"], found["verbose"]) == (False, True)


def test_by_hand_values_may_lie_outside() -> None:
    words = ["--lr", "5", "--n", "+9", "--width", "3", "--kind", "c", "--shape", "[3]"]
    found = parsed(SPACE, *words, "--epochs", "2.5")
    assert found == parsed(SPACE) | {
        "lr": 5.0, "n": 9, "width": 3, "kind": "c", "shape": [3], "epochs": 2.5
    }  # fmt: skip
    assert isinstance(found["lr"], float)
    assert isinstance(found["width"], int)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--bias", "maybe"], "argument --bias: 'maybe' is neither true nor false"),
        (["--n", "2.5"], "argument --n: '2.5' is no whole number"),
        (["--lr", "fast"], "argument --lr: 'fast' is no number"),
        (["--shape", "[4]"], "argument --shape: '[4]' is none of [1, 2], [3]"),
    ],
)
def test_refusals(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(SPACE, *words)
    assert says in capsys.readouterr().err
    with pytest.raises(UserError, match="add_to_argparse"):
        parsed({"x": {"method": "uniform", "dimension": {"low": 1, "high": 0}}})


def test_help_shows_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed({"a": choice(["5%", "b"]), "n": 2}, "--help")
    said = capsys.readouterr().out
    assert "default: 5%" in said
    assert "--n CONSTANT" in said


@given(some.plain_spaces() | some.conditional_spaces(), st.integers(0, 99))
def test_a_trial_gets_its_values(space: Space, seed: int) -> None:
    named = {name: item for name, item in space.parameters.items() if not name.startswith("-")}
    parser = argparse.ArgumentParser(allow_abbrev=False)
    hpogrid.add_to_argparse(parser, Space(named))
    applied = space.sample(random.Random(seed)).applied
    found = vars(parser.parse_args(fill(["{args}"], applied, {})))
    for name, value in applied.items():
        assert found[name.replace("-", "_")] == value

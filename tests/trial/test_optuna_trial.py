"""What an objective written for Optuna is handed out."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from hpogrid.trial.optuna_trial import OptunaTrial
from tests.trial.fake import FakeSession


def trial(**config: Any) -> OptunaTrial:
    session = FakeSession(Path())
    session.absent = ("gone",)
    return OptunaTrial({**config, "gone": None}, session, "loss")


def test_values_have_the_type_that_the_script_asks_for() -> None:
    some = trial(n=3.0, x=1, pair=[1, 2], one=1)
    found = (some.suggest_int("n", 1, 5), some.suggest_float("x", 0, 2))
    assert found == (3, 1.0)
    assert [type(value) for value in found] == [int, float]
    assert some.suggest_categorical("pair", [(1, 2), (3, 4)]) == (1, 2)
    assert type(some.suggest_categorical("one", [1.0, True])) is float
    assert some.params == {"n": 3, "x": 1.0, "pair": (1, 2), "one": 1.0}


@pytest.mark.parametrize("value", [5.5, "5", True, None])
def test_no_integer_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="for 'n' and the script wants an integer"):
        trial(n=value).suggest_int("n", 1, 9)


def test_what_is_none_of_the_choices_is_refused() -> None:
    with pytest.raises(TypeError, match="wants one of 'a', 'b'"):
        trial(k=2.5).suggest_categorical("k", ["a", "b"])
    with pytest.raises(TypeError, match="wants a number"):
        trial(k="fast").suggest_loguniform("k", 1, 2)
    with pytest.raises(KeyError, match="no parameter 'gone'; it has k"):
        trial(k=1).suggest_float("gone", 0, 1)


def test_the_attributes_of_a_trial() -> None:
    some = trial(x=0.5, n=2)
    some.suggest_float("x", 0, 1)
    some.suggest_int("n", 1, 9, step=1)
    assert isinstance(some.datetime_start, datetime.datetime)
    assert set(some.distributions) == {"x", "n"}
    assert (some.distributions["x"].low, some.distributions["n"].high) == (0, 9)
    some.set_constraint("size", 2)
    assert (some.constraints, some.relative_params) == ({"size": 2.0}, {})
    with pytest.raises(AttributeError, match="has no 'storage'"):
        _ = some.storage

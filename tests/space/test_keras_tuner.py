"""Hyperparameters of keras-tuner, beside the library itself."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space, render_space
from hpogrid.space.latent import Unit
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Lattice,
    Ordinal,
    Parameter,
)
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
from tests.commands import ok
from tests.space.strategies import (
    conditional_spaces,
    lattices,
    numbers,
    ordered,
    parameters,
    plain_spaces,
    positive,
)


def number(name: str, kind: str, low: float, high: float, **others: Any) -> dict[str, Any]:
    config = {"name": name, "default": low, "conditions": [], "min_value": low, "max_value": high,
              "step": None, "sampling": "linear", **others}  # fmt: skip
    return {"class_name": kind, "config": config}


RELU = [{"class_name": "Parent", "config": {"name": "act", "values": ["relu"]}}]
SAVED: dict[str, Any] = {
    "space": [
        number("lr", "Float", 1e-5, 0.1, sampling="log", default=1e-3),
        number("units", "Int", 32, 512, step=32),
        number("batch", "Int", 16, 256, step=2, sampling="log"),
        number("width", "Int", 1, 64, sampling="log"),
        number("rate", "Float", 0.0, 1.0, step=0.1),
        number("decay", "Float", 0.001, 10.0, step=10, sampling="log"),
        number("beta", "Float", 0.1, 0.9, sampling="reverse_log"),
        {"class_name": "Choice", "config": {"name": "act", "default": "relu", "conditions": [],
                                            "values": ["relu", "tanh"], "ordered": False}},
        {"class_name": "Choice", "config": {"name": "size", "default": 3, "conditions": [],
                                            "values": [3, 5, 7], "ordered": True}},
        {"class_name": "Boolean", "config": {"name": "bias", "default": False, "conditions": []}},
        {"class_name": "Fixed", "config": {"name": "epochs", "conditions": [], "value": 3}},
        number("slope", "Float", 0.0, 1.0, conditions=RELU),
    ],
    "values": {"lr": 1e-3},
}  # fmt: skip
SPACE = {
    "lr": Float(scale=Log(1e-5, 0.1)),
    "units": Integer(scale=Linear(32, 512), step=32),
    "batch": Ordinal(choices=(16, 32, 64, 128, 256)),
    "width": Integer(scale=Log(1, 64)),
    "rate": Float(scale=Linear(0, 0.9), lattice=Lattice(0.1, "low")),
    "decay": Ordinal(choices=(0.001, 0.01, 0.1, 1.0, 10.0)),
    "beta": Float(scale=ReverseLog(0.1, 0.9)),
    "act": Categorical(choices=("relu", "tanh")),
    "size": Ordinal(choices=(3, 5, 7)),
    "bias": Categorical(choices=(False, True)),
    "epochs": Constant(value=3),
    "slope": Float(scale=Linear(0, 1), when=Condition(op="equal", on="act", value="relu")),
}


def test_what_the_library_saves() -> None:
    space, notes = read_space(SAVED, "s")
    assert space.parameters == SPACE
    assert notes == [
        "the default values of keras-tuner are left out; --search_points tries them first",
        "parameter 'width': keras-tuner rounds whole numbers on a log scale down; here half a "
        "unit around is theirs",
        "parameter 'rate': keras-tuner's own arithmetic ends the steps at 0.9",
    ]
    assert read_space({"trial_id": "00", "hyperparameters": SAVED}, "s")[0] == space
    assert read_space(render_space(space, "keras_tuner"), "again")[0] == space


@pytest.fixture(scope="module")
def theirs() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        import keras_tuner

        yield keras_tuner


@pytest.mark.engine
def test_the_library_writes_and_reads_the_same(theirs: Any) -> None:
    hp = theirs.HyperParameters()
    hp.Float("lr", 1e-5, 0.1, sampling="log", default=1e-3)
    hp.Int("units", 32, 512, step=32)
    hp.Int("batch", 16, 256, step=2, sampling="log")
    hp.Int("width", 1, 64, sampling="log")
    hp.Float("rate", 0, 1, step=0.1)
    hp.Float("decay", 0.001, 10, step=10, sampling="log")
    hp.Float("beta", 0.1, 0.9, sampling="reverse_log")
    hp.Choice("act", ["relu", "tanh"])
    hp.Choice("size", [3, 5, 7])
    hp.Boolean("bias")
    hp.Fixed("epochs", 3)
    with hp.conditional_scope("act", ["relu"]):
        hp.Float("slope", 0, 1)
    space, _ = read_space(json.loads(json.dumps(hp.get_config())), "s")
    assert space.parameters == SPACE
    check(theirs, space, render_space(space, "keras_tuner"))


def check(theirs: Any, space: Space, data: Any) -> None:
    """What the library draws is what the space has, with the same parameters active."""
    library = theirs.HyperParameters.from_config(json.loads(json.dumps(data)))
    assert [hp.name for hp in library.space] == list(space.parameters)
    rng = random.Random(1)
    for _ in range(20):
        values: dict[str, Any] = {}
        for hp in library.space:
            library.values = values
            if library.is_active(hp):
                values[hp.name] = hp.random_sample(rng.randrange(2**30))
        found = {
            name: item.taken(values[name]) if name in values else space.defaults()[name]
            for name, item in space.parameters.items()
            if item.axis is not None
        }
        applied = space.apply(found).applied
        assert set(space.present(applied)) == set(values)
        for name, value in values.items():
            assert applied[name] == pytest.approx(value)
    for hp in library.space:
        item = space.parameters[hp.name]
        if (count := item.count()) is not None and count < 50 and not isinstance(item.axis, Unit):
            assert len({*hp.values}) == count


RANGES = ordered(numbers).map(lambda ends: Float(scale=Linear(*ends)))
LOG_RANGES = ordered(positive).map(lambda ends: Float(scale=Log(*ends)))
MIRRORED = st.sampled_from([0.125, 0.25, 0.5]).map(lambda x: Float(scale=ReverseLog(x, 1 - x)))
SPACES = {
    "plain": plain_spaces(parameters | RANGES | LOG_RANGES | MIRRORED | lattices()),
    "conditional": conditional_spaces(),
}


@pytest.mark.engine
@pytest.mark.parametrize("kind", SPACES)
def test_the_library_takes_what_is_written_for_it(theirs: Any, kind: str) -> None:
    written = []

    @settings(max_examples=100, deadline=None)
    @given(SPACES[kind])
    def try_one(space: Space) -> None:
        try:
            data = render_space(space, "keras_tuner")
        except UserError as error:
            assert "keras-tuner has no" in str(error)  # noqa: PT017
            return
        written.append(space)
        check(theirs, space, data)

    try_one()
    assert written


def choice(*values: Any, ordered: bool | None = None) -> dict[str, Any]:
    return {"class_name": "Choice", "config": {"name": "x", "values": values, "ordered": ordered}}


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (number("x", "Float", 0.1, 0.5, sampling="reverse_log"), "only where they add up to 1"),
        (number("x", "Int", 1, 9, sampling="reverse_log"), "whole numbers on a reverse log"),
        (number("x", "Int", 1, 1.5), "an Int wants whole numbers"),
        (number("x", "Float", 0, 1, sampling="sqrt"), "unknown sampling of keras-tuner 'sqrt'"),
        (number("x", "Float", 1, 2, step=1, sampling="log"), "step 1 goes nowhere"),
        (number("x", "Float", 1, 1e9, step=1.001, sampling="log"), "has 20734 values"),
        (number("x", "Float", 0, 1, conditions=RELU), "'act', which has to come before it"),
        (number("x", "Float", 0, 1, conditions=[{}]), "a condition that keras-tuner does not"),
        (choice(True, False), "text or numbers of one kind"),
        (choice("a", "b", ordered=True), "text cannot be ordered"),
        ({"class_name": "Grid", "config": {"name": "x"}}, "unknown class of keras-tuner 'Grid'"),
        ({"class_name": "Int"}, "needs a config with a name"),
    ],
)
def test_what_has_no_equivalent_is_refused(item: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_space(json.loads(json.dumps({"space": [item]})), "s", "keras_tuner")


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({"x": Float(scale=ReverseLog(0.5, 0.9))}, "add up to 1"),
        ({"x": Categorical(choices=("a", 1))}, "text or numbers of one kind"),
        ({"x": Constant(value=None)}, "constant parameters like this"),
        ({"x": Constant(value=1, when=Condition(op="equal", on="y", value=1)),
          "y": Integer(scale=Linear(0, 1))}, "condition on 'y', which comes behind it"),
        ({"y": Integer(scale=Linear(0, 1)),
          "x": Constant(value=1, when=Condition(op="gt", on="y", value=0))},
         "conditions with 'gt' here"),
    ],
)  # fmt: skip
def test_what_it_cannot_say_is_refused(space: dict[str, Parameter], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        render_space(Space(space), "keras_tuner")
    assert "keras-tuner" in str(caught.value)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "oracle.json").write_text(json.dumps({"hyperparameters": SAVED, "seed": 1}))
    ok("search_space", "create", "s", "--file", tmp_path / "oracle.json")
    assert json.loads(ok("search_space", "convert", "s", "--to", "keras_tuner"))["space"]

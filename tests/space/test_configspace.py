"""Spaces of ConfigSpace, beside the library itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition
from hpogrid.space.dialects import read_space, render_space
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from tests.commands import ok
from tests.lazy import Lazy
from tests.space.drawn import drawn, is_confused
from tests.space.strategies import (
    conditional_spaces,
    numbers,
    ordered,
    parameters,
    plain_spaces,
    positive,
)

if TYPE_CHECKING:
    import ConfigSpace as theirs
else:
    theirs = Lazy("ConfigSpace")

DRAWS = 20


@pytest.fixture
def network() -> theirs.ConfigurationSpace:
    """As a user of SMAC writes one."""
    space = theirs.ConfigurationSpace(seed=1)
    rate = theirs.Float("lr", (1e-5, 0.1), log=True)
    width = theirs.Integer("width", (1, 64), log=True)
    kind = theirs.Categorical("act", ["relu", "tanh"], weights=[1, 3])
    size = theirs.Categorical("size", ["s", "m", "l"], ordered=True)
    slope, epochs = theirs.Float("slope", (0.0, 1.0)), theirs.Constant("epochs", 3)
    space.add([rate, width, kind, size, slope, epochs, theirs.Categorical("bias", [True, False])])
    space.add(theirs.EqualsCondition(slope, kind, "relu"))
    in_kind, above = theirs.InCondition(rate, kind, ["relu"]), theirs.GreaterThanCondition
    space.add(theirs.OrConjunction(in_kind, above(rate, width, 4)))
    return space


def saved(space: theirs.ConfigurationSpace) -> Any:
    """What it saves."""
    return json.loads(json.dumps(space.to_serialized_dict()))


def test_a_space_that_the_library_has_saved(network: theirs.ConfigurationSpace) -> None:
    space, notes = read_space(saved(network), "s")
    relu = Condition(op="equal", on="act", value="relu")
    one = Condition(op="in", on="act", value=["relu"])
    either = Condition(op="any", of=(one, Condition(op="gt", on="width", value=4)))
    assert space.parameters == {
        "act": Categorical(choices=("relu", "tanh"), weights=(1, 3)),
        "bias": Categorical(choices=(True, False)),
        "epochs": Constant(value=3),
        "lr": Float(scale=Log(1e-5, 0.1), when=either),
        "size": Ordinal(choices=("s", "m", "l")),
        "slope": Float(scale=Linear(0, 1), when=relu),
        "width": Integer(scale=Log(1, 64)),
    }
    assert notes == [
        "the default values of ConfigSpace are left out; --search_points tries them first"
    ]
    check(space, render_space(space, "configspace"))


def check(space: Space, data: Any) -> None:
    """What the library draws is what the space has, with the same parameters active."""
    library = theirs.ConfigurationSpace.from_serialized_dict(json.loads(json.dumps(data)))
    assert set(library) == set(space.parameters)
    for values in drawn(library, DRAWS):
        found = {
            name: item.taken(values.get(name, item.at(0) if item.count() else item.decode(0.5)))
            for name, item in space.parameters.items()
            if item.axis is not None
        }
        applied = space.apply(found).applied
        assert set(applied) - space.absent(applied) == set(values)
        for name, value in values.items():
            assert applied[name] == pytest.approx(value)


RANGES = ordered(numbers).map(lambda ends: Float(scale=Linear(*ends)))
LOG_RANGES = ordered(positive).map(lambda ends: Float(scale=Log(*ends)))
SPACES = {
    "plain": plain_spaces(parameters | RANGES | LOG_RANGES),
    "conditional": conditional_spaces().filter(lambda space: not is_confused(space)),
}


@pytest.mark.parametrize("kind", SPACES)
def test_the_library_takes_what_is_written_for_it(kind: str) -> None:
    written = []

    @settings(max_examples=100)
    @given(SPACES[kind])
    def try_one(space: Space) -> None:
        try:
            data = render_space(space, "configspace")
        except UserError as error:
            assert "ConfigSpace has no" in str(error)  # noqa: PT017
            return
        written.append(space)
        check(space, data)

    try_one()
    assert written


@pytest.mark.parametrize("kind", [Categorical, Ordinal])
def test_true_stays_true_or_is_refused(kind: type[Categorical | Ordinal]) -> None:
    with pytest.raises(UserError, match="numbers beside true or false"):
        render_space(Space({"x": kind(choices=(True, 0.5))}), "configspace")
    for choices in (True, False), (True, 0, "a"):
        space = Space({"x": kind(choices=choices)})
        check(space, render_space(space, "configspace"))


def item(**fields: Any) -> dict[str, Any]:
    return {"hyperparameters": [{"name": "x", **fields}]}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (item(type="normal_float", mu=0, sigma=1, lower=0, upper=1), "has no equivalent"),
        (item(type="uniform"), "unknown type of ConfigSpace 'uniform'"),
        (item(type="uniform_int", lower=1), "not as ConfigSpace writes one"),
        ({"hyperparameters": [{}]}, "needs a name"),
        ({**item(type="constant", value=1), "forbiddens": [{}]}, "forbids have no equivalent"),
        ({**item(type="constant", value=1),
          "conditions": [{"child": "y", "parent": "x", "type": "EQ", "value": 1}]},
         "'y', which is no hyperparameter"),
        ({**item(type="constant", value=1), "conditions": [{"child": "x", "type": "NOT"}]},
         "does not know"),
        ({"hyperparameters": [
            {"name": "o", "type": "ordinal", "sequence": ["s", "m"]},
            {"name": "x", "type": "constant", "value": 1}],
          "conditions": [{"child": "x", "parent": "o", "type": "GT", "value": 1}]},
         "no rising numbers"),
    ],
)  # fmt: skip
def test_what_has_no_equivalent_is_refused(data: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_space(data, "s", "configspace")


def test_files_of_both_kinds(network: theirs.ConfigurationSpace, tmp_path: Any) -> None:
    network.to_json(tmp_path / "space.json")
    network.to_yaml(tmp_path / "space.yaml")
    ok("search_space", "create", "s", "--file", tmp_path / "space.json")
    ok("search_space", "create", "t", "--file", tmp_path / "space.yaml")
    text = ok("search_space", "convert", "t", "--to", "configspace")
    (tmp_path / "again.json").write_text(text)
    assert set(theirs.ConfigurationSpace.from_json(tmp_path / "again.json")) == set(network)

"""Spaces of Ax, beside the library itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space, render_space
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from tests.commands import ok
from tests.space.strategies import plain_spaces

LISTED: list[dict[str, Any]] = [
    {"name": "lr", "type": "range", "bounds": [1e-6, 0.4], "value_type": "float",
     "log_scale": True},
    {"name": "layers", "type": "range", "bounds": [1, 4]},
    {"name": "act", "type": "choice", "values": ["relu", "tanh", "gelu"], "value_type": "str",
     "is_ordered": False},
    {"name": "batch", "type": "choice", "values": [64, 32, 128]},
    {"name": "bias", "type": "choice", "values": [True, False], "value_type": "bool"},
    {"name": "epochs", "type": "fixed", "value": 3},
]  # fmt: skip


def test_a_space_of_ax() -> None:
    space, notes = read_space(LISTED, "s")
    assert space.parameters == {
        "lr": Float(scale=Log(1e-6, 0.4)),
        "layers": Integer(scale=Linear(1, 4)),
        "act": Categorical(choices=("relu", "tanh", "gelu")),
        "batch": Ordinal(choices=(32, 64, 128)),
        "bias": Ordinal(choices=(False, True)),
        "epochs": Constant(value=3),
    }
    assert notes == []
    assert read_space({"parameters": LISTED, "objectives": {}}, "s", "ax")[0] == space
    assert read_space({"parameters": LISTED}, "s")[0] == space
    assert read_space(render_space(space, "ax"), "s")[0] == space


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"type": "range", "bounds": [0, 1.5]}, "need a value_type"),
        ({"type": "range", "bounds": [0.0, 1.0], "logit_scale": True}, "'logit_scale' of Ax has"),
        ({"type": "range", "bounds": [0.0, 1.0], "is_fidelity": True}, "'is_fidelity' of Ax has"),
        ({"type": "range", "bounds": [0.0, 0.25], "digits": 1}, "no multiple of q"),
        ({"type": "choice", "values": ["a"]}, "is not as Ax has one"),
        ({"type": "choice", "values": ["a", "b"], "dependents": {"a": ["y"]}}, "'dependents'"),
        ({"type": "fixed", "value": "a", "value_type": "int"}, "values that are no int"),
        ({"type": "normal"}, "unknown type of Ax 'normal'"),
    ],
)
def test_what_has_no_equivalent_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_space([{"name": "x", **fields}], "s", "ax")


def test_constraints_are_refused() -> None:
    with pytest.raises(UserError, match="parameter_constraints of Ax have no equivalent"):
        read_space({"parameters": LISTED, "parameter_constraints": ["a <= b"]}, "s", "ax")


def test_as_a_file(tmp_path: Any) -> None:
    (tmp_path / "ax.json").write_text(json.dumps(LISTED))
    ok("search_space", "create", "s", "--file", tmp_path / "ax.json")
    again = json.loads(ok("search_space", "convert", "s", "--to", "ax"))
    assert [item["name"] for item in again] == [item["name"] for item in LISTED]


@pytest.mark.engine
def test_ax_takes_what_is_written_for_it() -> None:
    from ax.service.utils.instantiation import InstantiationBase

    @settings(max_examples=100)
    @given(plain_spaces())
    def try_one(space: Space) -> None:
        try:
            data = render_space(space, "ax")
        except UserError as error:
            assert "Ax has no" in str(error)  # noqa: PT017
            return
        check(data, space)

    def check(data: Any, space: Space) -> None:
        for one in json.loads(json.dumps(data)):
            theirs: Any = InstantiationBase.parameter_from_json(one)
            item = space.parameters[theirs.name]
            if isinstance(item, Constant):
                assert theirs.value == item.value
            elif isinstance(item, Categorical | Ordinal):
                assert theirs.values == list(item.choices)
            else:
                assert isinstance(item, Integer | Float)
                assert (theirs.lower, theirs.upper) == tuple(item.scale.bounds)
                assert theirs.log_scale == isinstance(item.scale, Log)

    check(LISTED, read_space(LISTED, "s")[0])
    try_one()

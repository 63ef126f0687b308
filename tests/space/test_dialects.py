"""The contract of a dialect, over every one in the registry."""

from __future__ import annotations

import functools
import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given

from hpogrid.errors import UserError
from hpogrid.space.dialects import (
    DIALECTS,
    detect_dialect,
    load_dialect,
    read_space,
    render_space,
    write_space,
)
from hpogrid.space.scale import Linear
from hpogrid.space.space import Space
from tests.fuzz import spaces
from tests.space.attempts import attempt

NAMES = list(DIALECTS)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_what_the_registry_says(name: str) -> None:
    assert load_dialect(name).name == name
    assert DIALECTS.summary(name)


@functools.cache
def validator(name: str) -> Any:
    """Of the JSON Schema of a dialect, which is itself valid."""
    json_schema = load_dialect(name).json_schema
    assert json_schema is not None
    schema = json_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


SCHEMAS = [
    ("native", {"version": 1, "parameters": {"x": {"type": "categorical", "choices": []}}}),
    ("native", {"version": 1, "parameters": {}}),
    ("hyper_opt", {"x": {"hyper_opt": {"suggest": "categorical", "params": {"choices": []}}}}),
    ("yaml_grid", {"x": []}),
    ("yaml_grid", {"x": {"a": 1}}),
    ("yaml_grid", {"workdir": [1]}),
    ("idds", {"opt_space": {"x": {"type": "Array", "params": {}}}}),
    ("idds", [{"model_id": 1}]),
    ("idds", {"x": {"method": "fixed"}, "y": {"type": "Log", "bounds": [1, 5]}}),
    ("idds", {"opt_space": []}),
]


@pytest.mark.parametrize(("name", "data"), SCHEMAS)
def test_a_schema_refuses_what_its_parser_refuses(name: str, data: Any) -> None:
    assert not validator(name).is_valid(data)
    with pytest.raises(UserError):
        load_dialect(name).parse(data, "s")


UNIFORM = {"method": "uniform", "dimension": {"low": 0, "high": 1}}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("idds", {"x": {"type": "Scalar", "bounds": [0, 5]}}),
        (
            "idds",
            {"points": [], "opt_space": {"x": {"type": "Choice", "params": {"choices": [1]}}}},
        ),
        ("idds", {"opt_space": {"x": UNIFORM, "y": UNIFORM}}),
        ("idds", [{"model_id": "a", "search_space": {"x": UNIFORM}}]),
        ("idds", {"opt_space": [{"model_id": 1, "search_space": {"x": UNIFORM}}]}),
        ("yaml_grid", {"workdir": "w", "x": [1], "y": {"const": [1]}}),
    ],
)
def test_a_schema_takes_what_its_parser_takes(name: str, data: Any) -> None:
    load_dialect(name).parse(data, "s")
    assert validator(name).is_valid(data)


def test_a_range_knows_one_zero() -> None:
    assert repr(Linear(-0.0, 1).low) == "0.0"


@pytest.mark.parametrize("name", NAMES)
@given(space=spaces)
def test_what_it_writes_it_reads_back_exactly(name: str, space: Space) -> None:
    dialect = load_dialect(name)
    data, refusal = attempt(dialect.render, space)
    if refusal is not None:
        assert "\n" not in refusal
        return
    again, _ = dialect.parse(data, "again")
    assert again == space
    text = write_space(space, name)
    assert dialect.parse(text, "again")[0] == space
    if dialect.syntax == "text":
        assert text == data
    else:
        assert dialect.parse(json.loads(json.dumps(data)), "again")[0] == space
    if dialect.json_schema is not None:
        validator(name).validate(msgspec.to_builtins(data))


@pytest.mark.parametrize("name", NAMES)
@given(space=spaces)
def test_what_it_writes_is_detected_as_it_or_refused(name: str, space: Space) -> None:
    data, refusal = attempt(render_space, space, name)
    if refusal is not None:
        return
    found, refusal = attempt(detect_dialect, data, "space")
    assert refusal is not None or found == name or read_space(data, "space")[0] == space


def test_an_unknown_dialect_lists_the_known() -> None:
    with pytest.raises(UserError, match="unknown dialect 'nativ': did you mean native"):
        read_space({}, "s", "nativ")


def test_what_is_in_no_dialect_is_refused() -> None:
    for data in ({"a": 1}, {"a": "b"}, {"a": {"b": 2}}, [1, 2], 3, None):
        with pytest.raises(UserError, match=r"^s: no search space that hpogrid knows"):
            read_space(data, "s")

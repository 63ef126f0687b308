"""The YAML grid: a list is an axis, anything else a constant; all combinations are wanted.

::

    workdir: ./models
    num_layers: ["4:2", "6:3"]
    transformer_model_size: [512, 1024]
    devices: {const: [0, 1]}

A list becomes a categorical parameter, so that every algorithm can search it, and algorithm
``grid`` runs each combination once with the last list changing fastest.
"""

from __future__ import annotations

import math
from typing import Any

from hpogrid.errors import UserError
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, is_call, refusing
from hpogrid.space.dialects.repeats import collapse, repetition, spread
from hpogrid.space.parameter import Categorical, Constant, Parameter
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values, shown

SINGLE = ("workdir", "rootdir", "src", "trg", "train_tok", "valid_tok")
"""The keys of a translation recipe that are never searched."""


_PLAIN = ["string", "number", "boolean", "null"]


_OF_OTHERS = ({"opt_space"}, {"version", "parameters"}, {"hyperparameters", "format_version"})
"""Keys that tell other dialects whose lists are none of values."""


def detect(data: object) -> bool:
    """Whether it is a flat mapping with at least one list."""
    if not isinstance(data, dict) or not any(isinstance(item, list) for item in data.values()):
        return False
    if any(isinstance(item, dict) and not _is_const(item) for item in data.values()):
        return False
    keys = set(data)
    listed = [data[key] for key in ("parameters", "space") if isinstance(data.get(key), list)]
    if any(isinstance(item, dict) for items in listed for item in items):
        return False  # parameters that are described, as in Ax, Vizier and keras-tuner
    if any(others <= keys for others in _OF_OTHERS):
        return False
    return not any(map(is_call, data.values()))


def parse(data: object, where: str) -> Parsed:
    """Read a grid, as data or as YAML text.

    Raises:
        UserError: malformed YAML, an empty list, a list where one value is needed, an object.
    """
    if isinstance(data, str):
        from hpogrid.yamlfile import parse_yaml

        data = parse_yaml(data, where)
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected a mapping of names to values, got {shown(data)}")
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for name, item in data.items():
        with in_space(where, name):
            parameters[name] = _parameter(name, item)
        if isinstance(item, list):
            notes += [f"parameter '{name}': {note}" for note in repetition(item, grid=False)]
    with in_space(where):
        space = Space(parameters)
    counts = [item.count() or 0 for item in parameters.values()]
    notes.append(f"{math.prod(counts):,} combinations; algorithm grid runs each of them once")
    return space, notes


def _parameter(name: str, item: Any) -> Parameter:
    if name in SINGLE and isinstance(item, list | dict):
        raise ValueError(f"must be one value, not {shown(item)}; give one")
    if isinstance(item, list):
        values, weights = collapse(item)
        return Categorical(choices=values, weights=weights)
    if not isinstance(item, dict):
        return Constant(value=item)
    if not _is_const(item):
        raise ValueError(
            "is an object; write its keys as name.key, or {const: {...}} for an object as a value"
        )
    return Constant(value=item["const"])


def _is_const(item: Values) -> bool:
    return set(item) == {"const"}


def render(space: Space) -> Values:
    """Write a space in this dialect.

    Raises:
        UserError: it has something that a grid cannot say; what and where.
    """
    return {name: _render(name, item) for name, item in space.parameters.items()}


def _render(name: str, item: Parameter) -> Value:
    if item.needs():
        raise UserError(f"'{name}': a YAML grid has no conditions or links")
    if isinstance(item, Constant):
        nested = isinstance(item.value, list | tuple | dict)
        if nested and name in SINGLE:
            raise UserError(f"'{name}': must be one value in a YAML grid")
        return {"const": item.value} if nested else item.value
    if not isinstance(item, Categorical):
        kind = type(item).__name__.lower()
        raise UserError(f"'{name}': a YAML grid has lists only, no {kind} parameters")
    if item.grid:
        raise UserError(f"'{name}': a YAML grid has no grid_search; algorithm grid does the same")
    if name in SINGLE:
        raise UserError(f"'{name}': must be one value in a YAML grid")
    with refusing(name, "a YAML grid has no"):
        return spread(item)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a grid, whether it is written in YAML or in JSON."""
    const = {"type": "object", "properties": {"const": True}, "required": ["const"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A grid of lists and constants",
        "type": "object",
        "minProperties": 1,
        "properties": {name: {"type": _PLAIN} for name in SINGLE},
        "additionalProperties": {
            "anyOf": [
                {"type": _PLAIN},
                {"type": "array", "minItems": 1},
                {**const, "additionalProperties": False},
            ]
        },
    }


DIALECT = Dialect("yaml_grid", parse, render, detect, syntax="yaml", json_schema=json_schema)

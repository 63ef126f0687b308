"""iDDS ``opt_space``: what PanDA's optimisation service hands to a steering container.

Plain, ``{"points": [...], "opt_space": {...}}`` or the ``opt_space`` alone; or segmented,
``{"opt_space": [{"model_id": "a", "search_space": {...}}, ...]}``. The parameters are written
with methods and dimensions, or as the types of Nevergrad:
``{"type": "Scalar", "bounds": [0, 5]}``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import parse_json
from hpogrid.registry import unknown
from hpogrid.space.dialects import method_dimension
from hpogrid.space.dialects.base import Dialect, Parsed, in_space
from hpogrid.space.dialects.repeats import collapse, repetition
from hpogrid.space.parameter import Categorical, Float, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values, shown

Segments = list[tuple[str | int | None, Space]]
"""Each model of a segmented search with its space; a plain search has one, without an id."""


class _Type(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter as a type of Nevergrad."""

    type: str
    params: Values = {}
    bounds: list[float] | None = None


TYPES = {
    "Choice": ("choices",),
    "TransitionChoice": ("choices",),
    "Scalar": ("init", "lower", "upper"),
    "Log": ("init", "lower", "upper"),
}


def detect(data: object) -> bool:
    """Whether there is an ``opt_space``, segments, or a type of Nevergrad."""
    if isinstance(data, list):
        return any(_is_segment(item) for item in data)
    if not isinstance(data, dict):
        return False
    found = data.get("opt_space", {})
    has_space = isinstance(found, dict | list) and not _is_parameter(found) and "opt_space" in data
    return has_space or any(_is_type(item) for item in data.values())


def _is_segment(item: object) -> bool:
    return isinstance(item, dict) and {"model_id", "search_space"} <= set(item)


def _is_parameter(item: object) -> bool:
    return isinstance(item, dict) and bool({"method", "dimension", "type"} & set(item))


def _is_type(item: object) -> bool:
    return isinstance(item, dict) and item.get("type") in (*TYPES, "Array")


def parse(data: object, where: str) -> Parsed:
    """Read one space; the segments of a segmented one must have the same.

    Raises:
        UserError: malformed, or segments with spaces of their own.
    """
    segments, notes = parse_segments(data, where)
    model, space = segments[0]
    for other, different in segments[1:]:
        if different != space:
            raise UserError(
                f"{where}: the models {shown(model)} and {shown(other)} have spaces of their "
                "own; make a search of each, or use hpogrid generate"
            )
    if model is not None:
        names = ", ".join(str(name) for name, _ in segments)
        notes = [*dict.fromkeys(notes), f"the space of each of the models {names}"]
    return space, notes


def parse_segments(data: object, where: str) -> tuple[Segments, list[str]]:
    """Read the space of each model, in order; a plain ``opt_space`` is one without an id.

    Raises:
        UserError: malformed; the model and the parameter are named.
    """
    if isinstance(data, str):
        data = parse_json(data, where)
    found = data["opt_space"] if isinstance(data, dict) and "opt_space" in data else data
    if isinstance(found, dict):
        space, notes = _parse_one(found, where)
        return [(None, space)], notes
    if not isinstance(found, list) or not found:
        raise UserError(f"{where}: opt_space must be an object, or a list of models with spaces")
    segments: Segments = []
    notes = []
    for item in found:
        if not _is_segment(item) or len(item) > 2:
            raise UserError(f"{where}: expected model_id and search_space, got {shown(item)}")
        model = item["model_id"]
        if isinstance(model, bool) or not isinstance(model, str | int):
            raise UserError(f"{where}: the model_id {shown(model)} is neither text nor a number")
        if any(model == other for other, _ in segments):
            raise UserError(f"{where}: the model {shown(model)} is there twice")
        space, more = _parse_one(item["search_space"], f"{where}: model {shown(model)}")
        segments.append((model, space))
        notes += more
    return segments, notes


def _parse_one(data: object, where: str) -> Parsed:
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected an object of parameters, got {shown(data)}")
    if not any(_is_type(item) or isinstance(item, list) for item in data.values()):
        return method_dimension.parse(data, where)
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for name, item in data.items():
        with in_space(where, name):
            if isinstance(item, list):
                raise ValueError(
                    f"{shown(item)} is bounds to one optimiser of iDDS and choices to another; "
                    "write a method and its dimension"
                )
            parameters[name], own = _read(item)
        notes += [f"parameter '{name}': {note}" for note in own]
    with in_space(where):
        return Space(parameters), notes


def _read(item: object) -> tuple[Parameter, list[str]]:
    """A parameter as a type of Nevergrad, and its notes."""
    found = msgspec.convert(item, _Type)
    if found.type not in TYPES:
        raise ValueError(unknown("type", found.type, list(TYPES)))
    for key in found.params:
        if key not in TYPES[found.type]:
            raise ValueError(f"type {found.type} has no '{key}'; it takes {TYPES[found.type]}")
    if found.type in ("Choice", "TransitionChoice"):
        return _choice(found)
    low, high = _bounds(found)
    scale = Log(low, high) if found.type == "Log" else Linear(low, high)
    notes = ["init has no effect"] if "init" in found.params else []
    return Float(scale=scale), notes


def _choice(found: _Type) -> tuple[Parameter, list[str]]:
    choices: list[Value] = msgspec.convert(found.params.get("choices"), list[Value])
    if found.bounds is not None:
        raise ValueError(f"type {found.type} has no bounds")
    if found.type == "TransitionChoice":
        return Ordinal(choices=tuple(choices)), []
    values, weights = collapse(choices)
    return Categorical(choices=values, weights=weights), repetition(choices, grid=False)


def _bounds(found: _Type) -> tuple[float, float]:
    given = found.bounds
    if given is None and {"lower", "upper"} <= set(found.params):
        given = msgspec.convert([found.params["lower"], found.params["upper"]], list[float])
    elif {"lower", "upper"} & set(found.params):
        raise ValueError("give bounds, or lower and upper")
    if given is None or len(given) != 2:
        raise ValueError(f"type {found.type} needs bounds of two numbers; its draws would not end")
    return given[0], given[1]


def render(space: Space) -> Values:
    """Write a plain ``opt_space`` with methods and dimensions.

    Raises:
        UserError: it has something that methods and dimensions cannot say; what and where.
    """
    return {"opt_space": method_dimension.render(space)}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of an ``opt_space``, plain or segmented, alone or with points."""
    schema = method_dimension.json_schema()
    defs, draft = schema.pop("$defs"), schema.pop("$schema")
    (of_type,), more = msgspec.json.schema_components([_Type], ref_template="#/$defs/{name}")
    more["_Type"]["properties"]["type"] = {"enum": list(TYPES)}
    space = {"anyOf": [schema, {**schema, "additionalProperties": of_type}]}
    segment = {
        "type": "object",
        "properties": {
            "model_id": {"type": ["string", "integer"]},
            "search_space": {"$ref": "#/$defs/Space"},
        },
        "required": ["model_id", "search_space"],
        "additionalProperties": False,
    }
    segments = {"type": "array", "minItems": 1, "items": segment}
    either = {"anyOf": [{"$ref": "#/$defs/Space"}, segments]}
    return {
        "$schema": draft,
        "title": "The input of a steering container",
        "if": {"type": "object", "required": ["opt_space"]},
        "then": {"properties": {"points": {"type": "array"}, "opt_space": either}},
        "else": either,
        "$defs": {**defs, **more, "Space": space},
    }


DIALECT = Dialect("idds", parse, render, detect, json_schema=json_schema)

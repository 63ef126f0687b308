"""The native form: ``{"version": 1, "parameters": {"lr": {"type": "float", ...}}}``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hpogrid.files import parse_json
from hpogrid.space.dialects.base import Dialect, Parsed
from hpogrid.space.parameter import Parameter
from hpogrid.space.space import Space
from hpogrid.space.value import Values


def detect(data: object) -> bool:
    """Whether it has the two keys of the native form."""
    return isinstance(data, dict) and {"version", "parameters"} <= set(data)


def parse(data: object, where: str) -> Parsed:
    """Read the native form, as data or as JSON text.

    Raises:
        UserError: the parameter and what is wrong with it.
    """
    if isinstance(data, str):
        data = parse_json(data, where)
    return Space.from_json(data, where), []


def render(space: Space) -> Values:
    """Write the native form, which can say everything."""
    return space.to_json()


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """The native form, for its schema."""

    version: Literal[1]
    parameters: Annotated[dict[str, Parameter], msgspec.Meta(min_length=1)]


def json_schema() -> Values:
    """The JSON Schema of the native form, for editors."""
    (_,), components = msgspec.json.schema_components([Document], ref_template="#/$defs/{name}")
    document = components.pop("Document")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **document,
        "title": "A search space in hpogrid's own form",
        "$defs": components,
    }


DIALECT = Dialect("native", parse, render, detect, json_schema=json_schema)

"""The native form: ``{"version": 1, "parameters": {"lr": {"type": "float", ...}}}``."""

from __future__ import annotations

from typing import Any

from hpogrid.files import parse_json
from hpogrid.space.dialects.base import Dialect, Parsed
from hpogrid.space.space import Space


def detect(data: Any) -> bool:
    """Whether it has the two keys of the native form."""
    return isinstance(data, dict) and {"version", "parameters"} <= set(data)


def parse(data: Any, where: str) -> Parsed:
    """Read the native form, as data or as JSON text.

    Raises:
        UserError: the parameter and what is wrong with it.
    """
    if isinstance(data, str):
        data = parse_json(data, where)
    return Space.from_json(data, where), []


def render(space: Space) -> dict[str, Any]:
    """Write the native form, which can say everything."""
    return space.to_json()


DIALECT = Dialect("native", parse, render, detect)

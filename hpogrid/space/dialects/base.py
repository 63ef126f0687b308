"""The contract of a dialect: one way in which people write a search space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from hpogrid.space.space import Space

Parsed = tuple[Space, list[str]]
"""A space, and what its author should know: settings without effect, weights, conversions."""


@dataclass(frozen=True)
class Dialect:
    """One file of `hpogrid.space.dialects`; every one is exact in both directions, or refuses.

    Attributes:
        name: its name in the registry.
        parse: data or text, and what it is called in a message, to a space and notes;
            raises `UserError` with the first thing that is wrong.
        render: a space to data (``json``, ``yaml``) or text (``text``); raises `UserError` where
            the dialect cannot say it.
        detect: whether data or text is in this dialect; cheap, never raises.
        syntax: how what `render` gives is written in a file.
        json_schema: the JSON Schema of the data, where it is JSON.
    """

    name: str
    parse: Callable[[Any, str], Parsed]
    render: Callable[[Space], Any]
    detect: Callable[[Any], bool]
    syntax: Literal["json", "yaml", "text"] = "json"
    json_schema: Callable[[], dict[str, Any]] | None = None

"""The contract of a dialect: one way in which people write a search space."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from hpogrid.errors import UserError
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values, one_line, plain

Parsed = tuple[Space, list[str]]
"""A space, and what its author should know: settings without effect, weights, conversions."""


@contextlib.contextmanager
def refusing(name: str, lacks: str) -> Iterator[None]:
    """Say of which parameter it is that a dialect cannot say it.

    Args:
        name: the parameter.
        lacks: the dialect, and that it does not have what a `ValueError` names: ``ranges have no``.

    Raises:
        UserError: a `ValueError` was raised.
    """
    try:
        yield
    except ValueError as error:
        raise UserError(f"'{name}': {lacks} {error}") from error


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
        compat: other systems that mean something else by the same words, and how to read theirs.
    """

    name: str
    parse: Callable[[object, str], Parsed]
    render: Callable[[Space], Value]
    detect: Callable[[object], bool]
    syntax: Literal["json", "yaml", "text"] = "json"
    json_schema: Callable[[], Values] | None = None
    compat: Mapping[str, Callable[[object, str], Parsed]] = field(default_factory=dict)


@contextlib.contextmanager
def in_space(where: str, name: str | None = None) -> Iterator[None]:
    """Say where it was when the model refuses a parameter (``name``) or the whole space."""
    place = where if name is None else f"{where}: parameter '{name}'"
    try:
        yield
    except msgspec.ValidationError as error:
        raise UserError(one_line(f"{place}: {plain(error)}")) from error
    except (ValueError, UserError) as error:
        raise UserError(one_line(f"{place}: {error}")) from error


def is_foreign(item: object) -> bool:
    """Whether it is a type of Syne Tune or Ray Tune, as an object (see `foreign`)."""
    homes = {kind.__module__ for kind in type(item).__mro__ if kind.__name__ == "Domain"}
    return bool(homes & {SYNE_TUNE, RAY_TUNE})


SYNE_TUNE = "syne_tune.config_space"
RAY_TUNE = "ray.tune.search.sample"
_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9.]*)\s*\(.*\)\s*", re.DOTALL)


def is_call(value: object) -> str | None:
    """The name of the function, if it is text that reads as a call: ``interval(0, 1)``."""
    found = _CALL.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None

"""JSON values: what a parameter's value can be, when two are the same, how a message shows one."""

from __future__ import annotations

import contextlib
import math
import reprlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat, TypeGuard

import msgspec

if TYPE_CHECKING:
    Value = None | bool | int | float | str | Sequence["Value"] | Mapping[str, "Value"]
    """A JSON value: number, text, bool, null, list or object."""
else:
    Value = Any  # msgspec knows no type that holds itself

Values = dict[str, Value]
"""Values by the names of parameters, metrics or settings."""

_DEEPEST = 64
_LARGEST = sys.float_info.max
_WHOLE = 2**53
"""Below it every whole number is also an exact float."""

ABOVE_0 = msgspec.Meta(extra_json_schema={"exclusiveMinimum": 0})
NOT_EMPTY = msgspec.Meta(extra_json_schema={"minItems": 1})
"""For schemas only: what is wrong is said in sentences of our own."""

CLOSE = 1e-9
"""Numbers that differ by less, relatively, are one that somebody computed in two ways."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60
_short.maxlevel = 3


def check_value(value: Value, depth: int = 0) -> None:
    """Refuse what cannot be stored as JSON and read back the same.

    Raises:
        ValueError: another type, NaN or infinity, a whole number beyond 64 bits, text that is
            not Unicode, nesting beyond 64 levels.
    """
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} levels deep")
    match value:
        case None | bool():
            return
        case int():
            if not -(2**63) <= value < 2**64:
                raise ValueError(f"{shown(value)} needs more than 64 bits; write it as text")
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} is no finite number")
        case str():
            check_text(value)
        case list() | tuple():
            for part in value:
                check_value(part, depth + 1)
        case dict():
            for key, part in value.items():
                if not isinstance(key, str):
                    raise ValueError(f'the key {shown(key)} is no text; write "{key}"')
                check_text(key)
                check_value(part, depth + 1)
        case _:
            raise ValueError(f"{shown(value)} ({type(value).__name__}) is no JSON value")


def check_text(text: str) -> None:
    """Refuse text that has no UTF-8 form (half of a surrogate pair)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{text!r} is not valid Unicode text") from error


def canonical(value: object) -> bytes:
    """A form that is equal for equal values of equal types: 1, 1.0 and true differ."""
    return msgspec.json.encode(value, order="deterministic")


def same(left: Value, right: Value) -> bool:
    """Equality of JSON values as people mean it: 5 equals 5.0, but true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: SupportsFloat) -> bool:
    """Whether a float can hold it; numbers of NumPy count, and what is no number does not."""
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def as_number(value: Value) -> float:
    """The number, or a ValueError."""
    if not is_number(value):
        raise ValueError(f"{shown(value)} is not a number")
    if not -_LARGEST <= value <= _LARGEST:
        raise ValueError(f"{shown(value)} is not a finite number")
    return value


def check_whole(name: str, number: float) -> None:
    """Refuse a bound that is no whole number, or one that a float cannot hold exactly."""
    if abs(number) >= _WHOLE:
        raise ValueError(
            f"{name} {exactly(number)} is beyond 2**53, where whole numbers lose digits"
        )
    if number != int(number):
        raise ValueError(f"{name} {exactly(number)} is not a whole number")


def exactly(number: float) -> str:
    """A number as short as it can be written without becoming another."""
    short = repr(number)
    with contextlib.suppress(OverflowError):
        short = f"{number:g}"
    return short if float(short) == number else repr(number)


def shown(value: object) -> str:
    """A short form for a message."""
    return _short.repr(value)


def one_line(text: str) -> str:
    """Text with its line breaks written as such, for a message that is one line."""
    return text.replace("\n", "\\n").replace("\r", "\\r")


def plain(error: msgspec.ValidationError) -> str:
    """The message of a validation error in the project's words: ``where: what``."""
    what, _, where = one_line(str(error)).partition(" - at `$")
    where = where.rstrip("`").lstrip(".")
    what = what.replace("`", "")
    what = what[:1].lower() + what[1:]
    return f"{where}: {what}" if where else what

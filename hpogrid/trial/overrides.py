"""Values in the grammar of Hydra's overrides: ``lr=0.1``, ``act='1'``, ``opt={name:sgd,lr:1}``.

What is written here, Hydra's own parser reads as the same value of the same type. A reference
``${other}`` stays one: it is resolved by the application.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"~?\+{0,2}[\w$][\w$./@:-]*", re.ASCII)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NOT_TEXT = ("true", "false", "null", "inf", "nan")
_KEY = re.compile(r"[A-Za-z0-9_/+.$%*@?|\\()\[\]{}:=, \t-]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9._]+(?:e[+-]?[0-9_]+)?|inf|nan)", re.IGNORECASE)


def override(name: str, value: object) -> str:
    """One word of a command line: ``name=value``, or ``~name`` for a key that is removed.

    Raises:
        ValueError: what Hydra's grammar cannot say.
    """
    try:
        if not _NAME.fullmatch(name):
            raise ValueError("such name")
        return name if name.startswith("~") else f"{name}={write_value(value)}"
    except ValueError as error:
        raise ValueError(f"overrides have no {error}") from error


def write_value(value: object) -> str:
    """What stands right of ``name=``.

    Raises:
        ValueError: a key of an object that the grammar has no quotes for.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(write_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}:{write_value(value[key])}" for key in value) + "}"
    text = str(value)
    if _WORD.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    quoted = re.sub(r"(\\*)'", r"\1\1\'", text)
    return "'" + quoted + "\\" * (len(quoted) - len(quoted.rstrip("\\"))) + "'"


def _key(key: str) -> str:
    """A key stands without quotes, and one that reads as another type cannot be said."""
    plain = _KEY.fullmatch(key) and "${" not in key and not _NUMBER.fullmatch(key)
    if not plain or key.lower() in _NOT_TEXT:
        raise ValueError(f"way to write the key {key!r} of an object")
    return re.sub(r"([\\()\[\]{}:=,]|^[ \t]|[ \t]$)", r"\\\1", key)

"""Changing one thing in a space: ``lr=1e-5:1e-1:log``, ``lr.high=0.1``."""

from __future__ import annotations

from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.dialects.ranges import read_range
from hpogrid.space.parameter import Constant, Float, Integer, Parameter
from hpogrid.space.space import Space
from hpogrid.space.value import plain


def edited(space: Space, text: str) -> Space:
    """A space with one parameter or one of its settings changed.

    Args:
        space: as it is.
        text: ``NAME=RANGE`` for a whole parameter, also a new one; ``NAME.SETTING=VALUE``.

    Raises:
        UserError: what is wrong with it.
    """
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise UserError(f"--set {text}: write NAME=RANGE, or NAME.SETTING=VALUE")
    owner, _, setting = name.rpartition(".")
    try:
        if name in space.parameters or owner not in space.parameters:
            return _with(space, name, _anew(space.parameters.get(name), value))
        return _with(space, owner, _changed(space.parameters[owner], setting, value))
    except msgspec.ValidationError as error:
        raise UserError(f"--set {name}: {plain(error)}") from error
    except ValueError as error:
        raise UserError(f"--set {name}: {error}") from error


def _with(space: Space, name: str, item: Parameter) -> Space:
    return Space({**space.parameters, name: item})


def _anew(old: Parameter | None, text: str) -> Parameter:
    kind = "int" if isinstance(old, Integer) else "float" if isinstance(old, Float) else None
    new, _ = read_range(text, kind)
    if old is None or old.when is None or isinstance(new, Constant):
        return new
    return msgspec.structs.replace(new, when=old.when, inactive=old.inactive,
                                   otherwise=old.otherwise)  # fmt: skip


def _changed(item: Parameter, setting: str, text: str) -> Parameter:
    data = msgspec.to_builtins(item)
    value = _value(text)
    part = next((part for part in _parts(data) if setting in part), None)
    if part is None:
        known = [key for part in _parts(data) for key in part if key not in ("type", "kind")]
        raise ValueError(unknown("setting", setting, [k for k in known if k not in _INNER]))
    if isinstance(part[setting], list) and not isinstance(value, list):
        value = [value]
    part[setting] = value
    changed: Parameter = msgspec.convert(data, type(item))
    return changed


_INNER = ("scale", "lattice", "when")


def _parts(data: dict[str, Any]) -> list[dict[str, Any]]:
    """A parameter's own settings, those of its scale and of its lattice."""
    return [data, *(data[key] for key in ("scale", "lattice") if isinstance(data.get(key), dict))]


def _value(text: str) -> Any:
    found, _ = read_range(text)
    return found.value if isinstance(found, Constant) else list(getattr(found, "choices", [text]))

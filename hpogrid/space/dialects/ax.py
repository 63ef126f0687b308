"""Ax's list of parameters: ``[{"name": "lr", "type": "range", "bounds": [1e-5, 0.1]}, ...]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.quantised import rounded
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log, Scale
from hpogrid.space.space import Space
from hpogrid.space.value import Value, shown

_TYPES = ("range", "choice", "fixed")
_KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
_KNOWN = {"name", "type", "bounds", "values", "value", "value_type", "log_scale", "digits",
          "is_ordered", "sort_values"}  # fmt: skip
_CONSTRAINTS = ("parameter_constraints", "outcome_constraints")
_ROUNDED = "Ax draws {}, {} half as often as other whole numbers; here all are as likely"


def detect(data: Any) -> bool:
    """Whether it is a list of parameters, or an object with one under ``parameters``."""
    items = _items(data)
    return items is not None and bool(items) and all(
        isinstance(item, dict) and item.get("type") in _TYPES and "name" in item for item in items
    )  # fmt: skip


def _items(data: Any) -> list[Any] | None:
    found = data.get("parameters") if isinstance(data, dict) else data
    return found if isinstance(found, list) else None


def parse(data: Any, where: str) -> Parsed:
    """Read a space of Ax.

    Raises:
        UserError: the first thing that is wrong, or that has no equivalent.
    """
    if isinstance(data, str):
        from hpogrid.files import parse_json

        data = parse_json(data, where)
    items = _items(data)
    if items is None:
        raise UserError(f'{where}: expected Ax\'s [{{"name": ..., "type": "range", ...}}]')
    constraint = next((key for key in _CONSTRAINTS if isinstance(data, dict) and data.get(key)), "")
    if constraint:
        raise UserError(f"{where}: {constraint} of Ax have no equivalent; let the script fail")
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            raise UserError(f"{where}: a parameter needs a name, unlike {shown(item)}")
        with in_space(where, name):
            if name in parameters:
                raise ValueError("is there twice")
            parameters[name] = parameter_of(item)
        notes += [f"parameter '{name}': {note}" for note in _notes(parameters[name])]
    with in_space(where):
        return Space(parameters), notes


def _notes(item: Parameter) -> list[str]:
    if isinstance(item, Integer) and isinstance(item.scale, Log):
        return [_ROUNDED.format(item.low, item.high)]
    return []


def parameter_of(item: dict[str, Any]) -> Parameter:
    """One entry of a list, without its name.

    Raises:
        ValueError: it is wrong, or has no equivalent.
    """
    for key, value in item.items():
        if key not in _KNOWN and value not in (None, False):
            raise ValueError(f"'{key}' of Ax has no equivalent")
    match item:
        case {"type": "range", "bounds": [low, high]}:
            return _range(item, [low, high])
        case {"type": "choice", "values": [_, _, *_]}:
            return _choice(item, item["values"])
        case {"type": "fixed", "value": value}:
            return Constant(value=_typed(item, [value])[0])
        case {"type": kind} if kind not in _TYPES:
            raise ValueError(unknown("type of Ax", str(kind), _TYPES))
    raise ValueError(f"is not as Ax has one: {shown(item)}")


def _typed(item: dict[str, Any], values: Sequence[Any]) -> list[Any]:
    """Values as Ax takes them: of the type that is named, else all of that of the first."""
    kind = item.get("value_type")
    if kind is None:
        wanted = type(values[0])
        if wanted not in _KINDS.values() or any(type(value) is not wanted for value in values):
            raise ValueError(f"values of several types need a value_type: {shown(list(values))}")
        return list(values)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(unknown("value_type of Ax", str(kind), _KINDS))
    found = [float(value) if kind == "float" and type(value) is int else value for value in values]
    if any(type(value) is not _KINDS[kind] for value in found):
        raise ValueError(f"values that are no {kind}: {shown(list(values))}")
    return found


def _range(item: dict[str, Any], bounds: list[Any]) -> Parameter:
    low, high = _typed(item, bounds)
    scale = (Log if item.get("log_scale") else Linear)(low, high)
    digits = item.get("digits")
    if type(low) is int:
        return Integer(scale=scale)
    if type(low) is not float:
        raise ValueError(f"bounds must be numbers, not {shown(bounds)}")
    return Float(scale=scale) if digits is None else rounded(scale, 10.0**-digits)


def _choice(item: dict[str, Any], given: list[Any]) -> Parameter:
    values = _typed(item, given)
    text = isinstance(values[0], str)
    ordered = item.get("is_ordered")
    if ordered is None:  # as Ax has it
        ordered = not text or len(values) == 2
    in_order = item.get("sort_values")
    if in_order or (in_order is None and not text):
        values = sorted(values)
    return (Ordinal if ordered else Categorical)(choices=tuple(values))


def render(space: Space) -> list[Any]:
    """Write a space for Ax.

    Raises:
        UserError: it has something that Ax cannot say; what and where.
    """
    found = []
    for name, item in space.parameters.items():
        with refusing(name, "Ax has no"):
            written = {"name": name, **_written(item)}
            if parameter_of(written) != item:
                raise ValueError("such a distribution")
        found.append(written)
    return found


def _written(item: Parameter) -> dict[str, Any]:
    if item.needs():
        raise ValueError("conditions or links")
    match item:
        case Constant(value=str() | int() | float() as value):
            return {"type": "fixed", "value": value, "value_type": type(value).__name__}
        case Categorical(grid=False, weights=None) | Ordinal(weights=None):
            return _choices(item.choices, isinstance(item, Ordinal))
        case Integer(scale=Linear() | Log() as scale, step=1):
            return _bounds("int", item.low, item.high, scale)
        case Float(scale=Linear() | Log() as scale, lattice=None):
            return _bounds("float", *scale.bounds, scale)
    raise ValueError(f"{type(item).__name__.lower()} parameters like this")


def _choices(choices: Sequence[Value], ordered: bool) -> dict[str, Any]:
    if len(choices) < 2 or len({type(value) for value in choices}) > 1:
        raise ValueError("choice of a single value, or of several types")
    kind = type(choices[0]).__name__
    if kind not in _KINDS:
        raise ValueError("values that are lists, objects or null")
    return {
        "type": "choice", "values": list(choices), "value_type": kind, "is_ordered": ordered,
        "sort_values": ordered and kind in ("int", "float"),
    }  # fmt: skip


def _bounds(kind: str, low: float, high: float, scale: Scale) -> dict[str, Any]:
    if low == high:
        raise ValueError("range of a single value")
    return {
        "type": "range", "bounds": [low, high], "value_type": kind,
        "log_scale": isinstance(scale, Log),
    }  # fmt: skip


DIALECT = Dialect("ax", parse, render, detect)

"""A space of ConfigSpace, as SMAC and others save it: ``{"hyperparameters": [...], ...}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.condition import Condition, Operator
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log, Scale
from hpogrid.space.space import Space
from hpogrid.space.value import Value, is_number, shown

_FORMAT = 0.4
"""Of the files that ConfigSpace 1.x writes."""

_PLACES = 13
"""The library rounds bounds to so many decimals."""

DEFAULTS = "the default values of {} are left out; --search_points tries them first"
FORBIDDEN = (
    "combinations that {} forbids have no equivalent; write them as conditions, or let the script "
    "refuse them"
)

_UNLIKE = "'!=' on '{}', which has a condition itself; list the values with IN"

_TYPES = ("uniform_float", "uniform_int", "categorical", "ordinal", "constant")
_CUT = ("normal_float", "normal_int", "beta_float", "beta_int")
_ONE: dict[str, Operator] = {"EQ": "equal", "NEQ": "not_equal", "GT": "gt", "LT": "lt"}
_SEVERAL: dict[str, Operator] = {"AND": "all", "OR": "any"}
_OPERATORS = {name: key for key, name in (*_ONE.items(), *_SEVERAL.items())}


def detect(data: Any) -> bool:
    """Whether it has a list of hyperparameters, and the version of the format."""
    return _has_list(data) and "format_version" in data


def parse(data: Any, where: str) -> Parsed:
    """Read a space of ConfigSpace.

    Raises:
        UserError: the first thing that is wrong, or that has no equivalent.
    """
    if isinstance(data, str):
        from hpogrid.files import parse_json

        data = parse_json(data, where)
    if not _has_list(data):
        raise UserError(f'{where}: expected ConfigSpace\'s {{"hyperparameters": [...]}}')
    if data.get("forbiddens"):
        raise UserError(f"{where}: {FORBIDDEN.format('ConfigSpace')}")
    conditions = _conditions(data.get("conditions") or [], where)
    parameters: dict[str, Parameter] = {}
    for item in data["hyperparameters"]:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            raise UserError(f"{where}: a hyperparameter needs a name, unlike {shown(item)}")
        with in_space(where, name):
            if name in parameters:
                raise ValueError("is there twice")
            parameters[name] = with_condition(_parameter(item), conditions.pop(name, None))
    if conditions:
        raise UserError(f"{where}: conditions on '{min(conditions)}', which is no hyperparameter")
    with in_space(where):
        _check_order(parameters)
        check_unlike(parameters)
        return Space(parameters), _notes(data["hyperparameters"])


def _has_list(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("hyperparameters"), list)


def _notes(items: Sequence[dict[str, Any]]) -> list[str]:
    if not any("default_value" in item for item in items):
        return []
    return [DEFAULTS.format("ConfigSpace")]


def _parameter(item: dict[str, Any]) -> Parameter:
    match item:
        case {"type": "uniform_float", "lower": low, "upper": high}:
            return Float(scale=(Log if item.get("log") else Linear)(low, high))
        case {"type": "uniform_int", "lower": low, "upper": high}:
            return Integer(scale=(Log if item.get("log") else Linear)(low, high))
        case {"type": "categorical", "choices": [*choices]}:
            weights = item.get("weights")
            if not (weights is None or isinstance(weights, list | tuple)):
                raise ValueError(f"weights must be a list, not {shown(weights)}")
            return Categorical(
                choices=tuple(choices), weights=None if weights is None else tuple(weights)
            )
        case {"type": "ordinal", "sequence": [*choices]}:
            return Ordinal(choices=tuple(choices))
        case {"type": "constant", "value": value}:
            return Constant(value=value)
        case {"type": kind} if kind in _CUT:
            raise ValueError(f"{kind} of ConfigSpace (between bounds) has no equivalent")
        case {"type": kind} if kind not in _TYPES:
            raise ValueError(unknown("type of ConfigSpace", str(kind), _TYPES))
    raise ValueError(f"is not as ConfigSpace writes one: {shown(item)}")


def with_condition(item: Parameter, when: Condition | None) -> Parameter:
    """The parameter under this condition; None: under none."""
    return item if when is item.when else msgspec.structs.replace(item, when=when)


def _conditions(items: Any, where: str) -> dict[str, Condition]:
    """The condition on each parameter that has one."""
    found: dict[str, Condition] = {}
    for item in items if isinstance(items, list) else [items]:
        child = item.get("child") if isinstance(item, dict) else None
        if not isinstance(child, str):
            raise UserError(f"{where}: a condition needs a child, unlike {shown(item)}")
        with in_space(where, child):
            if child in found:
                raise ValueError("has two conditions; ConfigSpace joins them with AND or OR")
            found[child] = _condition(item)
    return found


def _condition(item: Any) -> Condition:
    match item:
        case {"type": str(kind), "conditions": [*parts]} if kind in _SEVERAL:
            return Condition(op=_SEVERAL[kind], of=tuple(map(_condition, parts)))
        case {"type": "IN", "parent": str(parent), "values": [*values]}:
            return Condition(op="in", on=parent, value=values)
        case {"type": str(kind), "parent": str(parent), "value": value} if kind in _ONE:
            return Condition(op=_ONE[kind], on=parent, value=value)
    raise ValueError(f"a condition of ConfigSpace that hpogrid does not know: {shown(item)}")


def _check_order(parameters: dict[str, Parameter]) -> None:
    """What comes before what of an ordinal is its order; here it is that of numbers."""
    for name, item in parameters.items():
        for part in _parts(item.when):
            of = parameters.get(part.on or "")
            if part.op not in ("gt", "lt") or not isinstance(of, Ordinal):
                continue
            numbers = [value for value in of.choices if is_number(value)]
            if len(numbers) < len(of.choices) or numbers != sorted(numbers):
                raise ValueError(
                    f"parameter '{name}': '{part.on}' is compared by the order of its values, "
                    "which are no rising numbers; list the values with IN"
                )


def check_unlike(parameters: dict[str, Parameter]) -> None:
    """Refuse `!=` where the parameter may be absent: the library takes that for both.

    Raises:
        ValueError: a comparison with one that has a condition itself.
    """
    for name, item in parameters.items():
        for part in _parts(item.when):
            of = parameters.get(part.on or "")
            if part.op == "not_equal" and of is not None and of.when is not None:
                raise ValueError(f"parameter '{name}': {_UNLIKE.format(part.on)}")


def _parts(when: Condition | None) -> list[Condition]:
    if when is None:
        return []
    return [when, *(inner for part in when.of for inner in _parts(part))]


def render(space: Space) -> dict[str, Any]:
    """Write a space for ConfigSpace 1.x.

    Raises:
        UserError: it has something that ConfigSpace cannot say; what and where.
    """
    items, conditions = [], []
    for name, item in space.parameters.items():
        with refusing(name, "ConfigSpace has no"):
            written = {"name": name, **_written(item)}
            if with_condition(_parameter(written), item.when) != item:
                raise ValueError("such a distribution")
            items.append(written)
            if item.when is not None:
                conditions.append(_said(item.when, name, space))
    return {
        "name": None, "hyperparameters": items, "conditions": conditions, "forbiddens": [],
        "format_version": _FORMAT,
    }  # fmt: skip


def _written(item: Parameter) -> dict[str, Any]:
    match item:
        case Categorical(grid=False, multiply=None):
            weights = None if item.weights is None else list(item.weights)
            return {"type": "categorical", "choices": _plain(item.choices), "weights": weights}
        case Ordinal(weights=None, multiply=None):
            return {"type": "ordinal", "sequence": _plain(item.choices)}
        case Constant():
            [value] = _plain([item.value])
            return {"type": "constant", "value": value}
        case Integer(scale=Linear() | Log(), step=1):
            return _range("uniform_int", item.low, item.high, item.scale)
        case Float(scale=Linear() | Log(), lattice=None):
            return _range("uniform_float", *item.scale.bounds, item.scale)
    raise ValueError(f"{type(item).__name__.lower()} parameters like this")


def _plain(values: Sequence[Value]) -> list[Value]:
    """Values that the library can tell apart: it takes true for 1."""
    if not all(isinstance(value, str | float | int) for value in values):
        raise ValueError("values that are lists, objects or null")
    if len(set(values)) < len(values):
        raise ValueError("values that are equal to Python, as true and 1")
    kinds = {type(value) for value in values}
    if bool in kinds and kinds & {int, float} and str not in kinds:
        raise ValueError("numbers beside true or false, which it makes numbers as well")
    return list(values)


def _range(kind: str, low: float, high: float, scale: Scale) -> dict[str, Any]:
    check_bounds(low, high)
    return {"type": kind, "lower": low, "upper": high, "log": isinstance(scale, Log)}


def check_bounds(low: float, high: float) -> None:
    """Refuse bounds that the library does not keep.

    Raises:
        ValueError: they are equal, or have more decimals than it does.
    """
    if low == high:
        raise ValueError("range of a single value")
    if (round(low, _PLACES), round(high, _PLACES)) != (low, high):
        raise ValueError(f"bounds of more than {_PLACES} decimals: it rounds them")


def _said(when: Condition, child: str, space: Space) -> dict[str, Any]:
    if when.op not in (*_OPERATORS, "in"):
        raise ValueError(f"conditions with '{when.op}'")
    if when.op in ("all", "any"):
        if len(when.of) < 2:
            raise ValueError(f"conditions with '{when.op}' of a single one")
        parts = [_said(part, child, space) for part in when.of]
        return {"type": _OPERATORS[when.op], "child": child, "conditions": parts}
    check_values(when, space.parameters[when.on or ""])
    if when.op == "in" and isinstance(when.value, list | tuple):
        return {"type": "IN", "child": child, "parent": when.on, "values": list(when.value)}
    return {
        "type": _OPERATORS[when.op], "child": child, "parent": when.on, "value": when.value,
    }  # fmt: skip


def check_values(when: Condition, parent: Parameter) -> None:
    """See that the library takes a comparison: with values that the parent may have."""
    several = when.op == "in" and isinstance(when.value, list | tuple)
    values = list(when.value) if several else [when.value]  # type: ignore[arg-type]
    if not values:
        raise ValueError("conditions without a value")
    if when.op in ("gt", "lt") and not isinstance(parent, Integer | Float | Ordinal):
        raise ValueError("values above and below others without an order")
    if when.op == "not_equal" and parent.when is not None:
        raise ValueError(_UNLIKE.format(when.on))
    for value in values:
        try:
            parent.taken(value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"conditions on values that '{when.on}' does not have") from error


DIALECT = Dialect("configspace", parse, render, detect)

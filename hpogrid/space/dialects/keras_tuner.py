"""The hyperparameters of keras-tuner, as it saves them: ``{"space": [{"class_name": ...}]}``.

Also inside the files of a project (`oracle.json`, `trial.json`), under ``hyperparameters``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.condition import Condition
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.configspace import DEFAULTS, check_values, with_condition
from hpogrid.space.dialects.reverse import reverse_log
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Lattice,
    Ordinal,
    Parameter,
)
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
from hpogrid.space.value import Value, is_number, shown

_CLASSES = ("Choice", "Int", "Float", "Boolean", "Fixed")
_SAMPLINGS = ("linear", "log", "reverse_log")
_MOST_LISTED = 1000
_DOWN = "keras-tuner rounds whole numbers on a log scale down; here half a unit around is theirs"
_SHORT = "keras-tuner's own arithmetic ends the steps at {:g}"


def detect(data: Any) -> bool:
    """Whether it has the list of a space, or something with one under ``hyperparameters``."""
    items = _saved(data).get("space")
    return isinstance(items, list) and bool(items) and all(
        isinstance(item, dict) and {"class_name", "config"} <= set(item) for item in items
    )  # fmt: skip


def _saved(data: Any) -> dict[str, Any]:
    inner = data.get("hyperparameters", data) if isinstance(data, dict) else None
    return inner if isinstance(inner, dict) else {}


def parse(data: Any, where: str) -> Parsed:
    """Read what keras-tuner has saved.

    Raises:
        UserError: the first thing that is wrong, or that has no equivalent.
    """
    if isinstance(data, str):
        from hpogrid.files import parse_json

        data = parse_json(data, where)
    items = _saved(data).get("space")
    if not isinstance(items, list):
        raise UserError(f'{where}: expected keras-tuner\'s {{"space": [{{"class_name": ...}}]}}')
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for item in items:
        config = item.get("config") if isinstance(item, dict) else None
        name = config.get("name") if isinstance(config, dict) else None
        if not isinstance(name, str) or not isinstance(config, dict):
            raise UserError(f"{where}: a parameter needs a config with a name: {shown(item)}")
        with in_space(where, name):
            if name in parameters:
                raise ValueError("is there twice; give each a name of its own")
            found = _parameter(str(item.get("class_name")), config)
            when = _condition(config.get("conditions") or [], parameters)
            parameters[name] = with_condition(found, when)
        notes += [note for note in _notes(item, found) if note not in notes]
    with in_space(where):
        return Space(parameters), notes


def _notes(item: dict[str, Any], found: Parameter) -> Iterator[str]:
    config = item["config"]
    values = config.get("values") if item["class_name"] == "Choice" else None
    usual = config.get("min_value", values[0] if values else None)
    if item["class_name"] != "Boolean" and config.get("default") not in (None, usual):
        yield DEFAULTS.format("keras-tuner")
    if isinstance(found, Integer) and isinstance(found.scale, Log):
        yield f"parameter '{config['name']}': {_DOWN}"
    if isinstance(found, Float) and found.lattice is not None:
        whole = Float(
            scale=Linear(found.scale.bounds[0], config["max_value"]), lattice=found.lattice
        )
        if whole != found:
            yield f"parameter '{config['name']}': {_SHORT.format(found.scale.bounds[1])}"


def _parameter(kind: str, config: dict[str, Any]) -> Parameter:
    match kind:
        case "Fixed":
            return Constant(value=config.get("value"))
        case "Boolean":  # the default is the first
            first = config.get("default") is True
            return Categorical(choices=(first, not first))
        case "Choice":
            return _choice(config)
        case "Int" | "Float":
            return _number(kind, config)
    raise ValueError(unknown("class of keras-tuner", kind, _CLASSES))


def _choice(config: dict[str, Any]) -> Parameter:
    values, in_order = config.get("values"), config.get("ordered")
    if not isinstance(values, list) or not values:
        raise ValueError(f"values must be a list, not {shown(values)}")
    kinds = {type(value) for value in values}
    if len(kinds) > 1 or not kinds <= {str, int, float}:
        raise ValueError(f"values of a Choice are text or numbers of one kind: {shown(values)}")
    if in_order is None:
        in_order = kinds != {str}
    if in_order and kinds == {str}:
        raise ValueError("text cannot be ordered in keras-tuner")
    return (Ordinal if in_order else Categorical)(choices=tuple(values))


def _number(kind: str, config: dict[str, Any]) -> Parameter:
    low, high, step = (config.get(key) for key in ("min_value", "max_value", "step"))
    sampling = str(config.get("sampling") or "linear").lower()
    if sampling not in _SAMPLINGS:
        raise ValueError(unknown("sampling of keras-tuner", sampling, _SAMPLINGS))
    if not is_number(low) or not is_number(high) or not (step is None or is_number(step)):
        raise ValueError(f"numbers are wanted, not {shown([low, high, step])}")
    if step is not None and (step <= 0 or (sampling != "linear" and step <= 1)):
        raise ValueError(f"step {step:g} goes nowhere")
    if kind == "Int" and not all(x is None or float(x).is_integer() for x in (low, high, step)):
        raise ValueError(f"an Int wants whole numbers, not {shown([low, high, step])}")
    if sampling != "linear" and step is not None:
        return Ordinal(choices=_powers(int if kind == "Int" else float, low, high, step, sampling))
    if kind == "Int":
        if sampling == "reverse_log":
            raise ValueError("whole numbers on a reverse log scale have no equivalent")
        scale = (Linear if sampling == "linear" else Log)(low, high)
        return Integer(scale=scale, step=int(step or 1))
    if sampling == "reverse_log":
        return Float(scale=reverse_log("keras-tuner", low, high))
    if step is None:
        return Float(scale=(Linear if sampling == "linear" else Log)(low, high))
    lattice = Lattice(step, "low")
    last = Linear(low, high).high if step > high - low else lattice.at(low, _steps(low, high, step))
    return Float(scale=Linear(low, last), lattice=lattice)


def _steps(low: float, high: float, step: float) -> int:
    """How many steps keras-tuner takes above ``low``, with the error of its division."""
    return int((float(high) - float(low)) // float(step))


def _powers(
    kind: type[int] | type[float], low: float, high: float, step: float, sampling: str
) -> tuple[Value, ...]:
    """The values of a step that is a factor, rising."""
    if low <= 0 or low > high:
        raise ValueError(f"a {sampling} scale from {low:g} to {high:g} has no values")
    count = int(math.log(high / low, step) + 1e-8) + 1
    if count > _MOST_LISTED:
        raise ValueError(f"a step of {step:g} has {count} values; leave it out")
    values = [low * math.pow(step, index) for index in range(count)]
    if sampling == "reverse_log":
        values = [high + low - value for value in reversed(values)]
    return tuple(kind(value) for value in values)


def _condition(items: Any, before: dict[str, Parameter]) -> Condition | None:
    """All of them have to hold."""
    if not isinstance(items, list):
        raise ValueError(f"conditions must be a list, not {shown(items)}")
    parts = [_parent(item, before) for item in items]
    if len(parts) < 2:
        return parts[0] if parts else None
    return Condition(op="all", of=tuple(parts))


def _parent(item: Any, before: dict[str, Parameter]) -> Condition:
    match item:
        case {"class_name": "Parent", "config": {"name": str(name), "values": given}}:
            values = given if isinstance(given, list) else [given]
        case _:
            raise ValueError(f"a condition that keras-tuner does not have: {shown(item)}")
    if name not in before:
        raise ValueError(f"depends on '{name}', which has to come before it")
    values = [before[name].taken(value) for value in values]
    if len(values) == 1:
        return Condition(op="equal", on=name, value=values[0])
    return Condition(op="in", on=name, value=values)


def render(space: Space) -> dict[str, Any]:
    """Write a space as keras-tuner saves it.

    Raises:
        UserError: it has something that keras-tuner cannot say; what and where.
    """
    found: list[dict[str, Any]] = []
    before: dict[str, Parameter] = {}
    for name, item in space.parameters.items():
        with refusing(name, "keras-tuner has no"):
            kind, fields = _written(item)
            conditions = _said(item.when, before)
            if with_condition(_parameter(kind, fields), _condition(conditions, before)) != item:
                raise ValueError("such a distribution or condition")
        config = {"name": name, "conditions": conditions, **fields}
        found.append({"class_name": kind, "config": config})
        before[name] = item
    return {"space": found, "values": {}}


def _said(when: Condition | None, before: dict[str, Parameter]) -> list[dict[str, Any]]:
    if when is None:
        return []
    return [_parent_of(part, before) for part in (when.of if when.op == "all" else [when])]


def _parent_of(when: Condition, before: dict[str, Parameter]) -> dict[str, Any]:
    if when.on is None or when.op not in ("equal", "in"):
        raise ValueError(f"conditions with '{when.op}' here")
    if when.on not in before:
        raise ValueError(f"condition on '{when.on}', which comes behind it")
    check_values(when, before[when.on])
    values = [*when.value] if isinstance(when.value, list | tuple) else [when.value]
    return {"class_name": "Parent", "config": {"name": when.on, "values": values}}


def _written(item: Parameter) -> tuple[str, dict[str, Any]]:
    match item:
        case Constant(value=bool() | str() | int() | float() as value):
            return "Fixed", {"value": value}
        case Categorical(grid=False, weights=None, multiply=None):
            if set(map(type, item.choices)) == {bool}:
                return "Boolean", {"default": item.choices[0]}
            return "Choice", _values(item.choices, in_order=False)
        case Ordinal(weights=None, multiply=None):
            return "Choice", _values(item.choices, in_order=True)
        case Integer(scale=Linear(), multiply=None):
            return "Int", _bounds(item.low, item.high, item.step, "linear")
        case Integer(scale=Log(), multiply=None):
            return "Int", _bounds(item.low, item.high, None, "log")
        case Float(scale=Linear(low=low, high=high), multiply=None, lattice=None):
            return "Float", _bounds(low, high, None, "linear")
        case Float(scale=Log(low=low, high=high), multiply=None, lattice=None):
            return "Float", _bounds(low, high, None, "log")
        case Float(scale=ReverseLog(low=low, high=high), multiply=None):
            return "Float", _bounds(low, high, None, "reverse_log")
        case Float(
            scale=Linear(low=low, high=high), multiply=None, lattice=Lattice(anchor="low") as steps
        ):
            wanted = round(steps.steps(low, high))
            end = high if _steps(low, high, steps.step) == wanted else high + steps.step / 2
            return "Float", _bounds(low, end, steps.step, "linear")
    raise ValueError(f"{type(item).__name__.lower()} parameters like this")


def _values(values: Sequence[Value], *, in_order: bool) -> dict[str, Any]:
    return {"values": [*values], "ordered": in_order}


def _bounds(low: float, high: float, step: float | None, sampling: str) -> dict[str, Any]:
    return {"min_value": low, "max_value": high, "step": step, "sampling": sampling}


DIALECT = Dialect("keras_tuner", parse, render, detect)

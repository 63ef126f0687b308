"""A study of Vizier, as its protocol has it in JSON: ``{"parameters": [{"parameterId": ...}]}``.

The one of OSS Vizier and that of Vertex AI, whose configs for `gcloud` are the same in YAML.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.condition import Condition
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.configspace import DEFAULTS, check_values, with_condition
from hpogrid.space.dialects.reverse import reverse_log
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
from hpogrid.space.value import Value, is_number, shown

_SCALES = {
    "UNIT_LINEAR_SCALE": Linear,
    "UNIT_LOG_SCALE": Log,
    "UNIT_REVERSE_LOG_SCALE": ReverseLog,
}
_SPECS = ("doubleValueSpec", "integerValueSpec", "categoricalValueSpec", "discreteValueSpec")
_KNOWN = {"parameterId", "scaleType", "externalType", "conditionalParameterSpecs", *_SPECS}
_PARENTS = ("parentCategoricalValues", "parentIntValues", "parentDiscreteValues")
_MODES = {"MAXIMIZE": "max", "MINIMIZE": "min"}
_BOOLEANS = {"True": True, "False": False}
_ROUNDED = (
    "Vizier draws whole numbers and those of a list by rounding, the ends less often; here all "
    "are as likely"
)


def detect(data: Any) -> bool:
    """Whether it has a list of parameters with IDs, or is a study with such a list."""
    items = _spec(data).get("parameters")
    return isinstance(items, list) and bool(items) and all(
        isinstance(item, dict) and ("parameterId" in item or "parameter_id" in item)
        for item in items
    )  # fmt: skip


def _spec(data: Any) -> dict[str, Any]:
    """The specification that a study has, or what is one itself."""
    if not isinstance(data, dict):
        return {}
    inner = data.get("studySpec", data.get("study_spec", data))
    return inner if isinstance(inner, dict) else {}


def _camel(data: Any) -> Any:
    """Names of fields as JSON has them: `parameter_id` is `parameterId`."""
    if isinstance(data, list):
        return [_camel(item) for item in data]
    if not isinstance(data, dict):
        return data
    renamed = {}
    for name, item in data.items():
        first, *others = str(name).split("_")
        renamed[first + "".join(map(str.capitalize, others))] = _camel(item)
    return renamed


def parse(data: Any, where: str) -> Parsed:
    """Read a study of Vizier.

    Raises:
        UserError: the first thing that is wrong, or that has no equivalent.
    """
    if isinstance(data, str):
        from hpogrid.files import parse_json

        data = parse_json(data, where)
    spec = _camel(_spec(data))
    if not isinstance(spec.get("parameters"), list):
        raise UserError(f'{where}: expected Vizier\'s {{"parameters": [{{"parameterId": ...}}]}}')
    parameters: dict[str, Parameter] = {}
    notes = [*_settings(spec)]
    waiting: list[tuple[Any, Condition | None]] = [(item, None) for item in spec["parameters"]]
    for item, when in waiting:  # what depends on others comes behind them
        name = item.get("parameterId") if isinstance(item, dict) else None
        if not isinstance(name, str):
            raise UserError(f"{where}: a parameter needs a parameterId, unlike {shown(item)}")
        with in_space(where, name):
            found = with_condition(_parameter(item), when)
            if name in parameters:
                found = _joined(parameters[name], found)
            parameters[name] = found
            notes += [note for note in _notes(item, found) if note not in notes]
            waiting += _children(item, name, found)
    with in_space(where):
        return Space(parameters), notes


def _settings(spec: dict[str, Any]) -> Iterator[str]:
    """What is said of the rest of a study."""
    metrics = spec.get("metrics")
    for metric in metrics if isinstance(metrics, list) else []:
        mode = _MODES.get(str(metric.get("goal"))) if isinstance(metric, dict) else None
        if mode is not None:
            yield f"its metric is --metric {metric.get('metricId')} --mode {mode} of an hpo config"
    others = sorted(set(spec) - {"parameters", "metrics"})
    if others:
        yield f"left out: {', '.join(others)}, which belong to Vizier's own service"


def _notes(item: dict[str, Any], found: Parameter) -> Iterator[str]:
    if isinstance(found, Integer | Ordinal):
        yield _ROUNDED
    if any("defaultValue" in (item.get(key) or {}) for key in _SPECS):
        yield DEFAULTS.format("Vizier")
    if "discreteValueSpec" in item and item.get("externalType") is None and _whole(found):
        yield (
            f"parameter '{item['parameterId']}': its numbers are floats, as Vizier has them "
            "without AS_INTEGER"
        )


def _whole(found: Parameter) -> bool:
    values = found.choices if isinstance(found, Ordinal) else ()
    return bool(values) and all(isinstance(x, float) and x.is_integer() for x in values)


def _joined(old: Parameter, new: Parameter) -> Parameter:
    """One parameter that stands under several values of another."""
    first, second = old.when, new.when
    if (
        first is None
        or second is None
        or first.on != second.on
        or with_condition(old, None) != with_condition(new, None)
    ):
        raise ValueError("is there twice; give each a name of its own")
    values = [*_values_of(first)]
    values += [value for value in _values_of(second) if value not in values]
    return with_condition(old, _is_one_of(first.on or "", values))


def _values_of(when: Condition) -> Sequence[Value]:
    return when.value if isinstance(when.value, list | tuple) else [when.value]


def _is_one_of(parent: str, values: list[Value]) -> Condition:
    if len(values) == 1:
        return Condition(op="equal", on=parent, value=values[0])
    return Condition(op="in", on=parent, value=values)


def _children(
    item: dict[str, Any], name: str, parent: Parameter
) -> Iterator[tuple[Any, Condition]]:
    children = item.get("conditionalParameterSpecs") or []
    if not isinstance(children, list):
        raise ValueError(f"conditionalParameterSpecs must be a list, not {shown(children)}")
    for child in children:
        key, given = _given(child)
        if not given or set(child) != {key, "parameterSpec"}:
            raise ValueError(f"a condition without values of its parent: {shown(child)}")
        if isinstance(parent, Float):
            raise ValueError("conditions on what is no list have no equivalent")
        values = [_of_parent(value, parent) for value in given]
        yield child["parameterSpec"], _is_one_of(name, values)


def _given(child: Any) -> tuple[str, list[Any]]:
    """How a condition names values of its parent, and which these are."""
    for key in _PARENTS if isinstance(child, dict) else ():
        values = child[key].get("values") if isinstance(child.get(key), dict) else None
        if isinstance(values, list):
            return key, values
    return "", []


def _of_parent(value: Any, parent: Parameter) -> Value:
    """A value of a parent as it has it; JSON may have whole numbers in quotes."""
    if isinstance(parent, Integer) and isinstance(value, str):
        value = int(value)
    elif isinstance(parent, Categorical | Constant) and not isinstance(parent.at(0), str):
        value = _BOOLEANS.get(value, value) if isinstance(value, str) else value
    return parent.taken(value)


def _parameter(item: dict[str, Any]) -> Parameter:
    for key, value in item.items():
        if key not in _KNOWN and value is not None:
            raise ValueError(f"'{key}' of Vizier has no equivalent")
    kinds = [key for key in _SPECS if item.get(key) is not None]
    if len(kinds) != 1 or not isinstance(item[kinds[0]], dict):
        raise ValueError(f"expected one of {', '.join(_SPECS)}")
    spec, external = item[kinds[0]], str(item.get("externalType", "AS_INTERNAL"))
    match kinds[0]:
        case "doubleValueSpec":
            _check_type(external, "AS_INTERNAL", "AS_FLOAT")
            return Float(scale=_scale(item, *(float(x) for x in _bounds(spec))))
        case "integerValueSpec":
            _check_type(external, "AS_INTERNAL", "AS_INTEGER")
            scale = _scale(item, *(int(x) for x in _bounds(spec)))
            if isinstance(scale, ReverseLog):
                raise ValueError("whole numbers on a reverse log scale have no equivalent")
            return Integer(scale=scale)
        case "categoricalValueSpec":
            _check_type(external, "AS_INTERNAL", "AS_BOOLEAN")
            return _choice(_words(_listed(spec), external))
    _check_type(external, "AS_INTERNAL", "AS_FLOAT", "AS_INTEGER")
    return _choice(_numbers(_listed(spec), external))


def _check_type(external: str, *known: str) -> None:
    if external not in known:
        raise ValueError(f"externalType {external} has no equivalent here")


def _bounds(spec: dict[str, Any]) -> list[Any]:
    """Both ends; JSON leaves out a zero, and may have whole numbers in quotes."""
    ends = [spec.get(key, 0) for key in ("minValue", "maxValue")]
    if not all(is_number(end) or isinstance(end, str) for end in ends):
        raise ValueError(f"minValue and maxValue must be numbers, not {shown(ends)}")
    return ends


def _scale(item: dict[str, Any], low: float, high: float) -> Any:
    name = str(item.get("scaleType", "UNIT_LINEAR_SCALE"))
    if name == "SCALE_TYPE_UNSPECIFIED":
        name = "UNIT_LINEAR_SCALE"
    if name not in _SCALES:
        raise ValueError(unknown("scaleType of Vizier", name, _SCALES))
    return (
        reverse_log("Vizier", low, high)
        if _SCALES[name] is ReverseLog
        else _SCALES[name](low, high)
    )


def _listed(spec: dict[str, Any]) -> list[Any]:
    values = spec.get("values")
    if not isinstance(values, list) or not values:
        raise ValueError(f"values must be a list, not {shown(values)}")
    return values


def _words(values: list[Any], external: str) -> list[Value]:
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"values of a categoricalValueSpec are text, unlike {shown(values)}")
    if external == "AS_INTERNAL":
        return values
    if not set(values) <= set(_BOOLEANS):
        raise ValueError(f"values AS_BOOLEAN are True and False, unlike {shown(values)}")
    return [_BOOLEANS[value] for value in values]


def _numbers(values: list[Any], external: str) -> list[Value]:
    if not all(is_number(value) for value in values):
        raise ValueError(f"values of a discreteValueSpec are numbers, unlike {shown(values)}")
    numbers = sorted(map(float, values))
    if external != "AS_INTEGER":
        return [*numbers]
    if not all(map(float.is_integer, numbers)):
        raise ValueError(f"values AS_INTEGER are whole numbers, unlike {shown(values)}")
    return [int(number) for number in numbers]


def _choice(values: list[Value]) -> Parameter:
    if len(values) == 1:
        return Constant(value=values[0])
    numbers = is_number(values[0])
    return (Ordinal if numbers else Categorical)(choices=tuple(values))


def render(space: Space) -> dict[str, Any]:
    """Write a space as a study of Vizier.

    Raises:
        UserError: it has something that Vizier cannot say; what and where.
    """
    written: dict[str, dict[str, Any]] = {}
    for name, item in space.parameters.items():
        with refusing(name, "Vizier has no"):
            written[name] = {"parameterId": name, **_written(item)}
            if with_condition(_parameter(written[name]), item.when) != item:
                raise ValueError("such a distribution")
    for name, item in space.parameters.items():
        if item.when is not None:
            with refusing(name, "Vizier has no"):
                parent = written[item.when.on or ""] if item.when.op in ("equal", "in") else None
                if parent is None:
                    raise ValueError(f"conditions with '{item.when.op}'")
                parent.setdefault("conditionalParameterSpecs", []).append(
                    {**_under(item.when, space.parameters), "parameterSpec": written[name]}
                )
    found = {
        "parameters": [
            written[name] for name, item in space.parameters.items() if item.when is None
        ]
    }
    again, _ = parse(found, "study")
    if list(again.parameters) != list(space.parameters):
        raise UserError(
            "Vizier has parameters with conditions behind all others; their order would be "
            f"{', '.join(again.parameters)}"
        )
    if again != space:
        raise UserError("Vizier has no such conditions")
    return found


def _under(when: Condition, parameters: dict[str, Parameter]) -> dict[str, Any]:
    parent = parameters[when.on or ""]
    check_values(when, parent)
    values = _values_of(when)
    match parent:
        case Integer():
            return {"parentIntValues": {"values": [*values]}}
        case Ordinal():
            return {"parentDiscreteValues": {"values": [*values]}}
        case Categorical() | Constant():
            numbers = is_number(parent.at(0))
            key = "parentDiscreteValues" if numbers else "parentCategoricalValues"
            return {key: {"values": [str(x) if isinstance(x, bool) else x for x in values]}}
    raise ValueError("conditions on what is no list")


def _written(item: Parameter) -> dict[str, Any]:
    match item:
        case Constant(value=value):
            return _list([value])
        case Categorical(grid=False, weights=None, multiply=None) if len(item.choices) > 1:
            if all(isinstance(value, str | bool) for value in item.choices):
                return _list(item.choices)
            raise ValueError("values without an order but text, or true and false")
        case Ordinal(weights=None, multiply=None) if len(item.choices) > 1:
            if all(is_number(value) for value in item.choices):
                return _list(item.choices)
            raise ValueError("values in an order but numbers")
        case Integer(scale=scale, step=1, multiply=None):
            return _range("integerValueSpec", item.low, item.high, scale)
        case Float(scale=Linear() | Log() | ReverseLog() as scale, lattice=None, multiply=None):
            return _range("doubleValueSpec", *scale.bounds, scale)
    raise ValueError(f"{type(item).__name__.lower()} parameters like this")


def _list(values: Sequence[Value]) -> dict[str, Any]:
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        spec: dict[str, Any] = {
            "categoricalValueSpec": {"values": [str(value) for value in values]}
        }
        return {**spec, "externalType": "AS_BOOLEAN"}
    if kinds == {str}:
        return {"categoricalValueSpec": {"values": [*values]}}
    if kinds in ({int}, {float}):
        kind = "AS_INTEGER" if kinds == {int} else "AS_FLOAT"
        return {"discreteValueSpec": {"values": [*values]}, "externalType": kind}
    raise ValueError("values but text, numbers of one kind, or true and false")


def _range(spec: str, low: float, high: float, scale: Linear | Log | ReverseLog) -> dict[str, Any]:
    name = next(name for name, kind in _SCALES.items() if type(scale) is kind)
    return {spec: {"minValue": low, "maxValue": high}, "scaleType": name}


DIALECT = Dialect("vizier", parse, render, detect)

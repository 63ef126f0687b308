"""The method/dimension dialect: ``{"lr": {"method": "loguniform", "dimension": {...}}}``."""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import parse_json
from hpogrid.registry import unknown
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.repeats import collapse, repetition, spread
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Log, LogNormal, Normal
from hpogrid.space.space import Space
from hpogrid.space.value import ABOVE_0, NOT_EMPTY, Value, Values, exactly, plain, shown

Above0 = Annotated[float, ABOVE_0]
_ZERO_OR_ONE = msgspec.Meta(extra_json_schema={"enum": [0, 1, False, True]})


class _Dimension(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The dimension of one method."""

    def parameter(self) -> Parameter:
        """What it means."""
        raise TypeError(type(self).__name__)


class Categories(_Dimension, frozen=True):
    """One of ``categories``; with ``grid_search``, each of them for every other draw."""

    categories: Annotated[list[Value], NOT_EMPTY]
    grid_search: Annotated[bool | int, _ZERO_OR_ONE] = False

    def parameter(self) -> Parameter:
        if self.grid_search not in (0, 1):
            raise ValueError("grid_search must be 0 or 1")
        values, weights = collapse(self.categories)
        weights = None if self.grid_search else weights
        return Categorical(choices=values, weights=weights, grid=bool(self.grid_search))


class Uniform(_Dimension, frozen=True):
    """Uniform between ``low`` and ``high``."""

    low: float
    high: float

    def parameter(self) -> Parameter:
        return Float(scale=Linear(self.low, self.high))


class UniformInt(_Dimension, frozen=True):
    """A whole number from ``low`` to ``high``, both included."""

    low: int
    high: int

    def parameter(self) -> Parameter:
        return Integer(scale=Linear(self.low, self.high))


class QUniform(_Dimension, frozen=True):
    """``round(uniform(low, high) / q) * q``."""

    low: float
    high: float
    q: Above0

    def parameter(self) -> Parameter:
        return Float(scale=Linear(self.low, self.high), lattice=_lattice(self.q))


class LogUniform(_Dimension, frozen=True):
    """The logarithm is uniform between those of ``low`` and ``high``; ``base`` has no effect."""

    low: Above0
    high: float
    base: Above0 | None = None

    def parameter(self) -> Parameter:
        _check_base(self.base)
        return Float(scale=Log(self.low, self.high))


class QLogUniform(_Dimension, frozen=True):
    """``round(loguniform(low, high) / q) * q``."""

    low: Above0
    high: float
    q: Above0
    base: Above0 | None = None

    def parameter(self) -> Parameter:
        _check_base(self.base)
        return Float(scale=Log(self.low, self.high), lattice=_lattice(self.q))


class NormalDimension(_Dimension, frozen=True):
    """Normal with mean ``mu`` and standard deviation ``sigma``."""

    mu: float
    sigma: Above0

    def parameter(self) -> Parameter:
        return Float(scale=Normal(self.mu, self.sigma))


class QNormal(_Dimension, frozen=True):
    """``round(normal(mu, sigma) / q) * q``."""

    mu: float
    sigma: Above0
    q: Above0

    def parameter(self) -> Parameter:
        return Float(scale=Normal(self.mu, self.sigma), lattice=_lattice(self.q))


class LogNormalDimension(_Dimension, frozen=True):
    """``base`` (e, if not given) to the power of normal(mu, sigma)."""

    mu: float
    sigma: Above0
    base: Above0 = math.e

    def parameter(self) -> Parameter:
        return Float(scale=LogNormal(self.mu, self.sigma, self.base))


class QLogNormal(_Dimension, frozen=True):
    """``round(lognormal(mu, sigma) / q) * q``."""

    mu: float
    sigma: Above0
    q: Above0
    base: Above0 = math.e

    def parameter(self) -> Parameter:
        return Float(scale=LogNormal(self.mu, self.sigma, self.base), lattice=_lattice(self.q))


class Fixed(_Dimension, frozen=True):
    """The same ``value`` for every trial."""

    value: Any

    def parameter(self) -> Parameter:
        return Constant(value=self.value)


METHODS: dict[str, type[_Dimension]] = {
    "categorical": Categories,
    "uniform": Uniform,
    "uniformint": UniformInt,
    "quniform": QUniform,
    "loguniform": LogUniform,
    "qloguniform": QLogUniform,
    "normal": NormalDimension,
    "qnormal": QNormal,
    "lognormal": LogNormalDimension,
    "qlognormal": QLogNormal,
    "fixed": Fixed,
}

_CONDITIONS = (
    " (conditions are written in the native form, "
    "which 'hpogrid search_space convert NAME --to native' prints of a stored space)"
)


def detect(data: object) -> bool:
    """Whether a parameter has a method or a dimension."""
    if not isinstance(data, dict) or {"version", "parameters"} <= set(data):
        return False
    return any(
        isinstance(item, dict) and {"method", "dimension"} & set(item) for item in data.values()
    )


def parse(data: object, where: str) -> Parsed:
    """Read a method/dimension space, as data or as JSON text.

    Returns:
        The space, and what its author should know (settings without effect, weights).

    Raises:
        UserError: the first thing that is wrong, with the parameter it is in.
    """
    if isinstance(data, str):
        data = parse_json(data, where)
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected an object of parameters, got {type(data).__name__}")
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for name, item in data.items():
        dimension = _dimension(item, f"{where}: parameter '{name}'")
        with in_space(where, name):
            parameters[name] = dimension.parameter()
        notes += [f"parameter '{name}': {note}" for note in _notes(dimension)]
    with in_space(where):
        return Space(parameters), notes


def _dimension(item: object, where: str) -> _Dimension:
    if not isinstance(item, dict) or "method" not in item:
        raise UserError(
            f'{where}: expected {{"method": ..., "dimension": {{...}}}}, got {shown(item)}'
        )
    extra = sorted(set(item) - {"method", "dimension"})
    if extra:
        hint = _CONDITIONS if extra[0] == "when" else ""
        raise UserError(f"{where}: unknown key '{extra[0]}'; known: method, dimension{hint}")
    method = item["method"]
    if not isinstance(method, str) or method not in METHODS:
        raise UserError(f"{where}: {unknown('method', str(method), list(METHODS))}")
    kind = METHODS[method]
    dimension = item.get("dimension")
    if not isinstance(dimension, dict):
        raise UserError(f"{where}: {method} needs a 'dimension' with {_keys(kind)}")
    for key in dimension:
        if key not in kind.__struct_fields__:
            raise UserError(f"{where}: {method} has no dimension '{key}'; it takes {_keys(kind)}")
    try:
        return msgspec.convert(dimension, kind)
    except msgspec.ValidationError as error:
        missing = "missing required field" in str(error)
        hint = f" ({method} takes {_keys(kind)})" if missing else ""
        raise UserError(f"{where}: {plain(error)}{hint}") from error


def _keys(kind: type[_Dimension]) -> str:
    return ", ".join(
        field.name if field.required else f"{field.name} (optional)"
        for field in msgspec.structs.fields(kind)
    )


def _notes(dimension: _Dimension) -> list[str]:
    notes = []
    if isinstance(dimension, LogUniform | QLogUniform) and dimension.base is not None:
        notes.append(f"base {exactly(dimension.base)} has no effect on a log-uniform distribution")
    if isinstance(dimension, Categories):
        notes += repetition(dimension.categories, grid=bool(dimension.grid_search))
    return notes


def _check_base(base: float | None) -> None:
    if base is not None and (base <= 0 or base == 1):
        raise ValueError(f"base {exactly(base)} must be above 0 and other than 1")


def _lattice(q: float) -> Lattice:
    if not (math.isfinite(q) and q > 0):
        raise ValueError(f"q {exactly(q)} is not above 0")
    return Lattice(q)


def render(space: Space) -> Values:
    """Write a space in this dialect.

    Raises:
        UserError: it has something that the dialect cannot say; what and where.
    """
    return {name: _render(name, item) for name, item in space.parameters.items()}


def _render(name: str, item: Parameter) -> Values:
    if item.needs():
        raise UserError(f"'{name}': the method/dimension form has no conditions or links")
    with refusing(name, "the method/dimension form has no"):
        dimension = _dimension_of(item)
    method = next(method for method, kind in METHODS.items() if kind is type(dimension))
    return {"method": method, "dimension": msgspec.to_builtins(dimension)}


def _dimension_of(item: Parameter) -> _Dimension:
    match item:
        case Constant(value=value):
            return Fixed(value)
        case Categorical():
            return Categories(spread(item), item.grid)
        case Integer(scale=Linear(), step=1):
            return UniformInt(item.low, item.high)
        case Integer():
            raise ValueError("whole numbers with a step or on a log scale")
        case Float(lattice=Lattice(anchor="low")):
            raise ValueError("steps that count from low")
        case Float(scale=Linear(low=low, high=high), lattice=lattice):
            return QUniform(low, high, lattice.step) if lattice else Uniform(low, high)
        case Float(scale=Log(low=low, high=high), lattice=lattice):
            return QLogUniform(low, high, lattice.step) if lattice else LogUniform(low, high)
        case Float(scale=Normal(mu=mu, sigma=sigma), lattice=lattice):
            return QNormal(mu, sigma, lattice.step) if lattice else NormalDimension(mu, sigma)
        case Float(scale=LogNormal(mu=mu, sigma=sigma, base=base), lattice=lattice):
            if lattice:
                return QLogNormal(mu, sigma, lattice.step, base)
            return LogNormalDimension(mu, sigma, base)
        case Float():
            raise ValueError("reverse log scale")
    raise ValueError(f"{type(item).__name__.lower()} parameters")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of this dialect, for editors."""
    dimensions, components = msgspec.json.schema_components(
        METHODS.values(), ref_template="#/$defs/{name}"
    )
    methods = [
        {
            "type": "object",
            "properties": {"method": {"const": method}, "dimension": dimension},
            "required": ["method", "dimension"],
            "additionalProperties": False,
        }
        for method, dimension in zip(METHODS, dimensions, strict=True)
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A search space of methods and dimensions",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"oneOf": methods},
        "$defs": components,
    }


DIALECT = Dialect("method_dimension", parse, render, detect, json_schema=json_schema)

"""NNI's ``search_space.json``: ``{"lr": {"_type": "loguniform", "_value": [1e-5, 1e-2]}}``."""

from __future__ import annotations

from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.quantised import rounded
from hpogrid.space.dialects.repeats import collapse, repetition, spread
from hpogrid.space.parameter import Categorical, Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Log, LogNormal, Normal
from hpogrid.space.space import Space
from hpogrid.space.value import is_number, shown

_SCALES: dict[str, type[Linear] | type[Log] | type[Normal] | type[LogNormal]] = {
    "uniform": Linear, "loguniform": Log, "normal": Normal, "lognormal": LogNormal,
}  # fmt: skip
_TYPES = ("choice", "randint", *_SCALES, *(f"q{name}" for name in _SCALES))


def detect(data: Any) -> bool:
    """Whether every value is an object with ``_type`` and ``_value``."""
    return (
        isinstance(data, dict)
        and bool(data)
        and all(isinstance(item, dict) and "_type" in item for item in data.values())
    )


def parse(data: Any, where: str) -> Parsed:
    """Read a space of NNI.

    Raises:
        UserError: the first thing that is wrong, or that has no equivalent.
    """
    if isinstance(data, str):
        from hpogrid.files import parse_json

        data = parse_json(data, where)
    if not isinstance(data, dict):
        raise UserError(f'{where}: expected NNI\'s {{"lr": {{"_type": ..., "_value": [...]}}}}')
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for name, item in data.items():
        with in_space(where, name):
            parameters[name], own = _parameter(item)
        notes += [f"parameter '{name}': {note}" for note in own]
    with in_space(where):
        return Space(parameters), notes


def _parameter(item: Any) -> tuple[Parameter, list[str]]:
    if not isinstance(item, dict) or set(item) != {"_type", "_value"}:
        raise ValueError(f"expected _type and _value, got {shown(item)}")
    kind, given = item["_type"], item["_value"]
    if kind not in _TYPES:
        raise ValueError(unknown("_type of NNI", str(kind), _TYPES))
    if not isinstance(given, list):
        raise ValueError(f"_value must be a list, not {shown(given)}")
    if kind == "choice":
        if any(isinstance(value, dict) and "_name" in value for value in given):
            raise ValueError("nested choices of NNI (_name) have no equivalent; write conditions")
        values, weights = collapse(given)
        return Categorical(choices=values, weights=weights), repetition(given, grid=False)
    wanted = 3 if kind[0] == "q" else 2
    if len(given) != wanted or not all(is_number(value) for value in given):
        raise ValueError(f"_value of {kind} must be {wanted} numbers, not {shown(given)}")
    if kind == "randint":
        low, high = given
        if not all(isinstance(value, int) for value in given):
            raise ValueError(f"_value of randint must be whole numbers, not {shown(given)}")
        return Integer(scale=Linear(low, high - 1)), [f"NNI leaves out {high}: up to {high - 1}"]
    scale = _SCALES[kind.removeprefix("q")](float(given[0]), float(given[1]))
    return (rounded(scale, given[2]) if kind[0] == "q" else Float(scale=scale)), []


def render(space: Space) -> dict[str, Any]:
    """Write a space for NNI.

    Raises:
        UserError: it has something that NNI cannot say; what and where.
    """
    found = {}
    for name, item in space.parameters.items():
        with refusing(name, "NNI has no"):
            kind, values = _written(item)
            again, _ = _parameter({"_type": kind, "_value": values})
            if again != item:
                raise ValueError("such a distribution")
        found[name] = {"_type": kind, "_value": values}
    return found


def _written(item: Parameter) -> tuple[str, list[Any]]:
    if item.needs():
        raise ValueError("conditions or links")
    match item:
        case Categorical(grid=False):
            return "choice", spread(item)
        case Integer(scale=Linear(), step=1):
            return "randint", [item.low, item.high + 1]
        case Float(scale=scale, lattice=lattice):
            name = next((key for key, kind in _SCALES.items() if type(scale) is kind), None)
            if name is None:
                raise ValueError(f"{type(scale).__name__.lower()} distribution")
            ends = (
                [scale.mu, scale.sigma]
                if isinstance(scale, Normal | LogNormal)
                else [*scale.bounds]
            )
            if lattice is None:
                return name, ends
            if lattice == Lattice(lattice.step, "zero"):
                return f"q{name}", [*ends, lattice.step]
            raise ValueError("steps that count from low; list the values with choice")
    raise ValueError(f"{type(item).__name__.lower()} parameters like this")


DIALECT = Dialect("nni", parse, render, detect)

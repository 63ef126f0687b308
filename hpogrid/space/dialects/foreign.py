"""Types of Syne Tune and Ray Tune, as the Python objects that their own functions make.

Neither library is loaded here: whoever made the objects has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hpogrid.space.base import BaseParameter
from hpogrid.space.dialects import python_types, ray_types
from hpogrid.space.dialects.base import SYNE_TUNE, is_foreign
from hpogrid.space.dialects.python_types import plain_value
from hpogrid.space.value import as_number, shown

_INTEGERS = {"Uniform": "randint", "LogUniform": "lograndint"}
_FLOATS = {
    "Uniform": "uniform",
    "LogUniform": "loguniform",
    "ReverseLogUniform": "reverseloguniform",
}


def adopt(item: object) -> Any:
    """Our parameter for a type of another library; anything else as it is.

    Raises:
        ValueError: a type that has no equivalent.
    """
    if isinstance(item, dict) and list(item) == ["grid_search"]:
        return ray_types.grid_search(item["grid_search"])
    if not is_foreign(item):
        return item
    home = next(kind.__module__ for kind in type(item).__mro__ if kind.__name__ == "Domain")
    return _from_syne_tune(item) if home == SYNE_TUNE else _from_ray_tune(item)


def has_rounding_of_its_own(item: object) -> bool:
    """Whether it is whole numbers on a log scale of another library."""
    return is_foreign(item) and type(item).__name__ == "Integer" and _sampler(item)[0] != "Uniform"


def _sampler(item: Any) -> tuple[str, Any, Any]:
    """The name of the distribution, its object, and the quantum (None: there is none)."""
    sampler = item.get_sampler()
    q = getattr(sampler, "q", None)
    inner = sampler if q is None else sampler.sampler
    return type(inner).__name__.lstrip("_"), inner, None if q is None else plain_value(q)


def _from_syne_tune(item: Any) -> BaseParameter:
    types = python_types
    match type(item).__name__:
        case "Categorical":
            return types.choice(item.categories)
        case "OrdinalNearestNeighbor":
            return types.ordinal(item.categories, "nn-log" if item.log_scale else "nn")
        case "Ordinal":
            return types.ordinal(item.categories, "equal")
        case "FiniteRange":
            make = types.logfinrange if item.log_scale else types.finrange
            return make(*_bounds(item), item.size, item.cast_int)
    return _bounded(item, python_types.TYPES)


def _from_ray_tune(item: Any) -> BaseParameter:
    kind, sampler, q = _sampler(item)
    match type(item).__name__:
        case "Categorical":
            return python_types.choice(item.categories)
        case "Function":
            return ray_types.sample_from(item)
        case "Float" if kind == "Normal":
            given = as_number(plain_value(sampler.mean)), as_number(plain_value(sampler.sd))
            return ray_types.randn(*given) if q is None else ray_types.qrandn(*given, q)
    return _bounded(item, ray_types.TYPES)


def _bounds(item: Any) -> tuple[float, float]:
    return as_number(plain_value(item.lower)), as_number(plain_value(item.upper))


def _bounded(item: object, types: Mapping[str, Callable[..., BaseParameter]]) -> BaseParameter:
    """The type of the library with these bounds."""
    kind, _, q = _sampler(item)
    name = (_INTEGERS if type(item).__name__ == "Integer" else _FLOATS).get(kind)
    if name is not None and q is not None:
        name = f"q{name}"
    if name is None or name not in types:
        raise ValueError(f"{shown(item)} has no equivalent")
    given = _bounds(item)
    return types[name](*given) if q is None else types[name](*given, q)

"""Types of Syne Tune and Ray Tune, as the Python objects that their own functions make.

Neither library is loaded here: whoever made the objects has it.
"""

from __future__ import annotations

from typing import Any

from hpogrid.space.base import BaseParameter
from hpogrid.space.dialects import python_types as ours
from hpogrid.space.dialects.base import SYNE_TUNE, is_foreign
from hpogrid.space.dialects.python_types import plain_value
from hpogrid.space.parameter import Categorical, Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Log, Normal
from hpogrid.space.value import shown


def adopt(item: Any) -> Any:
    """Our parameter for a type of another library; anything else as it is.

    Raises:
        ValueError: a type that has no equivalent.
    """
    if isinstance(item, dict) and list(item) == ["grid_search"]:
        return Categorical(choices=tuple(plain_value(item["grid_search"])), grid=True)
    if not is_foreign(item):
        return item
    home = next(kind.__module__ for kind in type(item).__mro__ if kind.__name__ == "Domain")
    return _from_syne_tune(item) if home == SYNE_TUNE else _from_ray_tune(item)


def _sampler(item: Any) -> tuple[str, Any, Any]:
    """The name of the distribution, its object, and the quantum (None: there is none)."""
    sampler = item.get_sampler()
    q = getattr(sampler, "q", None)
    inner = sampler if q is None else sampler.sampler
    return type(inner).__name__.lstrip("_"), inner, None if q is None else plain_value(q)


def _from_syne_tune(item: Any) -> BaseParameter:
    match type(item).__name__:
        case "Categorical":
            return ours.choice(item.categories)
        case "OrdinalNearestNeighbor":
            return ours.ordinal(item.categories, "nn-log" if item.log_scale else "nn")
        case "Ordinal":
            return ours.ordinal(item.categories, "equal")
        case "FiniteRange":
            make = ours.logfinrange if item.log_scale else ours.finrange
            return make(plain_value(item.lower), plain_value(item.upper), item.size, item.cast_int)
    low, high = plain_value(item.lower), plain_value(item.upper)
    kind, _, q = _sampler(item)
    name = {"Uniform": "uniform", "LogUniform": "loguniform"}.get(kind)
    if type(item).__name__ == "Integer":
        name = {"Uniform": "randint", "LogUniform": "lograndint"}.get(kind)
    elif kind == "ReverseLogUniform":
        name = "reverseloguniform"
    if name is None or (q is not None and f"q{name}" not in ours.TYPES):
        raise ValueError(f"{shown(item)} has no equivalent")
    made: BaseParameter = (
        ours.TYPES[name](low, high) if q is None else ours.TYPES[f"q{name}"](low, high, q)
    )
    return made


def _from_ray_tune(item: Any) -> Parameter:
    """Bounds are closed here: of whole numbers theirs leave the upper one out."""
    kind, sampler, q = _sampler(item)
    match type(item).__name__:
        case "Categorical":
            return ours.choice(item.categories)
        case "Float" if kind in ("Uniform", "LogUniform", "Normal"):
            lattice = None if q is None else Lattice(float(q))
            if kind == "Normal":
                return Float(scale=Normal(float(sampler.mean), float(sampler.sd)), lattice=lattice)
            scale = Linear if kind == "Uniform" else Log
            low, high = float(item.lower), float(item.upper)
            return Float(scale=scale(low, high), lattice=lattice)
        case "Integer" if q in (None, 1):
            make = {"Uniform": ours.randint, "LogUniform": ours.lograndint}[kind]
            return make(plain_value(item.lower), plain_value(item.upper) - 1)
        case "Integer" if kind == "Uniform":
            first, last = -(-item.lower // q) * q, item.upper // q * q
            return Integer(scale=Linear(first, last), step=q)
    raise ValueError(f"{shown(item)} has no equivalent; a function cannot be searched")

"""A search space and its values as Optuna sees them: for its storages and its dashboard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hpogrid.space.parameter import Categorical, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """An Optuna distribution for each searched parameter."""
    found = {name: _distribution(item) for name, item in space.parameters.items()}
    return {name: item for name, item in found.items() if item is not None}


def to_params(space: Space, suggested: Mapping[str, Value]) -> Values:
    """Suggested values as Optuna's parameters: what it cannot keep is written as JSON."""
    return {
        name: _as_json(value) if _in_json(space.parameters[name]) else value
        for name, value in suggested.items()
    }


def from_params(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `to_params`; names that the space does not have are left out."""
    return {
        name: msgspec.json.decode(value) if _in_json(space.parameters[name]) else value
        for name, value in params.items()
        if name in space.parameters
    }


def _distribution(item: Parameter) -> BaseDistribution | None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(item, Integer):
        return IntDistribution(item.low, item.high, log=isinstance(item.scale, Log), step=item.step)
    if isinstance(item, Categorical | Ordinal):
        plain = _plain_choices(item)
        return CategoricalDistribution(plain or tuple(map(_as_json, item.choices)))
    if not isinstance(item, Float):
        return None
    if item.lattice is not None and isinstance(item.scale, Linear):
        last = (item.count() or 1) - 1
        return FloatDistribution(item.at(0), item.at(last), step=item.lattice.step)
    low, high = item.scale.bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = item.decode(0.0), item.decode(1.0)
    return FloatDistribution(low, high, log=isinstance(item.scale, Log))


def _in_json(item: Parameter) -> bool:
    """Whether its choices are text to Optuna."""
    return isinstance(item, Categorical | Ordinal) and not _plain_choices(item)


def _plain_choices(item: Categorical | Ordinal) -> tuple[float | str | None, ...]:
    """The choices; none where they are more than Optuna can keep, or alike to it (1 and True)."""
    plain = tuple(choice for choice in item.choices if isinstance(choice, float | int | str | None))
    return plain if len(set(plain)) == len(item.choices) else ()


def _as_json(value: Value) -> str:
    return msgspec.json.encode(value).decode()

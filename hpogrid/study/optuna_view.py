"""A search space and its values as Optuna sees them: for its storages and its dashboard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from hpogrid.space.parameter import Categorical, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space


def distributions(space: Space) -> dict[str, Any]:
    """An Optuna distribution for each searched parameter."""
    found = {name: _distribution(item) for name, item in space.parameters.items()}
    return {name: item for name, item in found.items() if item is not None}


def to_params(space: Space, suggested: Mapping[str, Any]) -> dict[str, Any]:
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


def _distribution(item: Parameter) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(item, Integer):
        return IntDistribution(item.low, item.high, log=isinstance(item.scale, Log), step=item.step)
    if isinstance(item, Categorical | Ordinal):
        choices = map(_as_json, item.choices) if _in_json(item) else item.choices
        return CategoricalDistribution(tuple(choices))
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
    """Whether the choices are more than Optuna can keep, or alike to it (1 and True)."""
    if not isinstance(item, Categorical | Ordinal):
        return False
    plain = all(
        choice is None or isinstance(choice, bool | int | float | str) for choice in item.choices
    )
    return not plain or len(set(item.choices)) < len(item.choices)


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

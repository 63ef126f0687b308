"""The sweep file of Weights & Biases: ``parameters`` with ``distribution``, ``min``, ``max``.

What else a sweep says (its method, metric, program, early_terminate) belongs into other configs;
a note says into which.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.quantised import rounded
from hpogrid.space.dialects.repeats import collapse, repetition
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Parameter
from hpogrid.space.scale import Linear, Log, LogNormal, Normal
from hpogrid.space.space import Space
from hpogrid.space.value import is_number, shown

_KEYS = {"value", "values", "probabilities", "min", "max", "mu", "sigma", "q", "distribution",
         "parameters"}  # fmt: skip
_BOUNDED = ("uniform", "log_uniform", "log_uniform_values", "inv_log_uniform",
            "inv_log_uniform_values")  # fmt: skip
_OPEN = ("normal", "log_normal")
_ROUNDED = ("q_uniform", "q_log_uniform", "q_log_uniform_values", "q_normal", "q_log_normal")
_TYPES = ("constant", "categorical", "categorical_w_probabilities", "int_uniform", *_BOUNDED,
          *_OPEN, *_ROUNDED)  # fmt: skip
_ALGORITHMS = {"bayes": "auto", "random": "random", "grid": "grid"}


def detect(data: Any) -> bool:
    """Whether it has ``parameters``, of which each is written as in a sweep."""
    if not isinstance(data, dict) or "version" in data:
        return False
    found = data.get("parameters")
    return isinstance(found, dict) and bool(found) and all(
        isinstance(item, dict) and bool(item) and set(item) <= _KEYS for item in found.values()
    )  # fmt: skip


def parse(data: Any, where: str) -> Parsed:
    """Read a sweep, as data or as YAML text.

    Raises:
        UserError: the first thing that is wrong, or that has no equivalent.
    """
    if isinstance(data, str):
        from hpogrid.yamlfile import parse_yaml

        data = parse_yaml(data, where)
    if not isinstance(data, dict) or not isinstance(data.get("parameters"), dict):
        raise UserError(f"{where}: a sweep of wandb has 'parameters' with its names in it")
    parameters: dict[str, Parameter] = {}
    notes = list(_other_settings(data))
    for name, item in _leaves(data["parameters"], "", where):
        with in_space(where, name):
            if name in parameters:
                raise ValueError("is given twice; keep one of them")
            parameters[name], own = _parameter(item)
        notes += [f"parameter '{name}': {note}" for note in own]
    with in_space(where):
        return Space(parameters), notes


def _leaves(items: dict[str, Any], prefix: str, where: str) -> Iterator[tuple[str, Any]]:
    for name, item in items.items():
        if isinstance(item, dict) and isinstance(item.get("parameters"), dict):
            if set(item) != {"parameters"}:
                raise UserError(f"{where}: '{prefix}{name}' has parameters, and other keys as well")
            yield from _leaves(item["parameters"], f"{prefix}{name}.", where)
        else:
            yield f"{prefix}{name}", item


def _other_settings(data: dict[str, Any]) -> Iterator[str]:
    metric = data.get("metric")
    if isinstance(metric, dict):
        goal = {"minimize": "min", "maximize": "max"}.get(str(metric.get("goal", "minimize")))
        yield f"the sweep's metric is --metric {metric.get('name')} --mode {goal} of an hpo config"
    algorithm = _ALGORITHMS.get(str(data.get("method")))
    if algorithm is not None:
        yield f"its method is --algorithm {algorithm} of an hpo config"
    stop = data.get("early_terminate")
    if isinstance(stop, dict):
        yield (
            "its early_terminate is --scheduler asynchyperband of an hpo config, with max_t for "
            f"max_iter ({', '.join(f'{key} {value}' for key, value in stop.items())})"
        )
    others = set(data) - {"parameters", "metric", "method", "early_terminate", "name", "project"}
    if others:
        yield f"left out: {', '.join(sorted(map(str, others)))}, which belong to wandb's own agents"


def _parameter(item: Any) -> tuple[Parameter, list[str]]:
    if not isinstance(item, dict) or not set(item) <= _KEYS:
        raise ValueError(f"expected value, values, or a distribution, got {shown(item)}")
    kind = item.get("distribution") or _implied(item)
    if kind not in _TYPES:
        raise ValueError(unknown("distribution of wandb", str(kind), _TYPES))
    if kind == "constant":
        return Constant(value=item.get("value")), []
    if kind.startswith("categorical"):
        return _categorical(item)
    if kind in (*_OPEN, "q_normal", "q_log_normal"):
        scale: Any = (Normal if kind.endswith("normal") and "log" not in kind else LogNormal)(
            _number(item, "mu", 0.0), _number(item, "sigma", 1.0)
        )
    elif kind == "int_uniform":
        low, high = _number(item, "min"), _number(item, "max")
        return Integer(scale=Linear(low, high)), []
    else:
        scale = _bounded(kind.removeprefix("q_"), _number(item, "min"), _number(item, "max"))
    return (rounded(scale, item.get("q", 1)) if kind in _ROUNDED else Float(scale=scale)), []


def _implied(item: dict[str, Any]) -> str:
    """The distribution where none is named."""
    if "value" in item:
        return "constant"
    if "values" in item:
        return "categorical"
    if {"min", "max"} <= set(item):
        whole = all(type(item[key]) is int for key in ("min", "max"))
        return "int_uniform" if whole else "uniform"
    raise ValueError(f"expected value, values, or min and max, got {shown(item)}")


def _categorical(item: dict[str, Any]) -> tuple[Parameter, list[str]]:
    values, weights = item.get("values"), item.get("probabilities")
    if not isinstance(values, list):
        raise ValueError(f"values must be a list, not {shown(values)}")
    if weights is None:
        kept, counts = collapse(values)
        return Categorical(choices=kept, weights=counts), repetition(values, grid=False)
    if not isinstance(weights, list) or not all(is_number(weight) for weight in weights):
        raise ValueError(f"probabilities must be a list of numbers, not {shown(weights)}")
    return Categorical(choices=tuple(values), weights=tuple(map(float, weights))), []


def _bounded(kind: str, low: float, high: float) -> Linear | Log:
    if kind == "uniform":
        return Linear(low, high)
    if kind.endswith("_values"):  # the inverse is log uniform exactly where the value is
        return Log(low, high)
    if kind == "inv_log_uniform":
        low, high = -high, -low
    return Log(math.exp(low), math.exp(high))


def _number(item: dict[str, Any], key: str, default: float | None = None) -> float:
    value: Any = item.get(key, default)
    if not is_number(value):
        raise ValueError(f"{key} must be a number, not {shown(value)}")
    return value if isinstance(value, int) else float(value)


def render(space: Space) -> dict[str, Any]:
    """Write a space as a sweep.

    Raises:
        UserError: it has something that a sweep cannot say; what and where.
    """
    parameters: dict[str, Any] = {}
    for name, item in space.parameters.items():
        with refusing(name, "sweeps of wandb have no"):
            values = _written(item)
            if _parameter(values)[0] != item:
                raise ValueError("such a distribution")
        *groups, last = name.split(".")
        place = parameters
        for group in groups:
            place = place.setdefault(group, {"parameters": {}}).get("parameters")
            if not isinstance(place, dict):
                raise UserError(f"'{name}': sweeps of wandb have no value and parts of one name")
        if last in place:
            raise UserError(f"'{name}': sweeps of wandb have no value and parts of one name")
        place[last] = values
    sweep = {"method": "random", "parameters": parameters}
    if list(parse(sweep, "sweep")[0].parameters) != list(space.parameters):
        raise UserError("sweeps of wandb have no parts of one name apart from each other")
    return sweep


def _written(item: Parameter) -> dict[str, Any]:
    if item.needs():
        raise ValueError("conditions or links")
    match item:
        case Constant(value=value):
            return {"value": value}
        case Categorical(grid=False, choices=choices, weights=None):
            return {"values": list(choices)}
        case Categorical(grid=False, choices=choices, weights=weights):
            return {"values": list(choices), "probabilities": list(weights or ())}
        case Integer(scale=Linear(), step=1):
            return {"distribution": "int_uniform", "min": item.low, "max": item.high}
        case Float(scale=scale, lattice=lattice):
            found = _of_scale(scale)
            if lattice is None:
                return found
            if lattice.anchor == "low":
                raise ValueError("steps that count from low; list the values")
            return {**found, "distribution": f"q_{found['distribution']}", "q": lattice.step}
    raise ValueError(f"{type(item).__name__.lower()} parameters like this")


def _of_scale(scale: Any) -> dict[str, Any]:
    match scale:
        case Linear(low=low, high=high):
            return {"distribution": "uniform", "min": low, "max": high}
        case Log(low=low, high=high):
            return {"distribution": "log_uniform_values", "min": low, "max": high}
        case Normal(mu=mu, sigma=sigma):
            return {"distribution": "normal", "mu": mu, "sigma": sigma}
        case LogNormal(mu=mu, sigma=sigma):
            return {"distribution": "log_normal", "mu": mu, "sigma": sigma}
    raise ValueError(f"{type(scale).__name__.lower()} distribution")


DIALECT = Dialect("wandb", parse, render, detect, syntax="yaml")

"""What the config of a Hydra application says of its sweeper: what is searched, and how.

Of Hydra's basic sweeper, and of its plug-ins for Optuna, Ax and Nevergrad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hpogrid.errors import UserError
from hpogrid.space.parameter import Categorical, Float, Integer, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.value import Values, is_number, shown

CUSTOM = "custom_search_space"
SETTINGS = {
    "direction": "--mode",
    "n_trials": "--trials",
    "n_jobs": "--max_concurrent",
    "max_batch_size": "--max_concurrent",
    "study_name": "--study_name",
    "storage": "--storage",
    "ax_config.max_trials": "--trials",
    "ax_config.experiment.objective_name": "--metric",
    "ax_config.experiment.minimize": "--mode",
    "ax_config.client.random_seed": "--seed",
    "optim.budget": "--trials",
    "optim.num_workers": "--max_concurrent",
    "optim.maximize": "--mode",
    "optim.seed": "--seed",
}
"""Settings of sweepers, and the options of an hpo config that take their place."""

_SPACES = ("params", "search_space", CUSTOM, "ax_config", "parametrization")
_PARTS = ("ax_config", "optim")
_READ = (*_SPACES, "ax_config.params", "sampler", "_target_")
_MODES = {"minimize": "min", "maximize": "max"}
_MINIMISING = {"ax_config", "optim", "sampler", "direction", "n_trials"}
"""What only sweepers that look for the smallest value by default have."""


class Described(NamedTuple):
    """An entry that is described, and what reads it (``ValueError``: it cannot be)."""

    data: object
    read: Callable[[Any], Parameter]


def sweeper_of(data: Values) -> Values | None:
    """The ``hydra.sweeper`` of a config file, if it says what is searched."""
    hydra = data.get("hydra")
    found = hydra.get("sweeper") if isinstance(hydra, dict) else None
    return found if isinstance(found, dict) and set(_SPACES) & set(found) else None


def searched(sweeper: Values, where: str) -> dict[str, object]:
    """What it searches, by name: text of overrides, a value, or something `Described`.

    Raises:
        UserError: a part of it cannot be read.
    """
    if sweeper.get(CUSTOM) is not None:
        raise UserError(
            f"{where}: hydra.sweeper.{CUSTOM} adds parameters with a function, and nothing is "
            "run here; write them under hydra.sweeper.params, and leave it out"
        )
    found: dict[str, object] = {}
    parts: tuple[tuple[str, Callable[[Any], Parameter] | None], ...] = (
        ("search_space", _older_of_optuna),
        ("params", None),
        ("ax_config.params", _of_ax),
        ("parametrization", _of_nevergrad),
    )
    for path, read in parts:
        entries = _at(sweeper, path) or {}
        if not isinstance(entries, dict):
            raise UserError(f"{where}: hydra.sweeper.{path} must map keys to values")
        for name, item in entries.items():
            described = read is not None and not isinstance(item, str)
            found[name] = Described(item, read) if described and read else item
    for path in ("parameter_constraints", "outcome_constraints"):
        if _at(sweeper, f"ax_config.experiment.{path}"):
            raise UserError(f"{where}: {path} of Ax have no equivalent; let the script fail")
    return found


def notes_on(sweeper: Values) -> Iterator[str]:
    """What is said of the rest of it."""
    yield "of the config, only what hydra.sweeper searches is read"
    options = [f"{SETTINGS[path]} {value}" for path, value in _settings(sweeper)]
    if options:
        yield f"hydra.sweeper also says {' '.join(options)}, which belong to the hpo config"
    if isinstance(sweeper.get("sampler"), dict):
        yield "parameters of the sampler go into --algorithm_param of the hpo config"
    others = sorted(_others(sweeper))
    if others:
        yield f"left out of hydra.sweeper: {', '.join(others)}"


def _others(sweeper: Values) -> Iterator[str]:
    """The settings that have no equivalent."""
    for name, value in sweeper.items():
        inner = value if name in _PARTS and isinstance(value, dict) else {"": value}
        for key, item in inner.items():
            path = f"{name}.{key}".rstrip(".")
            covered = any(known.startswith(path) for known in SETTINGS)
            if item is not None and path not in _READ and not covered:
                yield path


def _settings(sweeper: Values) -> Iterator[tuple[str, object]]:
    for path, option in SETTINGS.items():
        value = _at(sweeper, path)
        if value is None:
            continue
        if option == "--mode":
            yield path, ",".join(modes(sweeper))
        else:
            yield path, value


def modes(sweeper: Values) -> list[str]:
    """The direction of each objective; none, where the sweeper has no objective."""
    given = sweeper.get("direction")
    words = given if isinstance(given, list) else [given] if given else []
    found = [_MODES.get(str(word).lower()) for word in words]
    if found:
        return [mode for mode in found if mode]
    if _at(sweeper, "ax_config.experiment.minimize") is False:
        return ["max"]
    if _at(sweeper, "optim.maximize") is True:
        return ["max"]
    return ["min"] if _MINIMISING & set(sweeper) else []


def _at(data: object, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _older_of_optuna(data: object) -> Parameter:
    """``{type: float, low: 0, high: 1, log: true}``"""
    from hpogrid.space.dialects.suggest import HyperOpt

    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise ValueError(f"expected {{type: float, low: 0, high: 1}}, got {shown(data)}")
    params = {key: value for key, value in data.items() if key != "type"}
    return HyperOpt(suggest=data["type"], params=params).parameter(str)


def _of_ax(data: object) -> Parameter:
    """``{type: range, bounds: [-5, 10.5]}``; a float among the bounds makes both of them floats."""
    from hpogrid.space.dialects.ax import parameter_of

    if not isinstance(data, dict):
        raise ValueError(f"expected {{type: range, bounds: [0, 1]}}, got {shown(data)}")
    bounds = data.get("bounds")
    if isinstance(bounds, list) and any(isinstance(bound, float) for bound in bounds):
        data = {**data, "bounds": [float(bound) for bound in bounds]}
    return parameter_of(data)


def _of_nevergrad(data: object) -> Parameter:
    """A list of choices, or ``{lower: 1, upper: 12, log: true, integer: true}``."""
    if isinstance(data, list):
        return Categorical(choices=tuple(data))
    if not isinstance(data, dict):
        raise ValueError(f"expected a list, or {{lower: 0, upper: 1}}, got {shown(data)}")
    unknown = set(data) - {"lower", "upper", "init", "step", "integer", "log"}
    if unknown:
        raise ValueError(f"Nevergrad's sweeper has no {', '.join(sorted(unknown))}")
    low, high = data.get("lower"), data.get("upper")
    if not is_number(low) or not is_number(high):
        raise ValueError(
            "Nevergrad searches it without bounds, which has no equivalent: give lower and upper"
        )
    scale = (Log if data.get("log") else Linear)(low, high)
    return Integer(scale=scale) if data.get("integer") else Float(scale=scale)

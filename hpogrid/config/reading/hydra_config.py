"""Applications of Hydra: what their config says, and what their sweeper searches."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpogrid.config.reading.base import Found, Reading, is_epochs, is_kept
from hpogrid.config.reading.code import keyword, returned, returns
from hpogrid.config.reading.ranges import guessed_range
from hpogrid.errors import UserError
from hpogrid.files import parse_file
from hpogrid.space.dialects import read_space
from hpogrid.space.dialects.sweepers import modes, sweeper_of
from hpogrid.space.parameter import Parameter
from hpogrid.trial.declarations import text_of


def read_hydra(reading: Reading) -> Found | None:
    """What an application under ``@hydra.main`` says; None: it is none."""
    tree = reading.source.trees[0]
    main = next(_mains(tree), None)
    if main is None:
        return None
    function, call = main
    config, folder = _config(reading, call)
    sweeper = sweeper_of(config)
    values = dict(_leaves(config, ""))
    parameters: dict[str, Parameter] = {}
    if sweeper is not None:
        compat = "optuna-sweeper" if _is_optuna(config) else None
        space, notes = read_space(config, f"{reading.name}: its config", "overrides", compat)
        parameters |= space.parameters
        reading.notes.extend(notes)
    axes = reading.axes({name: _kind(value) for name, value in values.items()}, complete=False)
    if sweeper is None and not reading.wish.only:
        for name, value in values.items():
            if not is_kept(name) and not reading.left(name) and name not in axes:
                guess = guessed_range(name, "", value, None)
                if guess is not None:
                    parameters[name] = guess[0]
                    reading.notes.append(f"{name}: {guess[1]}")
    parameters |= axes
    if not parameters:
        raise UserError(
            f"{reading.name}: its config has no number to search; give --set NAME=LOW:HIGH"
        )
    directions = modes(sweeper or {}) or (["min"] if _is_optuna(config) else [])
    metric, mode = _objective(reading, function, directions)
    epochs = next(((name, value) for name, value in values.items()
                   if is_epochs(name) and type(value) is int and value > 0), None)  # fmt: skip
    returning = bool(returns(function))
    return Found(
        parameters,
        model=function.name if returning else None,
        overrides=not returning,
        metric=metric,
        mode=mode,
        epochs=None if returning else epochs,
        beside=[folder] if folder else [],
    )


def _mains(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, ast.Call]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "hydra.main":
                    yield node, mark


def _config(reading: Reading, call: ast.Call) -> tuple[dict[str, Any], str | None]:
    """The config of an application, and its folder beside the script."""
    path, name = (
        reading.source.value(keyword(call, key)) for key in ("config_path", "config_name")
    )
    if not isinstance(name, str):
        return {}, None
    folder = reading.path.parent / (path if isinstance(path, str) else "")
    file = folder / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    if not file.is_file():
        return _structured(reading, name), None
    data = parse_file(file)
    if not isinstance(data, dict):
        raise UserError(f"{file} is no config: it maps no names to values")
    merged = _merged(_of_groups(data, folder), data)
    beside = Path(path).parts[0] if isinstance(path, str) and path.strip("./") else file.name
    return merged, beside


def _of_groups(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The values of the config groups that the defaults name: of `a/b` they are under a and b."""
    found: dict[str, Any] = {}
    defaults = data.get("defaults")
    for item in defaults if isinstance(defaults, list) else []:
        for group, choice in item.items() if isinstance(item, dict) else ():
            name = str(group).removeprefix("override ").removeprefix("/")
            file = folder / name / f"{choice}.yaml"
            inner = parse_file(file) if file.is_file() else None
            if isinstance(inner, dict):
                for part in reversed(name.split("/")):
                    inner = {part: inner}
                found = _merged(found, inner)
    return found


def _merged(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """Both, of which the second one has the last word."""
    merged = {**low, **high}
    for name in set(low) & set(high):
        if isinstance(low[name], dict) and isinstance(high[name], dict):
            merged[name] = _merged(low[name], high[name])
    return merged


def _structured(reading: Reading, name: str) -> dict[str, Any]:
    """A config that is a dataclass in Hydra's store."""
    for tree in reading.source.trees:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("store"):
                continue
            own = keyword(node, "name")
            if text_of(own if own is not None else (node.args[0] if node.args else None)) != name:
                continue
            target = keyword(node, "node")
            kind = ast.unparse(target) if target is not None else ""
            found = reading.source.fields(kind)
            return {item.dest: item.default for item in found}
    return {}


def _is_optuna(config: dict[str, Any]) -> bool:
    defaults = config.get("defaults")
    return any(
        isinstance(item, dict) and str(item.get("override hydra/sweeper", "")).startswith("optuna")
        for item in (defaults if isinstance(defaults, list) else [])
    )


def _leaves(config: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if not prefix and key in ("hydra", "defaults"):
            continue
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, bool | int | float | str):
            yield f"{prefix}{key}", value


def _kind(value: Any) -> str | None:
    return {int: "int", float: "float"}.get(type(value))


def _objective(
    reading: Reading, function: ast.FunctionDef, found: list[str]
) -> tuple[str | None, str | None]:
    """The names and directions of what the application returns; None: it returns nothing."""
    names = returned(function)
    if not names:
        return None, None
    if found:
        reading.notes.append(f"mode {','.join(found)}: what hydra.sweeper looks for")
    distinct = all(names) and len(set(names)) == len(names)
    if len(names) > 1:
        metric = ",".join(names) if distinct else ",".join(f"value{i}" for i in range(len(names)))
    else:
        metric = names[0] or "value"
    return metric, ",".join(found) if len(found) in (1, len(names)) else None

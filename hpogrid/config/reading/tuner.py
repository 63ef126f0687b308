"""Scripts with a space in types: for Ray Tune with its tuner, for Syne Tune, or for hpogrid."""

from __future__ import annotations

import ast
from typing import Any

from hpogrid.config.reading.base import Found, Reading, listed
from hpogrid.config.reading.code import calls, keyword, last_name, top_names
from hpogrid.errors import UserError
from hpogrid.space.dialects.python_source import spaces_of
from hpogrid.space.dialects.python_text import parse_script
from hpogrid.space.parameter import Constant

_LAUNCHERS = ("LocalBackend", "PythonBackend", "SageMakerBackend")
_WRAPPERS = ("with_resources",)


def read_tuner(reading: Reading) -> Found | None:
    """What a script with a space in types says; None: it has none."""
    tree = reading.source.trees[0]
    if any(calls(tree, name) for name in _LAUNCHERS):
        raise UserError(
            f"{reading.name} starts another script, whose place hpogrid takes: name that one; the "
            f"space is read with: hpogrid search_space create NAME --file {reading.path}"
        )
    tuner = next(iter(_tuners(tree)), None)
    spaces = spaces_of(tree)
    name = _space_name(tree, tuner, list(spaces)) if spaces else None
    if not spaces and tuner is None:
        return None
    model = _trainable(reading, tree, tuner)
    if spaces:
        if name is None and len(spaces) > 1:
            raise UserError(
                f"{reading.name} has several spaces, {listed(spaces)}; give the axes with --set"
            )
        space, notes = parse_script(tree, name or next(iter(spaces)), reading.name)
        reading.notes.extend(notes)
        parameters: dict[str, Any] = dict(space.parameters)
    else:
        parameters = {}
    parameters |= reading.axes(dict.fromkeys(parameters))
    if not parameters:
        return None
    metric, mode = stated_metric(reading, tree)
    epochs = [
        (each, item.value)
        for each, item in parameters.items()
        if isinstance(item, Constant) and type(item.value) is int and each in _EPOCHS
    ]
    return Found(parameters, model=model, metric=metric, mode=mode,
                 epochs=epochs[0] if epochs else None)  # fmt: skip


_EPOCHS = ("epochs", "num_epochs", "max_epochs", "steps", "num_steps", "max_steps", "n_epochs")


def _tuners(tree: ast.AST) -> list[ast.Call]:
    """The calls that start a search of Ray Tune."""
    found = [call for call in calls(tree, "Tuner") if keyword(call, "backend") is None
             and keyword(call, "trial_backend") is None]  # fmt: skip
    runs = [
        call
        for call in calls(tree, "run")
        if ast.unparse(call.func) in ("tune.run", "ray.tune.run")
    ]
    return found + runs


def _space_name(tree: ast.AST, tuner: ast.Call | None, spaces: list[str]) -> str | None:
    """Which dict the tuner is given."""
    if tuner is None:
        return spaces[0] if len(spaces) == 1 else None
    for word in ("param_space", "config"):
        given = keyword(tuner, word)
        if given is not None:
            text = ast.unparse(given)
            return text if text in spaces else word if word in spaces else None
    return spaces[0] if len(spaces) == 1 else None


def _trainable(reading: Reading, tree: ast.Module, tuner: ast.Call | None) -> str | None:
    """The function or class that the tuner is given, if it can be called by its name."""
    if reading.wish.model is not None:
        return reading.wish.model
    if tuner is None:
        return None
    given = tuner.args[0] if tuner.args else keyword(tuner, "trainable")
    if given is None:
        given = keyword(tuner, "run_or_experiment")
    while isinstance(given, ast.Call) and last_name(given) in _WRAPPERS and given.args:
        given = given.args[0]
    if isinstance(given, ast.Name):
        made = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == given.id]  # fmt: skip
        if made and isinstance(made[-1], ast.Call):
            wrapped = made[-1]
            if last_name(wrapped) in _WRAPPERS and wrapped.args:
                given = wrapped.args[0]
    name = ast.unparse(given) if given is not None else "nothing"
    if not isinstance(given, ast.Name) or given.id not in top_names(tree):
        raise UserError(
            f"{reading.name}: the tuner is given {name}, which is no function or class at the top "
            "of this script; write one there that calls it"
        )
    return given.id


def stated_metric(reading: Reading, tree: ast.AST) -> tuple[str | None, str | None]:
    """The metric and mode that the script gives its tuner, scheduler or study.

    Raises:
        UserError: it says several.
    """
    found: dict[tuple[str, str | None], None] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        metric = reading.source.value(keyword(node, "metric"))
        mode = reading.source.value(keyword(node, "mode"))
        if last_name(node) in ("get_best_result", "get_best_config") and len(node.args) == 2:
            metric, mode = map(reading.source.value, node.args)
        if isinstance(metric, str) and mode in ("min", "max"):
            found[metric, mode] = None
    if len(found) > 1 and reading.wish.metric is None:
        said = listed(f"{metric} ({mode})" for metric, mode in found)
        raise UserError(f"{reading.name} names several metrics, {said}: say which with --metric")
    if not found:
        return None, None
    wanted = [pair for pair in found if pair[0] == reading.wish.metric] or list(found)
    metric, mode = wanted[0]
    reading.notes.append(f"metric {metric}, mode {mode}: as the script says")
    return metric, mode

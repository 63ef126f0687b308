"""Functions and classes that look their parameters up: ``config["lr"]``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from hpogrid.config.reading.base import (
    Found,
    Reading,
    is_epochs,
    is_kept,
    listed,
    ranges_wanted,
)
from hpogrid.config.reading.code import last_name, required_arguments, returned
from hpogrid.config.reading.ranges import guessed_range
from hpogrid.errors import UserError
from hpogrid.trial.declarations import literal

_CONFIGS = ("config", "cfg", "conf", "params", "hparams", "parameters", "hyperparameters", "hp")


class _Lookup(NamedTuple):
    """A name that is looked up, and its default; None: there is none."""

    name: str
    default: Any
    defaulted: bool


def read_lookups(reading: Reading) -> Found | None:
    """What a function or class takes from its config; None: there is none."""
    tree = reading.source.trees[0]
    found = {}
    for item in tree.body:
        names = {each.name: each for each in _looked_up(item)} if _takes_config(item) else {}
        if names and isinstance(item, ast.FunctionDef | ast.ClassDef):
            found[item.name] = (item, names)
    wanted = reading.wish.model
    if wanted is not None:
        found = {name: each for name, each in found.items() if name == wanted}
    if not found:
        return None
    name = _best(reading, found)
    item, names = found[name]
    for other, (function, others) in found.items():
        if other in {last_name(node) for node in ast.walk(item) if isinstance(node, ast.Call)}:
            names = {**{each.name: each for each in _looked_up(function)}, **names}
            del others
    known = {each: _kind(item.default) for each, item in names.items()}
    axes = reading.axes(known, complete=not _is_open(item))
    parameters = dict(axes)
    needed, epochs = [], None
    for each, lookup in names.items():
        if each in axes:
            continue
        guess = None
        if not (reading.wish.only or is_kept(each) or reading.left(each)):
            guess = guessed_range(each, "", lookup.default, None)
        if guess is not None:
            parameters[each] = guess[0]
            reading.notes.append(f"{each}: {guess[1]}")
        elif not lookup.defaulted and not reading.left(each):
            needed.append(each)
        if is_epochs(each) and type(lookup.default) is int and lookup.default > 0:
            epochs = (each, lookup.default)
    if needed:
        raise UserError(
            f"{reading.name}: {name} looks up {listed(needed)}, and nothing says which values make "
            f"sense; give {ranges_wanted(needed)}, or one value with --set {needed[0]}=VALUE"
        )
    own = returned(item) if isinstance(item, ast.FunctionDef) else []
    metric = own[0] if len(own) == 1 and own[0] else None
    return Found(parameters, model=name, metric=metric, epochs=epochs)


def _best(reading: Reading, found: dict[str, tuple[Any, dict[str, _Lookup]]]) -> str:
    """The one that is a trial: the others are called by it."""
    called = {
        last_name(node)
        for item, _ in found.values()
        for node in ast.walk(item)
        if isinstance(node, ast.Call)
    }
    top = [name for name in found if name not in called] or list(found)
    telling = [name for name in top if _reports(found[name][0])] or top
    for name in ("objective", "train", "train_fn", "trainable", "main"):
        if len(telling) > 1 and name in telling:
            telling = [name]
    if len(telling) > 1:
        raise UserError(
            f"{reading.name}: {listed(telling)} take a config: say which is a trial with --model"
        )
    return telling[0]


def _reports(item: ast.AST) -> bool:
    if isinstance(item, ast.ClassDef):
        return any(isinstance(part, ast.FunctionDef) and part.name in ("step", "_train")
                   for part in item.body)  # fmt: skip
    said = {last_name(node) for node in ast.walk(item) if isinstance(node, ast.Call)}
    return bool({"report", "reporter"} & said) or bool(returned(item))


def _takes_config(item: ast.AST) -> bool:
    if isinstance(item, ast.ClassDef):
        return any(isinstance(part, ast.FunctionDef) and part.name in ("step", "_train")
                   for part in item.body)  # fmt: skip
    return isinstance(item, ast.FunctionDef) and bool(_config_of(item))


def _config_of(function: ast.FunctionDef) -> str | None:
    """The argument that is the config: the first one."""
    required = required_arguments(function)
    return required[0] if required and (len(required) == 1 or required[0] in _CONFIGS) else None


def _looked_up(item: ast.AST) -> Iterator[_Lookup]:
    names = {"self.config"}
    if isinstance(item, ast.FunctionDef):
        names = {str(_config_of(item))}
    else:
        names |= {"config"}
    for node in ast.walk(item):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key)), ctx=ast.Load()):
                if ast.unparse(value) in names:
                    yield _Lookup(key, None, False)
            case ast.Call(
                func=ast.Attribute(value=value, attr="get"),
                args=[ast.Constant(value=str(key)), *default],
            ):
                if ast.unparse(value) in names:
                    yield _Lookup(key, literal(default[0]) if default else None, True)


def _is_open(item: ast.AST) -> bool:
    """Whether the config also goes elsewhere as a whole."""
    for node in ast.walk(item):
        handed: list[ast.expr] = []
        if isinstance(node, ast.Call):
            handed = [*node.args, *(word.value for word in node.keywords)]
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
            handed = [node.value]
        if any(ast.unparse(part) in (*_CONFIGS, "self.config") for part in handed):
            return True
    return False


def _kind(default: Any) -> str | None:
    return {int: "int", float: "float"}.get(type(default))

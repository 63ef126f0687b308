"""Where the parameters of a script can be read: options, suggestions, lookups in a config."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hpogrid.errors import UserError
from hpogrid.space.value import Values
from hpogrid.trial.declared import argparse_options, literal, text_of

Shape = Values
"""A parameter in the method/dimension form."""

EPOCHS = ("epochs", "num_epochs", "max_epochs", "n_epochs", "steps")
_NOT_SEARCHED = (*EPOCHS, "seed", "verbose", "gpu", "gpus",
                 "device", "workers", "num_workers", "port", "rank", "local_rank")  # fmt: skip
_HELP = re.compile(
    r"^\s+(?:-\w\b(?: \S+)?, )?--([\w-]+)(?:[ =](\{[^}]*\}|[A-Z_\d]+))?[ \n].*?"
    r"(?=^\s+-|^\S|\Z)",
    re.MULTILINE | re.DOTALL,
)
_DEFAULT = re.compile(r"\(default: (.*?)\)", re.DOTALL)
_HELP_SECONDS = 60


class Option(NamedTuple):
    """An option of a script; without a shape it is not searched, and keeps its default."""

    name: str
    shape: Shape | None
    default: Any


def options(tree: ast.AST) -> Iterator[Option]:
    """Each ``add_argument("--name", ...)`` that takes a value."""
    for item in argparse_options(tree):
        name = next((text for text in item.names if text[:2] == "--"), None)
        if name is not None and item.form in ("", "words"):
            # As it is spelled: the script knows no other spelling.
            found = shape(name[2:], item.kind, item.default, item.choices)
            yield Option(name[2:], found, item.default)


def options_of_help(script: Path) -> Iterator[Option]:
    """The options that a script shows when it is run with ``--help``.

    Raises:
        UserError: it does not end well, or not in time.
    """
    command = [sys.executable, script.name, "--help"]
    try:
        answer = subprocess.run(
            command, cwd=script.absolute().parent, stdin=subprocess.DEVNULL, text=True,
            capture_output=True, timeout=_HELP_SECONDS, check=False, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{script} --help did not end in {_HELP_SECONDS} s") from error
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{script} --help ended with code {answer.returncode}: {last}")
    for found in _HELP.finditer(answer.stdout):
        name, value = found[1], found[2]
        if value is None or name == "help":
            continue
        given = _DEFAULT.search(found[0])
        default = number_or_text(given[1].strip()) if given else None
        choices = [number_or_text(item) for item in value[1:-1].split(",")]
        yield Option(name, shape(name, "", default, choices if value[0] == "{" else None), default)


def number_or_text(text: str) -> Any:
    """A number where it reads as one, None for ``None``, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text == "None" else text


def shape(name: str, kind: str, default: object, choices: object) -> Shape | None:
    """A range around a default, or the choices; None: it is no parameter to search."""
    if isinstance(choices, list | tuple) and len(choices) > 1:
        return parameter("categorical", categories=list(choices))
    if (
        name.replace("-", "_") in _NOT_SEARCHED
        or isinstance(default, bool)
        or not isinstance(default, int | float)
    ):
        return None
    if kind == "int" or (isinstance(default, int) and kind != "float"):
        lowest, highest = max(1, int(default) // 2), max(2, int(default) * 2)
        return parameter("uniformint", low=lowest, high=highest)
    if 0 < default <= 0.05:
        return parameter("loguniform", low=default / 10, high=default * 10)
    if 0 <= default <= 1:
        return parameter("uniform", low=0.0, high=1.0)
    low, high = sorted((default / 2, default * 2))
    return parameter("uniform", low=low, high=high)


def parameter(method: str, **dimension: Any) -> Shape:
    """The method/dimension form."""
    return {"method": method, "dimension": dimension}


_ORDER = {
    "float": ("low", "high"), "int": ("low", "high"), "uniform": ("low", "high"),
    "loguniform": ("low", "high"), "discrete_uniform": ("low", "high", "q"),
    "categorical": ("choices",),
}  # fmt: skip


def suggestions(tree: ast.Module) -> tuple[str | None, Values]:
    """The first function of a trial, and what it suggests as ``hyper_opt`` objects by name."""
    for item in tree.body:
        if isinstance(item, ast.FunctionDef) and [a.arg for a in item.args.args] == ["trial"]:
            found = dict(_suggested(item))
            if found:
                return item.name, found
    return None, {}


def _suggested(tree: ast.AST) -> Iterator[tuple[str, Any]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        kind = node.func.attr.removeprefix("suggest_")
        if not node.func.attr.startswith("suggest_") or kind not in _ORDER:
            continue
        words = ("name", *_ORDER[kind])
        given = dict(zip(words, map(literal, node.args), strict=False))
        given |= {str(item.arg): literal(item.value) for item in node.keywords}
        name = given.pop("name", None)
        if isinstance(name, str):
            yield name, {"hyper_opt": {"suggest": kind, "params": given}}


def lookups(tree: ast.Module) -> tuple[str | None, list[str]]:
    """The first function or class that looks values up in a config: ``config["lr"]``."""
    for item in tree.body:
        if isinstance(item, ast.FunctionDef | ast.ClassDef):
            names = dict.fromkeys(_looked_up(item))
            if names:
                return item.name, list(names)
    return None, []


def _looked_up(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("config", "self.config"):
            text = text_of(node.slice)
            if text:
                yield text


def metric(tree: ast.AST) -> str | None:
    """The first name that is reported by a call, or returned as a dict: ``report(loss=...)``."""
    for function in ("report", "reporter"):
        for call in calls(tree, function):
            for item in call.keywords:
                if item.arg and item.arg not in ("epoch", "step", "training_iteration"):
                    return item.arg
            if call.args and isinstance(call.args[0], ast.Dict):
                return _first_key(call.args[0])
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in ("step", "_train", "train"):
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and isinstance(part.value, ast.Dict):
                    return _first_key(part.value)
    return None


def is_maximised(tree: ast.AST) -> bool:
    """Whether a script for Optuna makes its study with ``direction="maximize"``."""
    words = (keyword for call in calls(tree, "create_study") for keyword in call.keywords)
    return any(word.arg == "direction" and text_of(word.value) == "maximize" for word in words)


def _first_key(node: ast.Dict) -> str | None:
    keys = [text_of(key) for key in node.keys if key is not None]
    return next((key for key in keys if key), None)


def siblings(tree: ast.AST, script: Path) -> list[str]:
    """The modules beside a script that it imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {item.name.split(".")[0] for item in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    there = (script.parent / f"{name}.py" for name in names if name)
    beside = [path.stem for path in there if path.is_file() and path != script]
    return sorted(beside + [n for n in names if n and (script.parent / n).is_dir()])


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """The calls of a function or method, by its last name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
            yield node

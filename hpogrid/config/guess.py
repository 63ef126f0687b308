"""Reading a training script, without running it, to propose configs for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.errors import UserError

_WORSE_WHEN_LARGER = ("loss", "err", "mse", "mae", "rmse", "perplexity", "nll", "time", "cost")
_EPOCHS = ("epochs", "num_epochs", "max_epochs", "steps")
_NOT_SEARCHED = (*_EPOCHS, "seed", "verbose", "gpu", "gpus",
                 "device", "workers", "num_workers", "port", "rank", "local_rank")  # fmt: skip


class Guess(msgspec.Struct, kw_only=True):
    """What a script looks like.

    Attributes:
        space: parameters in the method/dimension form.
        model: the function or class to call; None: the script itself is the trial.
        metric, mode: of the first metric that it reports.
        param: settings that are passed on unchanged.
        notes: what should be looked at before it is believed.
    """

    space: dict[str, Any]
    model: str | None
    metric: str
    mode: str
    param: dict[str, Any]
    notes: list[str]

    @property
    def reports(self) -> int:
        """How many reports a trial may make: the script's epochs, or as good as no limit."""
        epochs = [value for name, value in self.param.items() if name.replace("-", "_") in _EPOCHS]
        return int(epochs[0]) if epochs and isinstance(epochs[0], int) else 1000


def read_script(path: Path) -> Guess:
    """Propose configs for a Python script.

    Raises:
        UserError: it is not Python, or nothing in it looks like a parameter.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except FileNotFoundError as error:
        raise UserError(f"no such file: {path}") from error
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{path} is not Python that can be read: {error}") from error
    notes: list[str] = []
    options = list(_options(tree))
    space = {name: shape for name, shape, _ in options if shape is not None}
    param = {
        name: default for name, shape, default in options if shape is None and default is not None
    }
    model = None
    if not space:
        model, space = _function(tree)
        param = {}
        notes.append("the ranges are placeholders: the script does not say what values make sense")
    if not space:
        raise UserError(
            f"{path}: found neither options of argparse nor a function of a config; "
            "create the four configs by hand (hpogrid search_space create --help)"
        )
    metric = _metric(tree)
    if metric is None:
        metric = "loss"
        notes.append("found no report of a metric: 'loss' is a placeholder")
    low = any(word in metric.lower() for word in _WORSE_WHEN_LARGER)
    if options:
        notes.append("the ranges are a factor of ten (numbers: two) around the script's defaults")
    return Guess(
        space=space,
        model=model,
        metric=metric,
        mode="min" if low else "max",
        param=param,
        notes=notes,
    )


def _options(tree: ast.AST) -> Iterator[tuple[str, dict[str, Any] | None, Any]]:
    """Each ``add_argument("--name", ...)``: name, proposed parameter, default."""
    for call in _calls(tree, "add_argument"):
        name = next(
            (text for text in map(_text, call.args) if text and text.startswith("--")), None
        )
        if name is None:
            continue
        keywords = {item.arg: item.value for item in call.keywords if item.arg}
        if "action" in keywords:
            continue
        name = name.lstrip("-")  # else as it is spelled: the script knows no other spelling
        default = _literal(keywords.get("default"))
        choices = _literal(keywords.get("choices"))
        shape = _shape(name, _type_name(keywords.get("type")), default, choices)
        yield name, shape, default


def _shape(name: str, kind: str, default: Any, choices: Any) -> dict[str, Any] | None:
    if isinstance(choices, list | tuple) and len(choices) > 1:
        return _parameter("categorical", categories=list(choices))
    if (
        name.replace("-", "_") in _NOT_SEARCHED
        or isinstance(default, bool)
        or not isinstance(default, int | float)
    ):
        return None
    if kind == "int" or (isinstance(default, int) and kind != "float"):
        lowest, highest = max(1, int(default) // 2), max(2, int(default) * 2)
        return _parameter("uniformint", low=lowest, high=highest)
    if 0 < default <= 0.05:
        return _parameter("loguniform", low=default / 10, high=default * 10)
    if 0 <= default <= 1:
        return _parameter("uniform", low=0.0, high=1.0)
    low, high = sorted((default / 2, default * 2))
    return _parameter("uniform", low=low, high=high)


def _parameter(method: str, **dimension: Any) -> dict[str, Any]:
    return {"method": method, "dimension": dimension}


def _function(tree: ast.Module) -> tuple[str | None, dict[str, Any]]:
    """The first function or class that looks values up in a config: ``config["lr"]``."""
    for item in tree.body:
        if isinstance(item, ast.FunctionDef | ast.ClassDef):
            names = dict.fromkeys(_lookups(item))
            if names:
                shape = _parameter("uniform", low=0.0, high=1.0)
                return item.name, dict.fromkeys(names, shape)
    return None, {}


def _lookups(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("config", "self.config"):
            text = _text(node.slice)
            if text:
                yield text


def _metric(tree: ast.AST) -> str | None:
    """The first name that is reported: ``report(loss=...)`` or ``report({"loss": ...})``."""
    for function in ("report", "reporter"):
        for call in _calls(tree, function):
            for item in call.keywords:
                if item.arg and item.arg not in ("epoch", "step", "training_iteration"):
                    return item.arg
            if call.args and isinstance(call.args[0], ast.Dict):
                keys = [_text(key) for key in call.args[0].keys if key is not None]
                return next((key for key in keys if key), None)
    return None


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
            yield node


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _literal(node: ast.AST | None) -> Any:
    try:
        return ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None


def _type_name(node: ast.AST | None) -> str:
    return ast.unparse(node) if node is not None else ""

"""Reading a training script, to propose configs for it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from hpogrid.config import sources
from hpogrid.config.sources import Option
from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space
from hpogrid.space.parameter import Parameter
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values, check_value

_WORSE_WHEN_LARGER = ("loss", "err", "mse", "mae", "rmse", "perplexity", "nll", "time", "cost")


class Guess(msgspec.Struct, kw_only=True):
    """What a script looks like.

    Attributes:
        space: what would be searched.
        model: the function or class to call; None: the script itself is the trial.
        metric, mode: of the first metric that it reports.
        param: settings that are passed on unchanged.
        beside: modules beside the script that it imports.
        notes: what should be looked at before it is believed.
    """

    space: Space
    model: str | None
    metric: str
    mode: str
    param: Values
    beside: list[str]
    notes: list[str]

    @property
    def reports(self) -> int:
        """How many reports a trial may make: the script's epochs, or as good as no limit."""
        known = [item for name, item in self.param.items() if _is_epochs(name)]
        known += [
            getattr(item, "value", None)
            for name, item in self.space.parameters.items()
            if _is_epochs(name)
        ]
        return next((n for n in known if isinstance(n, int) and n > 0), 1000)


def _is_epochs(name: str) -> bool:
    return name.replace("-", "_") in sources.EPOCHS


def read_script(path: Path, ask: bool = False) -> Guess:
    """Propose configs for a Python script.

    Args:
        path: the script; it is read, not run.
        ask: run it with ``--help`` all the same, for the options that are made elsewhere.

    Raises:
        UserError: it is not Python, or nothing in it looks like a parameter.
    """
    text, tree = _parsed(path)
    notes: list[str] = []
    model, trial = None, False
    options = list(sources.options_of_help(path) if ask else sources.options(tree))
    space = _typed(text, tree, notes)
    if space is None:
        model, space = _suggested(tree, notes)
        trial = model is not None
    if space is None and options:
        space = _checked({item.name: item.shape for item in options}, notes)
        notes.append("the ranges are a factor of ten (numbers: two) around the script's defaults")
    if space is None and not options:
        model, names = sources.lookups(tree)
        found = {name: sources.parameter("uniform", low=0.0, high=1.0) for name in names}
        space = _checked(found, notes)
        notes.append("the ranges are placeholders: the script does not say what values make sense")
    if space is None:
        raise UserError(
            f"{path}: found neither options of argparse with a default, nor a space, nor a "
            "function of a config or a trial; if its options are made in another file give "
            "--ask_script, else create the four configs by hand"
        )
    metric, mode = _metric(tree, trial, model, notes)
    return Guess(
        space=space,
        model=model,
        metric=metric,
        mode=mode,
        param={} if model else _kept(options, space),
        beside=sources.siblings(tree, path),
        notes=notes,
    )


def _metric(tree: ast.Module, trial: bool, model: str | None, notes: list[str]) -> tuple[str, str]:
    """The name of the metric, and which way it is better.

    Args:
        tree: the script.
        trial: whether it has an objective of a trial, whose value needs no name.
        model: the function or class that is called.
        notes: what should be looked at is added here.
    """
    if trial:
        return "value", "max" if sources.is_maximised(tree) else "min"
    found = sources.metric(tree)
    if found is None and model is None:
        notes.append(
            "found no report of a metric: 'loss' is a placeholder; report it with "
            "hpogrid.report(loss=...), or say how it is printed with --metric_regex"
        )
    elif found is None:
        notes.append(f"what {model} returns is called 'loss', and taken for better when smaller")
    metric = found or "loss"
    low = any(word in metric.lower() for word in _WORSE_WHEN_LARGER)
    return metric, "min" if low else "max"


def find_script(folder: Path) -> Path:
    """The one script of a folder from which configs can be made.

    Raises:
        UserError: there is none, or there are several.
    """
    found = []
    for path in sorted(folder.glob("*.py")):
        try:
            read_script(path)
        except UserError:
            continue
        found.append(path)
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found)
    raise UserError(
        f"several scripts of {folder} could be it: {names}; name one of them"
        if found
        else f"no script of {folder} looks like a training script; name it"
    )


def _parsed(path: Path) -> tuple[str, ast.Module]:
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return text, ast.parse(text, filename=str(path))
    except FileNotFoundError as error:
        raise UserError(f"no such file: {path}") from error
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not Python that can be read: {error}") from error


def _typed(text: str, tree: ast.Module, notes: list[str]) -> Space | None:
    """The space that a script says with types, as scripts for Syne Tune and Ray Tune do."""
    from hpogrid.space.dialects.python_source import spaces_of

    if not spaces_of(tree):
        return None
    space, found = read_space(text, "script", "python_types")
    notes += found
    return space


def _suggested(tree: ast.Module, notes: list[str]) -> tuple[str | None, Space | None]:
    """The function of a trial and the space that it suggests, as for Optuna."""
    model, found = sources.suggestions(tree)
    space = _checked(found, notes, "hyper_opt")
    if space is not None:
        notes.append("what is suggested under an 'if' is searched always; see conditions")
    return (model, space) if space is not None else (None, None)


def _checked(
    found: Mapping[str, Value], notes: list[str], dialect: str = "method_dimension"
) -> Space | None:
    """The space of those parameters that make sense; None: there are none."""
    parameters: dict[str, Parameter] = {}
    for name, item in found.items():
        if item is None:
            continue
        try:
            parameters |= read_space({name: item}, "script", dialect)[0].parameters
        except UserError as error:
            notes.append(f"left out: {str(error).removeprefix('script: ')}")
    return Space(parameters) if parameters else None


def _kept(options: Iterable[Option], space: Space) -> Values:
    """The defaults of options that are not searched."""
    kept = {}
    for item in options:
        if item.shape is None and item.default is not None and item.name not in space.parameters:
            try:
                check_value(item.default)
            except ValueError:
                continue
            kept[item.name] = item.default
    return kept

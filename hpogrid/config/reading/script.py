"""Reading a training script, to propose configs for it. It is read, not run."""

from __future__ import annotations

import ast
import shlex
import warnings
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.config.reading.base import Found, NoTraining, Reading, Wish, is_epochs, listed
from hpogrid.config.reading.hydra_config import read_hydra
from hpogrid.config.reading.lookups import read_lookups
from hpogrid.config.reading.metrics import find_objective
from hpogrid.config.reading.options import read_options
from hpogrid.config.reading.optuna_script import read_optuna
from hpogrid.config.reading.tuner import read_tuner
from hpogrid.errors import UserError
from hpogrid.space.parameter import Constant
from hpogrid.space.space import Space
from hpogrid.trial import declared
from hpogrid.trial.declarations import Source
from hpogrid.trial.placeholders import script_word

_READERS = (read_hydra, read_optuna, read_tuner, read_options, read_lookups)
"""One for each kind of script; the first that finds something is right."""

_MANAGERS = {"nni": "get_next_parameter", "wandb": "agent"}
"""Whom a script asks for its parameters, and by which name one knows it."""


class Guess(msgspec.Struct, kw_only=True):
    """What a script looks like.

    Attributes:
        space: what would be searched.
        model: the function or class to call; None: the script itself is the trial.
        command: what starts a trial, where that is more than the script.
        metric, mode: of the objectives.
        metric_regex: how the metric is printed; None: it is reported.
        param: settings that are passed on unchanged.
        reports: how many reports a trial makes; None: one, or as many as it likes.
        beside: modules and files beside the script that it needs.
        notes: what is guessed, and why.
    """

    space: Space
    model: str | None
    command: str | None
    metric: str
    mode: str
    metric_regex: str | None
    param: dict[str, Any]
    reports: int | None
    beside: list[str]
    notes: list[str]


def read_script(path: Path, wish: Wish | None = None) -> Guess:
    """Propose configs for a Python script.

    Args:
        path: the script.
        wish: what the user says of it.

    Raises:
        UserError: it is not Python, or what is in it cannot be searched as it is; why, and what
            to type or write instead.
    """
    wish = wish or Wish()
    _check(path)
    script = declared.read_script([path.name], path.absolute().parent)
    assert script is not None
    reading = Reading(path, script, Source(script.trees), wish, [])
    found = _found(reading)
    if not found.parameters:
        raise UserError(
            f"{path.name}: nothing in it says by itself what to search; give --set NAME=LOW:HIGH "
            "for what you want to try"
        )
    objective = find_objective(reading, found)
    epochs = found.epochs
    param: dict[str, Any] = {}
    if epochs is not None and found.model is None and not found.overrides and not wish.ask:
        param = {epochs[0]: epochs[1]} if epochs[0] not in found.parameters else {}
    searched = any(is_epochs(name) and not isinstance(item, Constant)
                   for name, item in found.parameters.items())  # fmt: skip
    return Guess(
        space=Space(found.parameters),
        model=found.model,
        command=_command(path, found, wish),
        metric=objective.metric,
        mode=objective.mode,
        metric_regex=objective.regex,
        param=param,
        reports=None if epochs is None or searched else epochs[1],
        beside=sorted({*_siblings(reading), *found.beside}),
        notes=reading.notes,
    )


def _found(reading: Reading) -> Found:
    _refuse_managed(reading)
    for reader in _READERS:
        found = reader(reading)
        if found is not None:
            return found
    wanted = reading.wish.model
    if wanted is not None:
        raise UserError(f"{reading.name} has no '{wanted}' that takes a config or a trial")
    raise NoTraining(
        f"{reading.path}: found neither options, nor a space, nor a function of a config or a "
        "trial; if its options are made in another file give --ask_script, else create the four "
        "configs by hand"
    )


def _refuse_managed(reading: Reading) -> None:
    """Refuse a script that asks another system for its parameters."""
    for library, name in _MANAGERS.items():
        if {library, name} <= reading.script.uses:
            raise UserError(
                f"{reading.name} asks {library} for its parameters ({name}), and would never see a "
                "trial's; let it take them from its command line, or from a function's argument"
            )


def _command(path: Path, found: Found, wish: Wish) -> str | None:
    """What starts a trial, where the script's name does not say it all."""
    if found.model is not None:
        if wish.words:
            raise UserError(
                f"{path.name}: {found.model} is called, and takes no words: leave out what is "
                "behind --"
            )
        return None
    spread = "{overrides}" if found.overrides else "{args}"
    if not wish.words and not found.overrides:
        return None
    if any("{" in word for word in wish.words):
        raise UserError("braces in the script's own words are placeholders; write model_config")
    script = shlex.quote(script_word(path.name))
    return f"python {script} {shlex.join(wish.words)} {spread}".replace("  ", " ")


def find_script(folder: Path) -> Path:
    """The one script of a folder from which configs can be made.

    Raises:
        UserError: there is none, or there are several.
    """
    found = []
    for path in sorted(folder.glob("*.py")):
        try:
            read_script(path)
        except NoTraining:
            continue
        except UserError as error:
            if "is not Python" in str(error):
                continue
        found.append(path)
    if len(found) == 1:
        return found[0]
    raise UserError(
        f"several scripts of {folder} could be it: {listed(path.name for path in found)}; name "
        "one of them"
        if found
        else f"no script of {folder} looks like a training script; name it"
    )


def _check(path: Path) -> None:
    """Refuse what is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(path.read_text(encoding="utf-8-sig"), filename=str(path))
    except FileNotFoundError as error:
        raise UserError(f"no such file: {path}") from error
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not Python that can be read: {error}") from error
    if path.suffix != ".py":
        raise UserError(f"{path} is no Python script (.py); create the four configs by hand")


def _siblings(reading: Reading) -> list[str]:
    """The modules beside a script that it imports."""
    names: set[str] = set()
    folder = reading.path.absolute().parent
    for node in ast.walk(reading.source.trees[0]):
        if isinstance(node, ast.Import):
            names |= {item.name.split(".")[0] for item in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
            if node.level and not node.module:
                names |= {item.name for item in node.names}
    there = (folder / f"{name}.py" for name in names if name)
    beside = [path.stem for path in there if path.is_file() and path.name != reading.name]
    return beside + [name for name in names if name and (folder / name).is_dir()]

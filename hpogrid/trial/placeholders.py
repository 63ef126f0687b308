"""Commands with placeholders: what stands for the parameters, and how values become text."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import string
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpogrid.trial.errors import UserError, unknown

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.\-]*)\}")
_SPREAD = ("args", "overrides")
_FILES = ("json", "hpm", "metrics", "folder", "checkpoint")
_RENDERED = ("template", "config")
"""What there is only with ``--template FILE``."""


def command_words(command: str | None, script: str | None) -> list[str]:
    """The command as words; a script alone is called with its parameters as options.

    Raises:
        UserError: the quotes do not match.
    """
    if command is None:
        return [sys.executable, str(script), "{args}"]
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"command: {error} in {command}") from error
    if not words:
        raise UserError("command: it is empty; write for example 'python train.py {args}'")
    return [sys.executable if words[0] in ("python", "python3") else words[0], *words[1:]]


def trial_files(*, template: bool, prep: bool) -> list[str]:
    """The placeholders of a trial's command that are paths; some take a template or a prep."""
    return [*_FILES, *(_RENDERED if template else ()), *(("prep",) if prep else ())]


def check_command(words: list[str], names: Sequence[str], files: Sequence[str]) -> None:
    """Refuse a placeholder that is neither one of ours nor a parameter.

    Args:
        words: the command.
        names: of the parameters.
        files: the placeholders that are paths.

    Raises:
        UserError: which one.
    """
    known = [*_SPREAD, *files, *names]
    for word in words:
        for name in _PLACEHOLDER.findall(word):
            if name in _RENDERED and name not in known:
                raise UserError(f"command: {{{name}}} is made from a file; name it with --template")
            if name not in known:
                raise UserError(f"command: {unknown('placeholder', name, known)}")


def uses(words: Sequence[str], name: str) -> bool:
    """Whether a placeholder is in the command."""
    return any(name in _PLACEHOLDER.findall(word) for word in words)


def runnable(words: Sequence[str], folder: Path) -> list[str]:
    """A command whose program may be a script of the project, without ``./`` before it.

    Programs that the PATH has come first. A script that is not executable is run by Python where
    it ends in ``.py``, else by the shell.

    Args:
        words: the command.
        folder: of the scripts.
    """
    own = folder / words[0]
    if "/" in words[0] or shutil.which(words[0]) or not own.is_file():
        return list(words)
    path = str(own) if own.is_absolute() else f"./{own}"
    if os.access(own, os.X_OK):
        return [path, *words[1:]]
    return [sys.executable if own.suffix == ".py" else "/bin/sh", path, *words[1:]]


def fill(words: list[str], values: Mapping[str, Any], files: Mapping[str, Path]) -> list[str]:
    """Replace the placeholders; no value can become more than the one argument it stands in."""
    filled: list[str] = []
    for word in words:
        if word == "{args}":
            for name, value in values.items():
                filled += [f"--{name}", as_text(value)]
        elif word == "{overrides}":
            filled += [f"{name}={as_override(value)}" for name, value in values.items()]
        else:
            filled.append(_PLACEHOLDER.sub(lambda match: _replace(match, values, files), word))
    return filled


def _replace(match: re.Match[str], values: Mapping[str, Any], files: Mapping[str, Path]) -> str:
    name = match.group(1)
    if name in values:
        return as_text(values[name])
    return str(files[name]) if name in files else match.group(0)


def as_text(value: Any) -> str:
    """A value as an argument: text as it is, all else as JSON with Python's None and booleans."""
    if value is None or isinstance(value, (str, bool)):
        return str(value)
    return json.dumps(value)


def as_override(value: Any) -> str:
    """A value as in ``key=value`` overrides: null, true, and quotes where they are needed."""
    if isinstance(value, str):
        return value if re.fullmatch(r"[\w./:+@%-]+", value) else json.dumps(value)
    return json.dumps(value)


def hpm_text(values: Mapping[str, Any]) -> str:
    """``name=value`` lines that a shell can source: every value is quoted."""
    return "".join(
        f"{shell_name(name)}={_quoted(as_text(value))}\n" for name, value in values.items()
    )


def _quoted(text: str) -> str:
    """Text as a word of the shell, in quotes also where it needs none."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def shell_name(name: str) -> str:
    """The shell variable for a parameter: what is no letter, digit or ``_`` becomes ``_``."""
    variable = re.sub("[^A-Za-z0-9_]", "_", name)
    return f"_{variable}" if variable[:1].isdigit() else variable


class Template(string.Template):
    """Text with ``${lr}`` or ``${model.lr}``; ``$$`` is a dollar sign."""

    braceidpattern = r"[A-Za-z_][\w.\-]*"


def read_template(path: Path) -> Template:
    """Read a template of the project's scripts.

    Raises:
        UserError: it is not there.
    """
    try:
        return Template(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"template: cannot read {path.name}: {error}") from error


def render(template: Template, values: Mapping[str, Any]) -> str:
    """Fill a template.

    Raises:
        UserError: a name in it is no parameter.
    """
    try:
        return template.substitute({name: as_text(value) for name, value in values.items()})
    except KeyError as error:
        raise UserError(f"template: {unknown('parameter', error.args[0], list(values))}") from error
    except ValueError as error:
        raise UserError(f"template: {error}; write $$ for a dollar sign") from error


def metric_patterns(text: str | None, metric: str) -> dict[str, re.Pattern[str]]:
    """The regular expressions for metrics, by name.

    Args:
        text: one expression (for ``metric``), or a JSON object of several by name.
        metric: the name of the objective.

    Raises:
        UserError: an expression is wrong, or has no group around the number.
    """
    if text is None:
        return {}
    sources = {metric: text}
    if text.lstrip().startswith("{"):
        with contextlib.suppress(json.JSONDecodeError):
            sources = json.loads(text)
    patterns = {}
    for name, source in sources.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what a later Python may read otherwise
                pattern = re.compile(source)
        except (re.error, TypeError) as error:
            raise UserError(
                f"metric_regex: '{source}' is no regular expression: {error}"
            ) from error
        if pattern.groups < 1:
            raise UserError(
                f"metric_regex: '{source}' needs a group around the number, such as loss=([0-9.]+)"
            )
        patterns[name] = pattern
    return patterns

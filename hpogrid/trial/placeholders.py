"""Commands with placeholders: what stands for the parameters, and how values become text."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import string
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hpogrid.trial.declared import Arguments
from hpogrid.trial.errors import UserError, unknown
from hpogrid.trial.overrides import override
from hpogrid.trial.words import as_text

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"(?<!\$)\{([+~]{0,2}[^\W\d][\w.\[\]/@+ -]*)\}")
_SPREAD = ("args", "overrides")
_FILES = ("json", "hpm", "metrics", "folder", "checkpoint")
_RENDERED = ("template", "config")
"""What there is only with ``--template FILE``."""


def command_words(command: str | None, script: str | None) -> list[str]:
    """The command as words; a script alone is called with its parameters as options.

    Raises:
        UserError: the quotes do not match, or the script's name reads as something else.
    """
    if command is None:
        return [sys.executable, script_word(str(script)), "{args}"]
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"command: {error} in {command}") from error
    if not words:
        raise UserError("command: it is empty; write for example 'python train.py {args}'")
    return [sys.executable if words[0] in ("python", "python3") else words[0], *words[1:]]


def script_word(script: str) -> str:
    """The word of a command that names a script: no option of Python, and no placeholder.

    Raises:
        UserError: it has a placeholder in it.
    """
    found = _PLACEHOLDER.search(script)
    if found is not None:
        raise UserError(
            f"script: {found[0]} in the name {script} reads as a placeholder; rename the file"
        )
    return f"./{script}" if script.startswith("-") else script


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
    for name in _PLACEHOLDER.findall(" ".join(words)):
        if name in names and not uses(words, name):
            raise UserError(f"command: put quotes around '{{{name}}}', which has a blank in it")
        if not uses(words, name):
            raise UserError(f"command: {unknown('placeholder', name, known)}")
    for word in words:
        for name in _PLACEHOLDER.findall(word):
            if name in _RENDERED and name not in known:
                raise UserError(f"command: {{{name}}} is made from a file; name it with --template")
            if name not in known:
                raise UserError(f"command: {unknown('placeholder', name, known)}")
            if name in _SPREAD and word != f"{{{name}}}":
                raise UserError(
                    f"command: {{{name}}} becomes several words, so it has to stand alone and not "
                    f"in '{word}'; in a script for the shell use {{hpm}}"
                )
        for name in names:
            if f"${{{name}}}" in word:
                raise UserError(f"command: write {{{name}}} without the dollar sign, in '{word}'")
            if f"{{{name}}}" in word and name not in _PLACEHOLDER.findall(word):
                raise UserError(
                    f"command: '{name}' cannot be a placeholder; use {{args}}, {{json}}"
                )
    if uses(words, "hpm"):
        check_shell_names(names)


def check_values(
    words: Sequence[str], values: Iterable[tuple[str, Any]], arguments: Arguments
) -> None:
    """Refuse a value that the program of a command cannot be told.

    Args:
        words: the command.
        values: names of parameters, and what they may be.
        arguments: how the program is told one.

    Raises:
        UserError: which one.
    """
    for item in values:
        if "{args}" in words:
            _said(arguments.words, *item)
        if "{overrides}" in words:
            _said(override, *item)


def uses(words: Sequence[str], name: str) -> bool:
    """Whether a placeholder is in the command."""
    return any(name in _PLACEHOLDER.findall(word) for word in words)


def hands_over(words: Sequence[str]) -> bool:
    """Whether a command tells its program anything of the parameters."""
    names = {name for word in words for name in _PLACEHOLDER.findall(word)}
    return bool(names - {"folder", "metrics", "prep"})


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


def fill(
    words: Sequence[str],
    values: Mapping[str, object],
    files: Mapping[str, Path],
    arguments: Arguments | None = None,
) -> list[str]:
    """Replace the placeholders; no value can become more than the one argument it stands in.

    A parameter that has no value in this trial is left out, with the option that it is for.

    Args:
        words: the command.
        values: of the parameters that the trial has.
        files: the placeholders that are paths.
        arguments: how the program is told a parameter; ``--name=value``, if not given.

    Raises:
        UserError: a value that the program cannot be told.
    """
    told = arguments or Arguments((), Path())
    filled: list[str] = []
    for word in words:
        name = _one_placeholder(word)
        if word == "{args}":
            filled += [text for item in values.items() for text in _said(told.words, *item)]
        elif word == "{overrides}":
            filled += [_said(override, *item) for item in values.items()]
        elif name is None or name in values or name in files:
            filled.append(_replaced(word, values, files))
        elif word == f"{{{name}}}" and filled and re.fullmatch("--?[A-Za-z][^=]*", filled[-1]):
            del filled[-1]
    return filled


def _said(say: Callable[[str, Any], T], name: str, value: object) -> T:
    try:
        return say(name, value)
    except ValueError as error:
        raise UserError(f"parameter '{name}': {error}") from error


def _one_placeholder(word: str) -> str | None:
    """The name in a word that is ``{name}``, ``--option={name}`` or ``key={name}``."""
    match = re.fullmatch(rf"(?:[\w.+~/@-]+=)?{_PLACEHOLDER.pattern}", word)
    return match[1] if match else None


def _replaced(word: str, values: Mapping[str, object], files: Mapping[str, Path]) -> str:
    def text(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return as_text(values[name])
        return str(files[name]) if name in files else ""

    return _PLACEHOLDER.sub(text, word)


def hpm_text(values: Mapping[str, object]) -> str:
    """``name=value`` lines that a shell can source: every value is quoted.

    Raises:
        UserError: a name that means something to the shell.
    """
    names = check_shell_names(values)
    return "".join(f"{names[name]}={_quoted(as_text(value))}\n" for name, value in values.items())


def _quoted(text: str) -> str:
    """Text as a word of the shell, in quotes also where it needs none."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


_OF_THE_SHELL = re.compile(
    "(BASH|COMP|HIST|DIR|FUNC|GLOB|IGNOREEOF|INPUTRC|LC_|LD_|DYLD_|MAIL|OPT|PYTHON|HPOGRID).*|"
    "PS[0-4]|OLDPWD|P?PWD|PATH|CDPATH|IFS|HOME|ENV|SHELL|SHELLOPTS|E?UID|GROUPS|PPID|LANG|LANGUAGE|"
    "TERM|TMPDIR|TMOUT|TZ|USER|LOGNAME|HOST(NAME|TYPE|FILE)|MACHTYPE|OSTYPE|RANDOM|SRANDOM|SECONDS|"
    "EPOCH(SECONDS|REALTIME)|LINENO|SHLVL|PIPESTATUS|POSIXLY_CORRECT|REPLY|READLINE_.*|TIMEFORMAT|"
    "COLUMNS|LINES|EXECIGNORE|FCEDIT|FIGNORE|CHILD_MAX|NLSPATH|PROMPT_COMMAND|_"
)
"""The variables that shells, or the loader of programs, obey or set themselves."""


def check_shell_names(names: Iterable[str]) -> dict[str, str]:
    """The shell variable for each parameter: what is no letter, digit or ``_`` becomes ``_``.

    Raises:
        UserError: one that means something to the shell, or two that are the same to it.
    """
    found: dict[str, str] = {}
    for name in names:
        variable = re.sub("[^A-Za-z0-9_]", "_", name)
        variable = f"_{variable}" if variable[:1].isdigit() else variable
        if _OF_THE_SHELL.fullmatch(variable):
            raise UserError(f"'{name}' means something to every shell; rename it")
        other = found.setdefault(variable, name)
        if other != name:
            raise UserError(
                f"'{other}' and '{name}' are the same name to a shell; rename one of them"
            )
    return {name: variable for variable, name in found.items()}


class Template(string.Template):
    """Text with ``${lr}`` or ``${model.lr}``; ``$$`` is a dollar sign.

    ``${momentum:-0.9}`` says what stands there in a trial that has no ``momentum``.
    """

    braceidpattern = r"[^\W\d][\w.\[\]-]*(?::-[^{}]*)?"


def read_template(path: Path) -> Template:
    """Read a template of the project's scripts.

    Raises:
        UserError: it is not there.
    """
    try:
        return Template(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"template: cannot read {path.name}: {error}") from error


class _Texts(Mapping[str, str]):
    """What stands for a name of a template."""

    def __init__(self, values: Mapping[str, object], absent: Iterable[str]) -> None:
        self._texts = {name: as_text(value) for name, value in values.items()}
        self._absent = set(absent)

    def __getitem__(self, key: str) -> str:
        name, _, otherwise = key.partition(":-")
        return otherwise if name in self._absent else self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def render(template: Template, values: Mapping[str, object], absent: Iterable[str] = ()) -> str:
    """Fill a template.

    Args:
        template: the text.
        values: of the parameters.
        absent: the parameters that this trial does not have.

    Raises:
        UserError: a name in it is no parameter.
    """
    try:
        return template.substitute(_Texts(values, absent))
    except KeyError as error:
        name = error.args[0].partition(":-")[0]
        raise UserError(f"template: {unknown('parameter', name, list(values))}") from error
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
    sources = _patterns_by_name(text) if text.lstrip().startswith("{") else {metric: text}
    patterns = {}
    for name, source in sources.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what a later Python may read otherwise
                pattern = re.compile(source)
        except (re.error, TypeError, OverflowError, RecursionError) as error:
            raise UserError(
                f"metric_regex: '{source}' is no regular expression: {error}"
            ) from error
        if pattern.groups < 1:
            raise UserError(
                f"metric_regex: '{source}' needs a group around the number, such as loss=([0-9.]+)"
            )
        patterns[name] = pattern
    return patterns


def _patterns_by_name(text: str) -> dict[str, Any]:
    hint = (
        r"in JSON a backslash is written twice; a pattern that begins with a brace begins with \{"
    )
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"metric_regex: {text} is no JSON object: {error}; {hint}") from error
    if not isinstance(found, dict) or not found:
        raise UserError('metric_regex: the JSON object names no metric; write {"loss": "..."}')
    return found

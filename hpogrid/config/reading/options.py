"""Scripts that read a command line: argparse, click, typer, absl, fire, tyro, dataclasses."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hpogrid.config.reading.base import (
    Found,
    Reading,
    is_epochs,
    is_kept,
    listed,
    ranges_wanted,
    same,
)
from hpogrid.config.reading.ranges import guessed_range
from hpogrid.errors import UserError
from hpogrid.trial.declarations import Declared

_HELP = re.compile(
    r"^[\s│|]+(?:-\w\b(?:[ ,]\S+)??,? +)?--([\w.-]+)"
    r"(?:[ =]+(\{[^}]*\}|\[[^\]]*\]|<?[A-Z][A-Z_\d]*>?))?"
    r"(?=[\s│|]).*?(?=^[\s│|]+-|^\S|\Z)",
    re.MULTILINE | re.DOTALL,
)
_DEFAULT = re.compile(r"[\[(]default[:=]? ?['\"]?(.*?)['\"]?[\])]", re.DOTALL | re.IGNORECASE)
_HELP_SECONDS = 60
_MOST_SHOWN = 8
_KINDS = {"INTEGER": "int", "INT": "int", "FLOAT": "float", "NUMBER": "float"}


def read_options(reading: Reading) -> Found | None:
    """What a script's own options say; None: it has none."""
    found = list(_options(reading))
    hidden = [] if reading.wish.ask else reading.source.hidden()
    if hidden and not reading.wish.only:
        raise UserError(
            f"{reading.name}: options are made while it runs (line {hidden[0]}), so they cannot be "
            "read; give --ask_script, which runs it with --help"
        )
    if not found and not _is_told(reading):
        return None
    found = _of_command(reading, found)
    options = [item for item in found if item.form != "positional"]
    _refuse_missing_words(reading, found)
    given = _given(reading.wish.words, options)
    known = {item.name: _kind(item) for item in options if item.name not in given}
    spellings = {text.lstrip("-"): kind for item in options for text in item.names
                 for kind in [_kind(item)] if item.name not in given}  # fmt: skip
    names = {**known, **spellings}
    axes = reading.axes(names, complete=bool(names) and not _makes_others(reading))
    parameters = dict(axes)
    needed, kept = [], []
    for item in options:
        if item.name in given or any(text.lstrip("-") in axes for text in item.names):
            continue
        guess = None
        fixed = reading.wish.only or is_kept(item.name) or reading.left(item.name)
        if item.form == "" and not fixed:
            guess = guessed_range(item.name, item.kind, item.default, item.choices)
        if guess is not None:
            parameters[item.name] = guess[0]
            reading.notes.append(f"{item.name}: {guess[1]}")
        elif _is_needed(item) and not reading.left(item.name):
            needed.append(item.name)
        elif not fixed and (item.form not in ("", "other") or _kind(item) is not None):
            kept.append(item.name)
    if kept:
        beyond = [f"{len(kept) - _MOST_SHOWN} others"] if len(kept) > _MOST_SHOWN else []
        which = listed([*kept[:_MOST_SHOWN], *beyond])
        reading.notes.append(f"not searched: {which}; --set NAME=RANGE searches one")
    if needed:
        raise UserError(
            f"{reading.name}: nothing says what {listed(f'--{name}' for name in needed)} should "
            f"be: there is no default; give {ranges_wanted(needed)}, or a value behind --, or "
            f"{' '.join(f'--leave {name}' for name in needed)} where the script does without"
        )
    return Found(parameters, epochs=_epochs(options, given, reading))


def _options(reading: Reading) -> Iterator[Declared]:
    if reading.wish.ask:
        yield from options_of_help(reading.path)
    else:
        seen = set()
        for item in reading.script.declared:
            if "--help" not in item.names and (item.names, item.command) not in seen:
                seen.add((item.names, item.command))
                yield item


def _is_told(reading: Reading) -> bool:
    """Whether the user says the names himself, and the script can be told them."""
    script = reading.script
    told = script.reads_arguments or script.reads_environment
    return told and bool(reading.wish.axes)


def _makes_others(reading: Reading) -> bool:
    """Whether the script may have options that cannot be seen."""
    uses = reading.script.uses
    if reading.wish.ask:
        return False
    others = {"parse_known_args", "add_to_argparse", "allow_extra_args", "TrainingArguments"}
    return bool(others & uses or reading.source.hidden() or not reading.script.declared)


def _of_command(reading: Reading, found: list[Declared]) -> list[Declared]:
    """The options of the sub-command that the script's own words begin with."""
    commands = list(dict.fromkeys(item.command for item in found if item.command))
    if not commands:
        return found
    chosen = next((word for word in reading.wish.words if word in commands), None)
    if chosen is None:
        noun = "sub-command" if len(commands) == 1 else "sub-commands"
        raise UserError(
            f"{reading.name} has the {noun} {listed(commands)}: say which behind --, "
            f"such as -- {commands[0]}"
        )
    return [item for item in found if item.command in ("", chosen)]


def _refuse_missing_words(reading: Reading, found: list[Declared]) -> None:
    needed = [item.names[0] for item in found if item.form == "positional" and item.required]
    if needed and not [word for word in reading.wish.words if not word.startswith("-")]:
        raise UserError(
            f"{reading.name} needs {listed(needed)} on its command line: give what it is "
            f"behind --, such as -- {' '.join(name.upper() for name in needed)}"
        )


def _given(words: Sequence[str], options: Sequence[Declared]) -> set[str]:
    """The options among the script's own words."""
    there = {word.partition("=")[0] for word in words if word.startswith("-")}
    return {item.name for item in options if there & {*item.names, *item.negative}}


def _kind(item: Declared) -> str | None:
    if item.kind in ("int", "float"):
        return item.kind
    if item.kind == "" and not isinstance(item.default, bool):
        return {int: "int", float: "float"}.get(type(item.default))
    return None


def _is_needed(item: Declared) -> bool:
    """Whether the script will hardly run without it."""
    if item.required:
        return True
    number = item.kind in ("int", "float") and item.form == ""
    return number and not item.defaulted and not is_kept(item.name)


def _epochs(
    options: Sequence[Declared], given: set[str], reading: Reading
) -> tuple[str, int] | None:
    for item in options:
        known = type(item.default) is int and item.default > 0
        if is_epochs(item.name) and item.name not in given and known:
            searched = any(same(item.name, axis) for axis in reading.wish.axes)
            return None if searched else (item.name, item.default)
    return None


def options_of_help(path: Path) -> Iterator[Declared]:
    """The options that a script shows when it is run with ``--help``.

    Raises:
        UserError: it does not end well, or not in time.
    """
    command = [sys.executable, f"./{path.name}", "--help"]
    try:
        answer = subprocess.run(
            command, cwd=path.absolute().parent, stdin=subprocess.DEVNULL, text=True,
            capture_output=True, timeout=_HELP_SECONDS, check=False, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{path} --help did not end in {_HELP_SECONDS} s") from error
    if answer.returncode not in (0, 1) or (answer.returncode == 1 and not answer.stdout):
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{path} --help ended with code {answer.returncode}: {last}")
    for found in _HELP.finditer(answer.stdout):
        name, value = found[1], found[2]
        if value is None or name == "help":
            continue
        given = _DEFAULT.search(found[0])
        default = _number_or_text(given[1].strip()) if given else None
        marks = value[1:-1] if value[0] in "{[" else ""
        choices = [_number_or_text(item.strip()) for item in re.split("[,|]", marks)]
        yield Declared(
            (f"--{name}",),
            kind=_KINDS.get(value.strip("<>"), ""),
            default=default,
            choices=choices if len(choices) > 1 else None,
            defaulted=True,
        )


def _number_or_text(text: str) -> Any:
    """A number where it reads as one, None for ``None``, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text == "None" else text

"""Nested configs: a space sits inside the user's own config, and each trial gets it filled in.

The config says what is searched (``hyper_opt`` objects, a YAML grid, override strings), or a
space with dotted names comes from elsewhere and its values are put in the config's places. The
filled config has the format that it came in; Jsonnet becomes JSON, comments are not kept.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hpogrid.errors import UserError
from hpogrid.files import parse_json, read_text
from hpogrid.registry import unknown
from hpogrid.space.dialects import detect_dialect, read_space
from hpogrid.space.jsonnet import is_jsonnet, parse_jsonnet
from hpogrid.space.parameter import Constant
from hpogrid.space.paths import Path as Place
from hpogrid.space.paths import join, nest, places, split
from hpogrid.space.space import Space
from hpogrid.space.value import Value, shown
from hpogrid.yamlfile import dump_yaml, parse_yaml

Form = Literal["json", "jsonnet", "yaml", "overrides", "shell"]
"""``overrides``: ``key=value`` in the grammar of override strings; ``shell``: for ``source``."""

_SUFFIXES: dict[str, Form] = {
    ".json": "json",
    ".jsonnet": "jsonnet",
    ".libsonnet": "jsonnet",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".hpm": "shell",
    ".sh": "shell",
    ".env": "shell",
}
_OVERRIDE = re.compile(r"[+~]*[\w$][\w$./@:-]*(=.*)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Template:
    """A config with the space that is searched in it.

    Attributes:
        space: what is searched; what the config leaves fixed is constant in it.
        form: the format of the config.
        config: the config into whose places values are put; None: the space is the config.
        nested: whether a name is a path in a tree.
        notes: what its author should know.
    """

    space: Space
    form: Form
    config: Any = None
    nested: bool = False
    notes: tuple[str, ...] = ()

    def fill(self, applied: Mapping[str, Value]) -> Any:
        """The config of a trial, as data.

        Args:
            applied: the applied values of a point; one that is left out loses its place.
        """
        if self.config is not None:
            return _placed(self.config, self.space, applied, nested=self.nested)
        return nest(applied) if self.nested else dict(applied)

    def write(self, applied: Mapping[str, Value]) -> str:
        """The config of a trial, as the text of a file.

        Raises:
            UserError: a value that the format cannot say.
        """
        return write_config(self.fill(applied), self.form)


def read_template(
    text: str,
    where: str,
    form: Form | None = None,
    space: Space | None = None,
    folder: Path | None = None,
) -> Template:
    """Read a config.

    Args:
        text: the config.
        where: what it is, as it reads in a message.
        form: its format; None: look at the text.
        space: what is searched; None: the config says so itself.
        folder: where imports of Jsonnet are looked for; None: it may not import.

    Raises:
        UserError: malformed, nothing is searched, or the space names a place that is not there.
    """
    form = form or guess_form(text)
    data = _READERS[form](text, where, folder)
    if space is not None:
        return _with_space(data, where, form, space)
    if form == "shell":
        raise UserError(f"{where}: shell variables say nothing of a search; give a space as well")
    dialect = "overrides" if form == "overrides" else detect_dialect(data, where)
    found, notes = read_space(data, where, dialect)
    return Template(found, form, nested=dialect == "hyper_opt", notes=tuple(notes))


def read_template_file(path: Path, space: Space | None = None) -> Template:
    """Read a config file; its ending says the format (``.json``, ``.yaml``, ``.jsonnet``, ...).

    Raises:
        UserError: as `read_template`, or the file cannot be read.
    """
    text = read_text(path)
    form = _SUFFIXES.get(path.suffix.lower())
    return read_template(text, str(path), form, space, path.parent)


def guess_form(text: str) -> Form:
    """The format of a text: a program's first letters are Jsonnet, ``key=value`` overrides."""
    if is_jsonnet(text):
        return "json" if _is_json(text) else "jsonnet"
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return "overrides" if lines and all(map(_OVERRIDE.fullmatch, lines)) else "yaml"


def _is_json(text: str) -> bool:
    try:
        parse_json(text, "")
    except UserError:
        return False
    return True


def _with_space(data: Any, where: str, form: Form, space: Space) -> Template:
    notes: list[str] = []
    if form == "overrides":
        given, notes = read_space(data, where, "overrides")
        data = {}
        for name, item in given.parameters.items():
            if not isinstance(item, Constant):
                raise UserError(f"{where}: '{name}' is searched by the config and by the space")
            data[name] = item.value
    nested = form not in ("overrides", "shell")
    if not isinstance(data, dict | list):
        raise UserError(f"{where}: expected a config with keys, got {shown(data)}")
    known = {_name(place): None for place, _ in places(data)} if nested else dict.fromkeys(data)
    for name in space.parameters:
        if name not in known:
            known.pop(None, None)
            choices = [str(other) for other in known]
            raise UserError(f"{where}: {unknown('place', name, choices)}")
    return Template(space, form, data, nested, tuple(notes))


def _name(place: Place) -> str | None:
    try:
        return join(place) or None
    except ValueError:
        return None


def _placed(config: Any, space: Space, applied: Mapping[str, Value], *, nested: bool) -> Any:
    filled = copy.deepcopy(config)
    left_out: list[Place] = []
    for name in space.parameters:
        place = split(name) if nested else (name,)
        if name in applied:
            _parent(filled, place)[place[-1]] = applied[name]
        else:
            left_out.append(place)
    for place in reversed(left_out):  # of a list, the last first
        del _parent(filled, place)[place[-1]]
    return filled


def _parent(config: Any, place: Place) -> Any:
    for part in place[:-1]:
        config = config[part]
    return config


def write_config(config: Any, form: Form) -> str:
    """Write a config as the text of a file.

    Raises:
        UserError: a value that the format cannot say.
    """
    if form == "yaml":
        return dump_yaml(config)
    if form in ("json", "jsonnet"):
        return json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    line = _override if form == "overrides" else _variable
    try:
        return "".join(f"{line(name, value)}\n" for name, value in config.items())
    except ValueError as error:
        raise UserError(f"{form}: {error}") from error


def _override(name: str, value: Value) -> str:
    from hpogrid.space.dialects.override_grammar import write_value

    if name.startswith("~"):
        return name
    try:
        return f"{name}={write_value(value)}"
    except ValueError as error:
        raise ValueError(f"'{name}': there is no way to write a {error}") from error


def _variable(name: str, value: Value) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{shown(name)} is no name of a variable; use letters, digits and _")
    return f"{name}={shlex.quote(_word(value))}"


def _word(value: Value) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(text: str, where: str, folder: Path | None) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _variables(text: str, where: str, folder: Path | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise UserError(f"{where}: line {number}: {error}") from error
        if not words:
            continue
        name, equals, value = words[0].partition("=")
        if len(words) > 1 or not equals or not _VARIABLE.fullmatch(name):
            raise UserError(f"{where}: line {number}: expected NAME=value, quoted for the shell")
        found[name] = value
    return found


_READERS: dict[str, Callable[[str, str, Path | None], Any]] = {
    "json": lambda text, where, folder: parse_json(text, where),
    "yaml": lambda text, where, folder: parse_yaml(text, where),
    "jsonnet": parse_jsonnet,
    "overrides": _lines,
    "shell": _variables,
}

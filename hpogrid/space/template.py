"""Nested configs: values are put into the places of the user's own config file.

The names of parameters are places in it: ``model.layers[0].size``. What stands there, a default
or a ``hyper_opt`` object that says what is searched, is replaced. The filled config has the
format that it came in; Jsonnet becomes JSON, comments are not kept.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hpogrid.errors import UserError
from hpogrid.files import parse_json, read_text
from hpogrid.registry import unknown
from hpogrid.space.dialects import read_space
from hpogrid.space.dialects.hyper_opt import MARK
from hpogrid.space.jsonnet import is_jsonnet, parse_jsonnet
from hpogrid.space.parameter import Constant
from hpogrid.space.paths import Path as Place
from hpogrid.space.paths import join, places
from hpogrid.space.value import Value, shown
from hpogrid.trial.overrides import override
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
    """A config file and the places in it that get values.

    Attributes:
        form: the format of the config.
        config: what the file says.
        places: the place of each parameter in it.
    """

    form: Form
    config: Any
    places: Mapping[str, Place]

    def fill(self, values: Mapping[str, Value]) -> Any:
        """The config of a trial, as data.

        Args:
            values: of the parameters; one that is left out loses its place.
        """
        filled = copy.deepcopy(self.config)
        left_out: list[Place] = []
        for name, place in self.places.items():
            if name in values:
                _parent(filled, place)[place[-1]] = values[name]
            else:
                left_out.append(place)
        for place in sorted(left_out, key=_indices, reverse=True):  # of a list, the last first
            del _parent(filled, place)[place[-1]]
        return filled

    def write(self, values: Mapping[str, Value]) -> str:
        """The config of a trial, as the text of a file.

        Raises:
            UserError: a value that the format cannot say.
        """
        return write_config(self.fill(values), self.form)


def read_template(
    text: str,
    where: str,
    names: Iterable[str],
    form: Form | None = None,
    folder: Path | None = None,
) -> Template:
    """Read a config.

    Args:
        text: the config.
        where: what it is, as it reads in a message.
        names: of the parameters that have a place in it.
        form: its format; None: look at the text.
        folder: where imports of Jsonnet are looked for; None: it may not import.

    Raises:
        UserError: malformed, a parameter that has no place in it, or something that the config
            says is searched, and that is no parameter.
    """
    form = form or guess_form(text)
    data = _READERS[form](text, where, folder)
    if form == "overrides":
        data = _values(data, where, names := list(names))
    if not isinstance(data, dict | list):
        raise UserError(f"{where}: expected a config with keys, got {shown(data)}")
    nested = form not in ("overrides", "shell")
    known = {_name(place): place for place, _ in places(data)} if nested else None
    found: dict[str, Place] = {}
    for name in names:
        place = known.get(name) if known is not None else (name,) if name in data else None
        if place is None:
            others = [str(other) for other in (known or data) if other is not None]
            raise UserError(f"{where}: {unknown('place', name, others)}")
        found[name] = place
    _refuse_nested(found, where)
    template = Template(form, data, found)
    _refuse_rest(template, where)
    return template


def read_template_file(path: Path, names: Iterable[str]) -> Template:
    """Read a config file; its ending says the format (``.json``, ``.yaml``, ``.jsonnet``, ...).

    Raises:
        UserError: as `read_template`, or the file cannot be read.
    """
    text = read_text(path)
    form = _SUFFIXES.get(path.suffix.lower())
    return read_template(text, path.name, names, form, path.parent)


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


def _values(data: list[str], where: str, names: list[str]) -> dict[str, Value]:
    """The values of overrides; what they search is a parameter."""
    values: dict[str, Value] = {}
    for name, item in read_space(data, where, "overrides")[0].parameters.items():
        if not isinstance(item, Constant) and name not in names:
            raise UserError(f"{where}: {_not_searched(name)}")
        values[name] = getattr(item, "value", None)
    return values


def _indices(place: Place) -> list[int]:
    return [part if isinstance(part, int) else -1 for part in place]


def _refuse_nested(found: Mapping[str, Place], where: str) -> None:
    names = {place: name for name, place in found.items()}
    for place, name in names.items():
        for depth in range(1, len(place)):
            if (outer := names.get(place[:depth])) is not None:
                raise UserError(f"{where}: '{name}' lies inside of '{outer}'; keep one of them")


def _refuse_rest(template: Template, where: str) -> None:
    """Refuse a ``hyper_opt`` object that no parameter takes the place of."""
    rest = template.fill(dict.fromkeys(template.places))
    for place, item in places(rest):
        if isinstance(item, dict) and MARK in item:
            raise UserError(f"{where}: {_not_searched(_name(place) or 'the whole')}")


def _not_searched(name: str) -> str:
    return f"'{name}' is to be searched, but the search space has no such parameter"


def _name(place: Place) -> str | None:
    try:
        return join(place) or None
    except ValueError:
        return None


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
    try:
        line = override(name, value)
    except ValueError as error:
        raise ValueError(f"'{name}': {error}") from error
    if len(line.splitlines()) > 1:
        raise ValueError(f"'{name}': there is no way to write a line break in a text")
    return line


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

"""``hyper_opt`` objects inside a nested config, in JSON, YAML or Jsonnet.

::

    {model: {heads: {hyper_opt: {suggest: "int", params: {low: 2, high: 8, step: 2}}}, depth: 4}}

A parameter is called by its path, ``model.heads``; inside lists, ``layers[0].size``. All other
values of the config are constants, so a condition or a product can refer to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import parse_json
from hpogrid.registry import unknown
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.suggest import SUGGEST, HyperOpt, hyper_opt_of
from hpogrid.space.jsonnet import is_jsonnet, parse_jsonnet
from hpogrid.space.parameter import Constant, Parameter
from hpogrid.space.paths import Path, is_key, join, nest
from hpogrid.space.space import Space
from hpogrid.space.value import Value, Values, plain, shown

MARK = "hyper_opt"


def detect(data: object) -> bool:
    """Whether there is a ``hyper_opt`` object somewhere."""
    if isinstance(data, str):
        return MARK in data
    if isinstance(data, dict):
        return MARK in data or any(map(detect, data.values()))
    return isinstance(data, list) and any(detect(part) for part in data if not _is_text(part))


def _is_text(part: object) -> bool:
    return isinstance(part, str)


def parse(data: Any, where: str) -> Parsed:
    """Read a nested config with ``hyper_opt`` objects: data, or JSON, YAML or Jsonnet text.

    Raises:
        UserError: malformed (line and column in text), or the first object that is wrong.
    """
    if isinstance(data, str):
        data = read_text(data, where)
    items: dict[str, Any] = {}
    with in_space(where):
        for path, item in _leaves(data, ()):
            items[join(path)] = item
    if not any(isinstance(item, _Node) for item in items.values()):
        raise UserError(f"{where}: there is no {MARK} object in it; nothing would be searched")
    notes: list[str] = []
    parameters: dict[str, Parameter] = {}
    for name, item in items.items():
        with in_space(where, name):
            if isinstance(item, _Node):
                parameters[name] = _read(item.data).parameter(_resolver(items, name, notes))
            else:
                parameters[name] = Constant(value=item)
    with in_space(where):
        return Space(parameters), notes


def read_text(text: str, where: str) -> Any:
    """Read JSON, Jsonnet (it starts as a program does: a bracket, ``local``), or YAML."""
    if not is_jsonnet(text):
        from hpogrid.yamlfile import parse_yaml

        return parse_yaml(text, where)
    try:
        return parse_json(text, where)
    except UserError as malformed:
        try:
            return parse_jsonnet(text, where)
        except UserError as error:
            if "pip install" in str(error):
                raise UserError(f"{malformed}; if it is Jsonnet: {error}") from error
            raise


class _Node:
    """What stands in a ``hyper_opt`` object."""

    def __init__(self, data: object) -> None:
        self.data = data


def _leaves(tree: object, path: Path) -> Iterator[tuple[Path, Any]]:
    """The places of parameters and constants, in order."""
    if isinstance(tree, dict) and MARK in tree:
        if not path or len(tree) > 1:
            other = next((key for key in tree if key != MARK), None)
            beside = f"beside '{other}'" if other is not None else "at the root of the config"
            place = f"{join(path)}: " if path else ""
            raise ValueError(f"{place}{MARK} stands {beside}; it must be alone under a key")
        yield path, _Node(tree[MARK])
    elif isinstance(tree, dict) and tree and (all(map(is_key, tree)) or detect(tree)):
        for key, part in tree.items():
            yield from _leaves(part, (*path, key))
    elif isinstance(tree, list) and detect(tree):
        for index, part in enumerate(tree):
            yield from _leaves(part, (*path, index))
    else:
        yield path, tree


def _read(data: object) -> HyperOpt:
    if not isinstance(data, dict):
        raise ValueError(f"{MARK} must be an object with suggest and params, not {shown(data)}")
    try:
        return msgspec.convert(data, HyperOpt)
    except msgspec.ValidationError as error:
        raise ValueError(f"{MARK}: {plain(error)}") from error


def _resolver(items: Values, parameter: str, notes: list[str]) -> Callable[[str], str]:
    """Finds the parameter or constant that a name means: its path, or the end of just one."""

    def resolve(name: str) -> str:
        if name in items:
            return name
        ends = [other for other in items if other.endswith(f".{name}")]
        if len(ends) == 1:
            notes.append(f"parameter '{parameter}': '{name}' is taken for '{ends[0]}'")
            return ends[0]
        if ends:
            raise ValueError(f"'{name}' could be {' or '.join(ends)}; write the whole path")
        raise ValueError(f"it depends on an {unknown('parameter', name, list(items))}")

    return resolve


def render(space: Space) -> Value:
    """Write a space as a nested config.

    Raises:
        UserError: it has something that the form cannot say; what and where.
    """
    leaves: Values = {}
    for name, item in space.parameters.items():
        if isinstance(item, Constant) and not item.needs():
            leaves[name] = _constant(name, item.value)
            continue
        with refusing(name, f"{MARK} objects have no"):
            leaves[name] = {MARK: hyper_opt_of(item)}
    if all(isinstance(item, Constant) for item in space.parameters.values()):
        raise UserError(f"there are only constants in it; {MARK} objects are for what is searched")
    tree: Value = nest(leaves)
    try:
        names = [join(path) for path, _ in _leaves(tree, ())]
    except ValueError as error:
        raise UserError(f"{MARK} objects: {error}") from error
    if names != list(leaves):
        odd = next(a for a, b in zip(leaves, [*names, *leaves], strict=False) if a != b)
        raise UserError(f"'{odd}': a nested config would have it in another place or order")
    return tree


def _constant(name: str, value: Value) -> Value:
    if detect(value) and not _is_text(value):
        raise UserError(f"'{name}': a constant with a {MARK} object in it would be searched")
    return value


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a config: anything, but ``hyper_opt`` objects must be right."""
    kinds = [HyperOpt, *SUGGEST.values()]
    _, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    one = components.pop("HyperOpt")
    branches = [
        {"properties": {"suggest": {"const": name}, "params": {"$ref": f"#/$defs/{kind.__name__}"}}}
        for name, kind in SUGGEST.items()
    ]
    config = {
        "if": {"type": "object", "required": [MARK]},
        "then": {
            "properties": {MARK: {"$ref": "#/$defs/HyperOpt"}},
            "additionalProperties": False,
        },
        "else": {
            "additionalProperties": {"$ref": "#/$defs/Config"},
            "items": {"$ref": "#/$defs/Config"},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A config with hyper_opt objects",
        "$ref": "#/$defs/Config",
        "$defs": {**components, "HyperOpt": {**one, "oneOf": branches}, "Config": config},
    }


DIALECT = Dialect("hyper_opt", parse, render, detect, json_schema=json_schema)

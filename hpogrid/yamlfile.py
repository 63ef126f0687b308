"""YAML as people mean it: ``1e-3`` is a number, ``4:2`` is not 242, no key stands twice."""

from __future__ import annotations

import re
from typing import Any

import yaml

from hpogrid.errors import UserError

_SEXAGESIMAL = re.compile(r"^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_INT = re.compile(r"^[-+]?[0-9]+$")


class _Loader(yaml.SafeLoader):
    """The safe loader with YAML 1.2's numbers and without repeated keys."""


def _scalar(loader: _Loader, node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    if _SEXAGESIMAL.match(text):
        raise UserError(
            f"line {node.start_mark.line + 1}: {text} without quotes is a number in base 60 "
            f'to YAML; write "{text}"'
        )
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise UserError(
                f"line {key_node.start_mark.line + 1}: the key {key_node.value} is no text; "
                f'write "{key_node.value}"'
            )
        if key in seen:
            raise UserError(f"line {key_node.start_mark.line + 1}: the key '{key}' is there twice")
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp)
        for tag, regexp in resolvers
        if not tag.endswith(("int", "float", "timestamp"))
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _SEXAGESIMAL, list("-+0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:int", _scalar)
_Loader.add_constructor("tag:yaml.org,2002:float", _scalar)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_yaml(text: str, where: str) -> Any:
    """Parse one YAML document that a person wrote.

    Raises:
        UserError: malformed (line and column), a repeated key, an unquoted ``4:2``.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        raise UserError(f"{where}: malformed YAML{place}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{where}: malformed YAML: {str(error).splitlines()[0]}") from error

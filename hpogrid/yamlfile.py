"""YAML as people mean it: what version 1.1 of YAML would read as something else is refused.

``1e-3`` is a number; ``4:2`` (242 to YAML 1.1), ``yes`` (true) and ``010`` (8) must be quoted
or written otherwise; no key stands twice; the result is what JSON can say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import yaml

from hpogrid.errors import UserError
from hpogrid.space.value import Values

_NODES = 1_000_000
"""More values than this, aliases counted each time, are refused."""

_DEEPEST = 64
_MERGED = 100_000
"""More pairs of one mapping than this, merged ones counted each time, are refused."""

_MERGE = "tag:yaml.org,2002:merge"

_INT = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")
_HEX = re.compile(r"^[-+]?0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_BOOL = re.compile(r"^(true|True|TRUE|false|False|FALSE)$")
_DOUBTFUL = re.compile(
    r"""^(?:[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?   # base 60
    |[-+]?0[0-9_]+|[-+]?0o[0-7]+|[-+]?0b[01_]+                # octal, binary
    |[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?                  # digits in groups
    |[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)                 # no finite number
    |yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$""",
    re.VERBOSE,
)
_MEANING = [
    (re.compile(r".*:"), "is a number in base 60 to YAML"),
    (re.compile(r"[-+]?[0-9]"), "is written differently in the versions of YAML"),
    (re.compile(r".*\."), "is no finite number"),
    (re.compile(r"."), "is true or false to some versions of YAML"),
]
_DOUBT = "tag:hpogrid,2024:doubtful"


class _Loader(yaml.SafeLoader):
    """The safe loader with YAML 1.2's numbers and without repeated keys."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put in what ``<<`` names, unless that is more than a person could mean."""
        count = len(node.value)
        for key, value in node.value:
            if key.tag == _MERGE:
                parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for part in parts:
                    if isinstance(part, yaml.MappingNode):
                        self.flatten_mapping(part)
                        count += len(part.value)
        if count > _MERGED:
            raise _refuse(node, "the merge keys make it too large")
        super().flatten_mapping(node)


class _Dumper(yaml.SafeDumper):
    """Puts in quotes what the loader would not read as text."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_BREAKS = re.compile("[\x85\u2028\u2029]")
"""Line breaks to YAML, which in single quotes become blanks."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _refuse(node: yaml.Node, problem: str) -> UserError:
    return UserError(f"line {node.start_mark.line + 1}: {problem}")


def _doubtful(loader: _Loader, node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    meaning = next(words for pattern, words in _MEANING if pattern.match(text))
    raise _refuse(node, f'{text} without quotes {meaning}; write "{text}"')


def _number(read: Callable[[str], float]) -> Callable[[_Loader, yaml.ScalarNode], float]:
    def construct(loader: _Loader, node: yaml.ScalarNode) -> float:
        try:
            value = read(str(node.value))
        except ValueError as error:
            raise _refuse(node, f"{node.value[:40]} is no number") from error
        if not -math.inf < value < math.inf:
            raise _refuse(node, f"{node.value[:40]} is no finite number")
        return value

    return construct


def _bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    text = str(node.value).lower()
    if text not in ("true", "false"):
        raise _refuse(node, f"{node.value} is neither true nor false")
    return text == "true"


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Values:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:
            continue
        key = _key(key_node)
        if key in seen:
            raise _refuse(key_node, f"the key '{key}' is there twice")
        seen.add(key)
    loader.flatten_mapping(node)
    return {
        _key(key_node): loader.construct_object(value_node, deep=True)
        for key_node, value_node in node.value
    }


def _key(node: yaml.Node) -> str:
    text = isinstance(node, yaml.ScalarNode) and (
        node.tag == "tag:yaml.org,2002:str" or re.fullmatch("[A-Za-z]+", node.value)
    )
    if not text:
        shown = node.value if isinstance(node, yaml.ScalarNode) else "in brackets"
        raise _refuse(node, f"the key {shown} is no text; put it in quotes")
    return str(node.value)


def _set_up() -> None:
    kept = ("null", "merge")
    _Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag.endswith(kept)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _Loader.add_implicit_resolver(_DOUBT, _DOUBTFUL, list("-+.0123456789yYnNoO"))
    _Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
    _Loader.add_implicit_resolver("tag:yaml.org,2002:int", _HEX, list("-+0"))
    _Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
    _Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))
    _Dumper.yaml_implicit_resolvers = {
        first: yaml.SafeDumper.yaml_implicit_resolvers.get(first, []) + resolvers
        for first, resolvers in _Loader.yaml_implicit_resolvers.items()
    }
    _Dumper.add_representer(str, _text)
    _Loader.add_constructor(_DOUBT, _doubtful)
    whole = _number(lambda text: int(text, 16 if _HEX.match(text) else 10))
    _Loader.add_constructor("tag:yaml.org,2002:int", whole)
    _Loader.add_constructor("tag:yaml.org,2002:float", _number(float))
    _Loader.add_constructor("tag:yaml.org,2002:bool", _bool)
    _Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


_set_up()


def parse_yaml(text: str, where: str) -> Any:
    """Parse one YAML document that a person wrote.

    Returns:
        What JSON can say: objects with text keys, lists, text, finite numbers, true, false, null.

    Raises:
        UserError: malformed (line and column), a repeated key, an unquoted ``4:2`` or ``yes``.
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
        _check(data, [_NODES], 0)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        raise UserError(f"{where}: malformed YAML{place}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = str(error).splitlines()[0]
        raise UserError(f"{where}: malformed YAML: {problem}") from error
    return data


def dump_yaml(data: object) -> str:
    """Write JSON data as YAML that `parse_yaml` and other readers of YAML read back the same."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _check(value: object, left: list[int], depth: int) -> None:
    """Refuse what is no JSON (an explicit !!set, !!binary), loops, and what is too large."""
    left[0] -= 1
    if left[0] < 0 or depth > _DEEPEST:
        raise UserError("the YAML is too large or nested too deeply")
    if isinstance(value, dict):
        for part in value.values():
            _check(part, left, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, left, depth + 1)
    elif not isinstance(value, str | int | float | None):
        raise UserError(f"a {type(value).__name__} is no value that JSON can say")

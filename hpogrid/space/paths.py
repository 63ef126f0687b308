"""Dotted names and config trees: ``model.layers[0].size`` is a place in nested JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hpogrid.errors import UserError
from hpogrid.space.value import Value

Path = tuple[str | int, ...]
"""The keys and list indices that lead to a place."""

_KEY = re.compile(r"[^.\[\]\s\x00-\x1f]+(?: +[^.\[\]\s\x00-\x1f]+)*")
_PART = re.compile(rf"(?:^|(?<=.)\.)({_KEY.pattern})|\[(0|[1-9][0-9]*)\]")


def is_key(key: str) -> bool:
    """Whether a key can be part of a dotted name: no dot, no bracket, not empty."""
    return _KEY.fullmatch(key) is not None


def join(path: Path) -> str:
    """The dotted name of a place.

    Raises:
        ValueError: a key with a dot or a bracket.
    """
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        elif is_key(part):
            name += f".{part}" if name else part
        else:
            raise ValueError(f"the key {part!r} has a dot, a bracket or a blank at its end")
    return name


def split(name: str) -> Path:
    """The place that a dotted name means.

    Raises:
        ValueError: it is malformed.
    """
    parts: list[str | int] = []
    end = 0
    while end < len(name):
        found = _PART.match(name, end)
        if not found:
            raise ValueError(f"{name!r} is no dotted name such as model.layers[0].size")
        parts.append(found[1] if found[2] is None else int(found[2]))
        end = found.end()
    if not parts:
        raise ValueError("the name is empty")
    return tuple(parts)


def nest(values: Mapping[str, Value]) -> Any:
    """The tree with each value at the place that its dotted name says.

    List elements that are not there are left out; the others keep their order.

    Raises:
        UserError: a malformed name, or one that goes through the value of another.
    """
    root: dict[str | int, Any] = {}
    for name, value in values.items():
        try:
            path = split(name)
        except ValueError as error:
            raise UserError(f"parameter {error}") from error
        _place(root, path, _Leaf(value), name)
    return _plain(root)


class _Leaf:
    """A value, told apart from the branches of the tree."""

    def __init__(self, value: Value) -> None:
        self.value = value


def _place(root: dict[str | int, Any], path: Path, leaf: _Leaf, name: str) -> None:
    branch = root
    for depth, part in enumerate(path):
        if branch and isinstance(next(iter(branch)), int) != isinstance(part, int):
            kinds = ("a list", "an object")
            this, other = kinds if isinstance(part, int) else reversed(kinds)
            raise UserError(
                f"'{name}' makes {join(path[:depth]) or 'the whole'} {this}, and another parameter "
                f"makes it {other}"
            )
        if depth == len(path) - 1:
            if part in branch:
                raise UserError(f"'{name}' stands where another parameter has its keys")
            branch[part] = leaf
            return
        branch = branch.setdefault(part, {})
        if isinstance(branch, _Leaf):
            raise UserError(f"'{name}' goes through '{join(path[: depth + 1])}', which is a value")


def _plain(branch: Any) -> Any:
    if isinstance(branch, _Leaf):
        return branch.value
    if isinstance(next(iter(branch), None), int):
        return [_plain(branch[index]) for index in sorted(branch)]
    return {key: _plain(part) for key, part in branch.items()}


def places(tree: object, path: Path = ()) -> Sequence[tuple[Path, Any]]:
    """Every place of a tree with what is there, from the root."""
    found: list[tuple[Path, Any]] = [(path, tree)]
    if isinstance(tree, dict):
        for key, part in tree.items():
            found += places(part, (*path, key))
    elif isinstance(tree, list):
        for index, part in enumerate(tree):
            found += places(part, (*path, index))
    return found

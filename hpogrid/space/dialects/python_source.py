"""Python text taken apart without being run: the dict or the lines that say a space."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from hpogrid.errors import UserError
from hpogrid.space.dialects.python_types import TYPES, plain_value


def is_type(node: ast.expr) -> bool:
    """Whether it is a call of a type; ``choice`` takes one list, else it is an override."""
    if not isinstance(node, ast.Call) or call_name(node) not in TYPES:
        return False
    if call_name(node) != "choice" or node.keywords:
        return True
    return len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple)


def call_name(node: ast.Call) -> str | None:
    """``loguniform``, also of ``config_space.loguniform(...)``."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def literal(node: ast.expr) -> Any:
    """The plain value that is written.

    Raises:
        ValueError: it is something that would have to be run.
    """
    try:
        return plain_value(ast.literal_eval(node))
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        place = f"line {node.lineno} column {node.col_offset + 1}"
        raise ValueError(f"{place}: only plain values are read here, nothing is run") from error


def tree_of(text: str, where: str) -> ast.Module:
    """Parse Python.

    Raises:
        UserError: malformed (line and column).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip())
    except SyntaxError as error:
        place = f"line {error.lineno} column {error.offset}"
        raise UserError(f"{where}: malformed Python at {place}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{where}: malformed Python: {error}") from error


def pairs_of(tree: ast.Module, where: str) -> list[tuple[str, ast.expr]]:
    """The names and what they are: of one dict, or of one assignment on each line.

    In a script, whatever else there is in it, of the one dict that has types in it.
    """
    body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    match body:
        case [ast.Expr(value=found)] | [ast.Assign(value=ast.Dict() as found)]:
            return _entries(found, where)
    spaces = spaces_of(tree)
    if len(spaces) > 1:
        raise UserError(f"{where}: there are several spaces in it: {', '.join(spaces)}")
    for found in spaces.values():
        return _entries(_Constants(tree).visit(found), where)
    pairs = []
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pairs.append((name, value))
            case _:
                raise UserError(
                    f"{where}: line {node.lineno}: expected name = uniform(0, 1), or one dict"
                )
    return pairs


def spaces_of(tree: ast.Module) -> dict[str, ast.Dict]:
    """The dicts with types in them that a script gives a name to, by that name."""
    found = {}
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict() as value)
            ) if any(map(is_type, value.values)):
                found[name] = value
    return found


class _Constants(ast.NodeTransformer):
    """Puts in place of names the plain values that a script gives them at its top."""

    def __init__(self, tree: ast.Module) -> None:
        self._values = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(item) for item in node.args]
        node.keywords = [self.visit(item) for item in node.keywords]
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._values.get(node.id, node)


def _entries(found: ast.expr, where: str) -> list[tuple[str, ast.expr]]:
    if isinstance(found, ast.Call) and call_name(found) == "dict" and not found.args:
        return [(str(keyword.arg), keyword.value) for keyword in found.keywords]
    if not isinstance(found, ast.Dict):
        raise UserError(f'{where}: expected a dict such as {{"lr": loguniform(1e-6, 1)}}')
    pairs = []
    for key, value in zip(found.keys, found.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise UserError(f"{where}: line {value.lineno}: a name must be text in quotes")
        pairs.append((key.value, value))
    return pairs

"""Small questions about Python that several readers ask."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from hpogrid.config.direction import direction


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a function or method, by its last name."""
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node) == name
    ]


def last_name(call: ast.Call) -> str:
    """``suggest_int`` of ``trial.suggest_int(...)``."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives an argument by its name."""
    return next((item.value for item in call.keywords if item.arg == name), None)


def required_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of the arguments without a default."""
    arguments = [item.arg for item in function.args.posonlyargs + function.args.args]
    return arguments[: len(arguments) - len(function.args.defaults)]


def top_names(tree: ast.Module) -> set[str]:
    """The functions, classes and variables at the top of a module."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {ast.unparse(target) for target in node.targets}
    return found


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function that are in no other one."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def returns(function: ast.AST) -> list[ast.expr]:
    """What a function returns or yields."""
    found = []
    for node in own_nodes(function):
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            found.append(node.value)
    return [item for item in found if not _is_none(item)]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def returned(function: ast.AST) -> list[str]:
    """The names of the values that a function returns last; an empty text: it has none."""
    found = returns(function)
    if not found:
        return []
    last = found[-1]
    parts = last.elts if isinstance(last, ast.Tuple | ast.List) else [last]
    return [value_name(part) for part in parts]


def value_name(node: ast.expr) -> str:
    """The name that a returned value has: of ``float(val_acc)`` it is ``val_acc``."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return attr if direction(attr) else value_name(value)
        case ast.Call(func=ast.Name(id="float" | "round" | "int"), args=[value, *_]):
            return value_name(value)
        case ast.Call(func=ast.Attribute(value=value, attr="item" | "mean" | "cpu" | "numpy")):
            own = value_name(value)
            return own if own not in ("np", "numpy", "torch") else _argument(node)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if direction(name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript(value=value):
            return value_name(value)
    return ""


def _argument(node: ast.expr) -> str:
    return value_name(node.args[0]) if isinstance(node, ast.Call) and node.args else ""

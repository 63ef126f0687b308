"""What a script does to a value after it has given it a name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_CHANGING = frozenset(
    ["update", "pop", "popitem", "setdefault", "clear", "append", "extend", "insert", "remove",
     "sort", "reverse", "add", "discard", "__setitem__", "__delitem__"]
)  # fmt: skip
_COPYING = ("dict", "copy", "deepcopy")

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Places:
    """Some Python, with what each of its nodes is part of.

    Args:
        tree: the Python.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self._parents = {
            part: node for node in ast.walk(tree) for part in ast.iter_child_nodes(node)
        }

    def parent(self, node: ast.AST) -> ast.AST | None:
        """What it is part of."""
        return self._parents.get(node)

    def scopes(self, node: ast.AST) -> Iterator[ast.AST]:
        """The functions that it is in, from the inside, and the whole."""
        at = self.parent(node)
        while at is not None:
            if isinstance(at, (*_FUNCTIONS, ast.Module)):
                yield at
            at = self.parent(at)

    def scope_of(self, name: str, at: ast.AST) -> ast.AST:
        """The function, or the whole, whose variable a name is at some node."""
        return next((scope for scope in self.scopes(at) if _is_local(scope, name)), self.tree)

    def value_of(self, name: str, at: ast.AST) -> ast.expr | None:
        """The value of a name at some node; None where it is no plain one.

        Raises:
            ValueError: it has several in turn.
        """
        scope = self.scope_of(name, at)
        made = [node for node in _walk(scope, name) if _binds(node, name)]
        if len(made) > 1:
            raise ValueError(f"{name} gets several values, and nothing is run here; write the one")
        statement = self.parent(made[0]) if made else None
        match statement:
            case (
                ast.Assign(targets=[ast.Name()], value=value)
                | ast.AnnAssign(target=ast.Name(), value=ast.expr() as value)
            ) if self.parent(statement) is scope:
                line = next(self.changes(name, scope, value), None)
                if line is not None:
                    raise ValueError(f"{name} is changed on line {line}; write its value")
                return value
        return None

    def changes(
        self, place: str, scope: ast.AST, made: ast.AST, seen: frozenset[str] = frozenset()
    ) -> Iterator[int]:
        """The lines that change a value, under this name or another that it gets.

        Args:
            place: its name, or an attribute.
            scope: whose variable that is.
            made: where the value is made.
            seen: names that are looked at already.
        """
        seen |= {place}
        for node in _walk(scope, place.partition(".")[0].partition("[")[0]):
            if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
                continue
            if ast.unparse(node) != place:
                continue
            if not isinstance(node.ctx, ast.Load):
                if self.parent(node) is not self.parent(made):
                    yield node.lineno
            else:
                yield from self._changed_by_use(node, seen)

    def _changed_by_use(self, node: ast.expr, seen: frozenset[str]) -> Iterator[int]:
        top, use = node, self.parent(node)
        while isinstance(use, ast.Attribute | ast.Subscript) and use.value is top:
            top, use = use, self.parent(use)
        if top is not node and not isinstance(getattr(top, "ctx", None), ast.Load):
            yield node.lineno
        elif isinstance(top, ast.Attribute) and isinstance(use, ast.Call) and use.func is top:
            if top.attr in _CHANGING:
                yield node.lineno
            elif top.attr == "copy":
                yield from self.changes_of(use, seen)
        elif top is node:
            yield from self._changed_as_a_whole(node, use, seen)

    def _changed_as_a_whole(
        self, node: ast.expr, use: ast.AST | None, seen: frozenset[str]
    ) -> Iterator[int]:
        match use:
            case ast.Dict(keys=keys, values=values):
                if any(v is node and k is None for k, v in zip(keys, values, strict=True)):
                    yield node.lineno
            case ast.BinOp(op=ast.BitOr()):
                yield node.lineno
            case ast.Assign() | ast.AnnAssign() | ast.Return() | ast.NamedExpr():
                yield from self.changes_of(node, seen)
            case ast.Call():
                yield from self._changed_by_call(use, node, None, seen)
            case ast.keyword(arg=word):
                call = self.parent(use)
                if isinstance(call, ast.Call):
                    yield from self._changed_by_call(call, node, word or "**", seen)

    def _changed_by_call(
        self, call: ast.Call, node: ast.expr, word: str | None, seen: frozenset[str]
    ) -> Iterator[int]:
        """What a function does to its argument; one of another file is trusted."""
        name = ast.unparse(call.func).rpartition(".")[2]
        if name in _COPYING:
            if len(call.args) + len(call.keywords) > 1:
                yield node.lineno
            else:
                yield from self.changes_of(call, seen)
            return
        for function in self._functions(name):
            inner = _argument(call, node, word, function)
            if inner is not None and f"{name}.{inner}" not in seen:
                yield from self.changes(inner, function, function, seen | {f"{name}.{inner}"})

    def changes_of(self, made: ast.expr, seen: frozenset[str] = frozenset()) -> Iterator[int]:
        """The lines that change a value, from where it is made and gets its name."""
        holder = self.parent(made)
        targets: list[ast.expr] = []
        match holder:
            case ast.Assign():
                targets = holder.targets
            case ast.AnnAssign() | ast.NamedExpr():
                targets = [holder.target]
            case ast.Return():
                function = next(self.scopes(holder), None)
                if isinstance(function, ast.FunctionDef) and f"{function.name}()" not in seen:
                    for call in self._calls(function.name):
                        yield from self.changes_of(call, seen | {f"{function.name}()"})
        for target in targets:
            place = ast.unparse(target)
            if place not in seen:
                root = place.partition(".")[0].partition("[")[0]
                scope = self.scope_of(root, made) if root == place else self.tree
                yield from self.changes(place, scope, made, seen)

    def _functions(self, name: str) -> Iterator[ast.FunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                yield node

    def _calls(self, name: str) -> Iterator[ast.Call]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
                yield node


def first_change(places: Places, made: ast.expr) -> int | None:
    """The first line that changes a value after it is made, under whatever name."""
    return min(places.changes_of(made), default=None)


def _argument(
    call: ast.Call, node: ast.expr, word: str | None, function: ast.FunctionDef
) -> str | None:
    """What a function of the file calls an argument."""
    names = [item.arg for item in function.args.posonlyargs + function.args.args]
    if word is not None:
        return word if word != "**" else None
    if names[:1] == ["self"]:
        names = names[1:]
    given = next((index for index, item in enumerate(call.args) if item is node), len(names))
    return names[given] if given < len(names) else None


def _walk(scope: ast.AST, name: str) -> Iterator[ast.AST]:
    """The nodes in which a name is the variable of this scope."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _FUNCTIONS) and _is_local(node, name):
            continue
        waiting += ast.iter_child_nodes(node)


def _is_local(scope: ast.AST, name: str) -> bool:
    """Whether a name is a variable of this very function."""
    if not isinstance(scope, _FUNCTIONS):
        return True
    waiting, local = list(ast.iter_child_nodes(scope)), False
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Global | ast.Nonlocal) and name in node.names:
            return False
        local = local or _binds(node, name)
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return local


def _binds(node: ast.AST, name: str) -> bool:
    """Whether a node gives a name a value."""
    match node:
        case ast.Name(id=found, ctx=ast.Store() | ast.Del()) | ast.arg(arg=found):
            return found == name
        case ast.FunctionDef(name=found) | ast.ClassDef(name=found):
            return found == name
        case ast.alias(name=found, asname=other):
            return (other or found.partition(".")[0]) == name
        case ast.ExceptHandler(name=found):
            return found == name
    return False

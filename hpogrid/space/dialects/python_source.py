"""Python text taken apart without being run: the dict or the lines that say a space.

What is read is what the script would make; where that cannot be seen, it is refused: a function
of unknown origin, a dict or a constant that is changed later, several dicts.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.dialects import python_types, ray_types
from hpogrid.space.dialects.changes import Places, first_change
from hpogrid.space.dialects.python_types import plain_value
from hpogrid.space.parameter import Parameter

OURS = "hpogrid.space.dialects.python_types"
_SYNE_TUNE = "syne_tune.config_space"
_RAY = "ray.tune"

LIBRARIES: Mapping[str, Mapping[str, Callable[..., Parameter]]] = {
    OURS: python_types.TYPES,
    _SYNE_TUNE: python_types.TYPES,
    _RAY: ray_types.TYPES,
    "ray.tune.search.sample": ray_types.TYPES,
    "ray.tune.search.variant_generator": ray_types.TYPES,
}
"""Modules and their types; equal names do not mean the same in each."""

_OWN_ROUNDING = ("lograndint", "qlograndint")
ROUNDING = (
    "whole numbers on a log scale reach half a unit around them here, so their shares differ "
    "slightly from those of the library"
)


class Names:
    """What the names in some Python stand for.

    Args:
        tree: the Python. Without an import in it, names are hpogrid's own.
    """

    def __init__(self, tree: ast.AST) -> None:
        self._imported: dict[str, set[str]] = {}
        self._defined: set[str] = set()
        self._stars: list[str] = []
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    for item in names:
                        whole = item.name if item.asname else item.name.split(".")[0]
                        self._imported.setdefault(item.asname or whole, set()).add(whole)
                case ast.ImportFrom(names=names):
                    self._from(node)
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                    self._defined.add(name)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    if not (isinstance(value, ast.Call) and called(value) == name):
                        self._defined.add(name)

    def _from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for item in node.names:
            if item.name == "*":
                self._stars.append(module)
            else:
                origins = self._imported.setdefault(item.asname or item.name, set())
                origins.add(f"{module}.{item.name}")

    def origin(self, call: ast.Call) -> str | None:
        """The full name of the function that is called; None: it cannot be seen.

        Raises:
            ValueError: it is no name.
        """
        name = called(call)
        if name is None:
            raise ValueError("only the types of a search space can be called here")
        head, _, rest = name.partition(".")
        if head in self._defined:
            return f"this file's {name}"
        found = self._imported.get(head, set())
        if found:
            whole = f"{next(iter(found))}.{rest}".rstrip(".")
            return whole if len(found) == 1 else None
        if rest:
            module, _, last = name.rpartition(".")
            known = [other for other in LIBRARIES if f".{other}".endswith(f".{module}")]
            return f"{known[0]}.{last}" if len(known) == 1 else None
        if not self._imported and not self._stars:
            return f"{OURS}.{name}"
        return f"{self._stars[0]}.{name}" if len(self._stars) == 1 else None

    def is_type(self, node: ast.AST) -> bool:
        """Whether it is a call of a type, or of what could be one."""
        if not isinstance(node, ast.Call) or called(node) is None:
            return False
        found = self.origin(node)
        if found is None:
            return _last(str(called(node))) in {**python_types.TYPES, **ray_types.TYPES}
        module, _, name = found.rpartition(".")
        if name == "choice" and not self._imported and not node.keywords:
            # with several values it is an override
            return len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple)
        return name in LIBRARIES.get(module, {})

    def type_of(self, call: ast.Call) -> tuple[Callable[..., Parameter], list[str]]:
        """The function that makes the parameter, and what its user should know.

        Raises:
            ValueError: it is no type, or nobody can see which.
        """
        found, name = self.origin(call), str(called(call))
        if found is None:
            raise ValueError(
                f"it cannot be seen where {name} comes from, and libraries differ in what they "
                f"mean by it; import it, or write {_RAY}.{_last(name)} or "
                f"{_SYNE_TUNE}.{_last(name)}"
            )
        module, _, last = found.rpartition(".")
        if module not in LIBRARIES:
            raise ValueError(
                f"{found} is no type of a search space; those of hpogrid, of {_SYNE_TUNE} and of "
                f"{_RAY} are"
            )
        types = LIBRARIES[module]
        if last not in types:
            raise ValueError(unknown("type", last, list(types)))
        own = module != OURS and last in _OWN_ROUNDING
        return types[last], [ROUNDING] if own else []


def called(node: ast.Call) -> str | None:
    """``loguniform``, or ``config_space.loguniform``; None: what is called has no name."""
    parts: list[str] = []
    at: ast.expr = node.func
    while isinstance(at, ast.Attribute):
        parts.append(at.attr)
        at = at.value
    return ".".join([at.id, *reversed(parts)]) if isinstance(at, ast.Name) else None


def _last(name: str) -> str:
    return name.rpartition(".")[2]


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
    stripped = text.lstrip()
    above = text[: len(text) - len(stripped)].count("\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(stripped.rstrip())
    except SyntaxError as error:
        place = f"line {(error.lineno or 0) + above} column {error.offset}"
        raise UserError(f"{where}: malformed Python at {place}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{where}: malformed Python: {error}") from error
    return ast.increment_lineno(tree, above) if above else tree


def pairs_of(tree: ast.Module, where: str, name: str | None = None) -> list[tuple[str, ast.expr]]:
    """The names and what they are: of one dict, or of one assignment on each line.

    In a script, whatever else there is in it, of the one dict that has types in it, or of the one
    that is called ``name``.

    Raises:
        UserError: there are several dicts, or what would become of one can only be seen by
            running the script.
    """
    body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    spaces = spaces_of(tree)
    if name is not None:
        spaces = {name: spaces[name]}
    if len(spaces) > 1:
        raise UserError(f"{where}: there are several spaces in it: {', '.join(spaces)}")
    for called_so, found in spaces.items():
        try:
            return _entries(_as_made(tree, called_so, found), where)
        except RecursionError as error:
            raise UserError(f"{where}: nested too deeply") from error
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error
    match body:
        case [ast.Expr(value=found)]:
            return _entries(found, where)
    hidden = next(_made_elsewhere(tree), None)
    if hidden is not None:
        raise UserError(f"{where}: {hidden}")
    if (body and not isinstance(body[0], ast.Assign)) or _is_script(body):
        raise UserError(
            f"{where}: found no dict with types such as uniform(0, 1) in this Python; "
            'write the space as one: {"lr": loguniform(1e-6, 1)}'
        )
    return _lines(body, where)


def _as_made(tree: ast.Module, name: str, found: ast.expr) -> ast.expr:
    """A dict with the values of the names in it.

    Raises:
        ValueError: it, or one of them, is changed later.
    """
    places = Places(tree)
    if (line := first_change(places, found)) is not None:
        raise ValueError(
            f"line {line} changes the dict {name} after it is made, and nothing is run here; "
            "write the whole space in one dict"
        )
    made: ast.expr = _Constants(places, found).visit(found)
    return made


_SPACES = ("config_space", "param_space", "search_space", "space", "config", "hp_space")


def _made_elsewhere(tree: ast.Module) -> Iterator[str]:
    """What gives a script its space when it runs, as far as one can see that."""
    names = Names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as value):
                pass
            case ast.keyword(arg=str(name), value=ast.Call() as value):
                pass
            case _:
                continue
        if name in _SPACES and not names.is_type(value) and not _is_dict(value):
            yield (
                f"line {value.lineno}: {name} is what {ast.unparse(value.func)} returns, and "
                "nothing is run here; write that as one dict of types, or read the file that has "
                "such a dict"
            )


def _is_script(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


def _lines(body: list[ast.stmt], where: str) -> list[tuple[str, ast.expr]]:
    pairs = []
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=_)], value=ast.Dict(keys=[_, *_]) as value) if (
                len(body) == 1
            ):
                return _entries(value, where)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pairs.append((name, value))
            case _:
                raise UserError(
                    f"{where}: line {node.lineno}: expected name = uniform(0, 1), or one dict"
                )
    return pairs


def spaces_of(tree: ast.Module) -> dict[str, ast.expr]:
    """The dicts with types in them, wherever a script makes them, by what they are called."""
    names, found = Names(tree), {}
    for node, name in _outermost(tree):
        if _has_type(node, names):
            found[name or f"on line {node.lineno}"] = node
    return found


def _outermost(tree: ast.Module) -> Iterator[tuple[ast.expr, str | None]]:
    """Every dict that is in no other, with the name that it gets."""
    waiting: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while waiting:
        node, name = waiting.pop()
        if isinstance(node, ast.expr) and _is_dict(node):
            yield node, name
            continue
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = ast.unparse(target)
        elif isinstance(node, ast.keyword):
            name = node.arg
        elif isinstance(node, ast.stmt):
            name = None
        waiting += [(part, name) for part in reversed(list(ast.iter_child_nodes(node)))]


def _is_dict(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return called(node) == "dict" and not node.args and bool(node.keywords)
    return isinstance(node, ast.Dict)


def _has_type(node: ast.expr, names: Names) -> bool:
    """Whether there is a type among its values, also of those inside."""
    values = _values(node)
    return any(names.is_type(value) or _has_type(value, names) for value in values)


def _values(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.Dict(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
            return values
        case ast.Call() if _is_dict(node):
            return [keyword.value for keyword in node.keywords]
    return []


class _Constants(ast.NodeTransformer):
    """Puts in place of names the values that a script gives them, once and for all."""

    def __init__(self, places: Places, space: ast.expr) -> None:
        self._places = places
        self._space = space

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(item) for item in node.args]
        node.keywords = [self.visit(item) for item in node.keywords]
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        try:
            return self._places.value_of(node.id, self._space) or node
        except ValueError as error:
            raise ValueError(f"line {node.lineno}: {error}") from error


def _entries(found: ast.expr, where: str) -> list[tuple[str, ast.expr]]:
    if isinstance(found, ast.Call) and called(found) == "dict" and not found.args:
        for keyword in found.keywords:
            _check_key(keyword.arg, keyword.value, where)
        return [(str(keyword.arg), keyword.value) for keyword in found.keywords]
    if not isinstance(found, ast.Dict):
        raise UserError(f'{where}: expected a dict such as {{"lr": loguniform(1e-6, 1)}}')
    pairs = []
    for key, value in zip(found.keys, found.values, strict=True):
        _check_key(key, value, where)
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise UserError(f"{where}: line {value.lineno}: a name must be text in quotes")
        pairs.append((key.value, value))
    return pairs


def _check_key(key: object, value: ast.expr, where: str) -> None:
    """Refuse `**others`, of which one cannot see what they add."""
    if key is None:
        raise UserError(
            f"{where}: line {value.lineno}: what **{ast.unparse(value)} adds cannot be seen here; "
            "write the whole space in one dict"
        )

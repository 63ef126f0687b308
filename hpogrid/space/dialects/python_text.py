"""The dialect of Python types: text that is read without being run, and mappings.

What the types mean is in `python_types`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.base import BaseParameter
from hpogrid.space.dialects import ray_types
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, is_call, is_foreign, refusing
from hpogrid.space.dialects.foreign import adopt, has_rounding_of_its_own
from hpogrid.space.dialects.python_source import (
    ROUNDING,
    Names,
    literal,
    pairs_of,
    spaces_of,
    tree_of,
)
from hpogrid.space.dialects.python_types import TYPES, plain_value
from hpogrid.space.dialects.repeats import REPEATED, spread
from hpogrid.space.parameter import (
    Categorical,
    Constant,
    Float,
    Integer,
    Ordinal,
    Parameter,
)
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
from hpogrid.space.value import is_number, shown


def detect(data: object) -> bool:
    """Whether one of the values is a parameter, or a call of one of the types."""
    if isinstance(data, str):
        try:
            tree = tree_of(data, "")
            return bool(spaces_of(tree)) or _has_types(pairs_of(tree, ""), Names(tree))
        except UserError:
            return False
    if not isinstance(data, dict):
        return False
    return any(
        isinstance(item, BaseParameter) or is_foreign(item) or _is_type_text(item)
        for item in data.values()
    )


def _has_types(pairs: Iterable[tuple[str, ast.expr]], names: Names) -> bool:
    return any(names.is_type(value) for _, value in pairs)


def _is_type_text(item: Any) -> bool:
    name = is_call(item)
    if name is None or _last(name) not in _KNOWN:
        return False
    try:
        return _NO_IMPORTS.is_type(ast.parse(item.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _last(name) != "choice"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


_NO_IMPORTS = Names(ast.Module([], []))
_KNOWN = {**TYPES, **ray_types.TYPES}


def parse(data: object, where: str) -> Parsed:
    """Read text or a mapping.

    Args:
        data: text as in Python code; or a mapping to parameters, to text with a call of a type,
            and to constants.
        where: what it is, as it reads in a message.

    Raises:
        UserError: malformed (line and column in text), or the first type that is wrong.
    """
    if isinstance(data, str):
        tree = tree_of(data, where)
        return _read(pairs_of(tree, where), Names(tree), where)
    if isinstance(data, dict):
        return _read(data.items(), _NO_IMPORTS, where)
    raise UserError(f"{where}: expected names with types such as uniform(0, 1)")


def parse_script(tree: ast.Module, name: str, where: str) -> Parsed:
    """Read one of the spaces of a script, by what it is called (see `spaces_of`).

    Raises:
        UserError: the first type that is wrong, or a dict that is changed later.
    """
    return _read(pairs_of(tree, where, name), Names(tree), where)


def _read(pairs: Iterable[tuple[str, Any]], names: Names, where: str) -> Parsed:
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for name, item in pairs:
        with in_space(where, name):
            if name in parameters:
                raise ValueError("is given twice; keep one of them")
            parameters[name], own = _parameter(item, names)
        notes += [f"parameter '{name}': {note}" for note in own]
    with in_space(where):
        return Space(parameters), notes


def _parameter(item: Any, names: Names) -> tuple[Parameter, list[str]]:
    notes = [ROUNDING] if has_rounding_of_its_own(item) else []
    item = adopt(item)
    if isinstance(item, ast.Call):
        item, notes = _called(item, names)
    elif isinstance(item, ast.expr):
        item = adopt(literal(item))
    elif _is_type_text(item):
        return _parameter(_parsed(item), names)
    else:
        _refuse_misspelt(item)
    if not isinstance(item, Parameter):
        item = Constant(value=plain_value(item))
    if isinstance(item, Categorical) and item.weights:
        notes = [*notes, REPEATED]
    return item, notes


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{shown(text)} is malformed") from error


def _refuse_misspelt(item: object) -> None:
    """Refuse text that reads as a call of something much like a type."""
    name = is_call(item)
    if name is None:
        return
    import difflib

    if difflib.get_close_matches(_last(name), TYPES, n=1, cutoff=0.8):
        raise ValueError(unknown("type", _last(name), TYPES))


def _called(node: ast.Call, names: Names) -> tuple[Parameter, list[str]]:
    make, notes = names.type_of(node)
    name = make.__name__
    if any(keyword.arg is None for keyword in node.keywords):
        raise ValueError(f"{name} takes its arguments one by one, without **")
    if make is ray_types.sample_from:
        ray_types.sample_from(node)
    args = [literal(argument) for argument in node.args]
    keywords = {str(keyword.arg): literal(keyword.value) for keyword in node.keywords}
    import inspect

    signature = inspect.signature(make)
    try:
        bound = signature.bind(*args, **keywords)
    except TypeError as error:
        raise ValueError(f"{name} takes ({', '.join(signature.parameters)})") from error
    found: Parameter = make(*bound.args, **bound.kwargs)
    return found, notes


def render(space: Space) -> str:
    """Write a space as a Python dict.

    Raises:
        UserError: it has something that the types cannot say; what and where.
    """
    lines = []
    for name, item in space.parameters.items():
        with refusing(name, "the Python types have no"):
            lines.append(f"    {name!r}: {_written(item)},\n")
    return "{\n" + "".join(lines) + "}\n"


def _written(item: Parameter) -> str:
    if item.needs():
        raise ValueError("conditions or links")
    match item:
        case Constant(value=value):
            return repr(value)
        case Categorical(grid=False):
            return f"choice({spread(item)!r})"
        case Ordinal():
            return _ordinal(item)
        case Integer(scale=Linear(), step=1):
            return f"randint({item.low}, {item.high})"
        case Integer(scale=Log()):
            return f"lograndint({item.low}, {item.high})"
        case Float(lattice=None):
            return _float(item)
        case Float():
            return _quantised(item)
        case Integer():
            raise ValueError("whole numbers with a step; list them with ordinal")
    raise ValueError("grid_search")


def _float(item: Float) -> str:
    match item.scale:
        case Linear(low=low, high=high):
            return f"uniform({low!r}, {high!r})"
        case Log(low=low, high=high):
            return f"loguniform({low!r}, {high!r})"
        case ReverseLog(low=low, high=high):
            return f"reverseloguniform({low!r}, {high!r})"
    raise ValueError(f"{type(item.scale).__name__.lower()} distribution")


def _quantised(item: Float) -> str:
    lattice = item.lattice
    names: dict[type, str] = {Linear: "quniform", Log: "qloguniform"}
    name = names.get(type(item.scale))
    if name is None or lattice is None:
        raise ValueError(f"quantised {type(item.scale).__name__.lower()} distribution")
    if lattice.anchor == "low":
        raise ValueError("steps that count from low; list the values with ordinal")
    low, high = item.scale.bounds
    try:
        TYPES[name](low, high, lattice.step)
    except ValueError as error:
        raise ValueError(f"{name} with such bounds: {error}") from error
    return f"{name}({low!r}, {high!r}, {lattice.step!r})"


def _ordinal(item: Ordinal) -> str:
    """The call that makes it; weights are those of rounding to the nearest or to multiples."""
    values = list(item.choices)
    calls = [f"ordinal({values!r}, kind='equal')"]
    numbers = [value for value in values if is_number(value)]
    if item.weights is not None and len(numbers) == len(values) > 1:
        calls = [f"ordinal({values!r}, kind={kind!r})" for kind in ("nn", "nn-log")]
        ends = f"{numbers[0]!r}, {numbers[-1]!r}, {numbers[1] - numbers[0]!r}"
        calls += [f"{name}({ends})" for name in ("qrandint", "qlograndint")]
    for call in calls:
        if _makes(call, item):
            return call
    raise ValueError("weights like these")


def _makes(call: str, item: Ordinal) -> bool:
    try:
        return _parameter(ast.parse(call, mode="eval").body, _NO_IMPORTS)[0] == item
    except ValueError:
        return False


DIALECT = Dialect("python_types", parse, render, detect, syntax="text")

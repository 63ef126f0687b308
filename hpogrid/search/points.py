"""Points to evaluate first: ``--search_points FILE``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpogrid.errors import UserError
from hpogrid.files import parse_file
from hpogrid.registry import unknown
from hpogrid.space.parameter import Constant, Reference
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Value, Values, same, shown


def read_points(path: Path, space: Space) -> list[Point]:
    """Read points from a JSON or YAML file: a list of ``{name: value}``.

    A parameter that a point leaves out gets the middle of its scale (on a log scale the
    geometric mean), or its first value.

    Raises:
        UserError: which point, which parameter and what is wrong.
    """
    data = parse_file(path)
    if not isinstance(data, list) or not data:
        raise UserError(f'{path}: expected a list of points, such as [{{"lr": 0.01}}]')
    return [complete(item, space, f"{path}: point {n}") for n, item in enumerate(data, start=1)]


def complete(values: object, space: Space, where: str) -> Point:
    """The point with these values, and the middle for those that are not given.

    Raises:
        UserError: an unknown parameter, or a value that is not in the space.
    """
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected an object of parameters, got {shown(values)}")
    for name in values:
        if name not in space.parameters:
            raise UserError(f"{where}: {unknown('parameter', str(name), list(space.parameters))}")
    point = space.apply(space.defaults() | searched(values, space, where))
    for name, value in values.items():
        if name not in point.suggested:
            _check_derived(name, value, point, where)
    return point


def searched(values: Mapping[str, Value], space: Space, where: str) -> Values:
    """The given values of searched parameters, as the space itself has them (3 for 3.0).

    Those that are said to be inactive are left out.

    Raises:
        UserError: a value that is not in the space.
    """
    found: Values = {}
    for name, value in values.items():
        item = space.parameters[name]
        if isinstance(item, Constant | Reference) or (value is None and item.needs()):
            continue  # not searched, or said to be inactive
        try:
            found[name] = item.taken(value)
        except ValueError as error:
            if item.needs() and same(value, item.otherwise):
                continue  # said to be inactive, in the words of the space
            raise UserError(f"{where}: '{name}': {error}") from error
    return found


def _check_derived(name: str, value: Any, point: Point, where: str) -> None:
    """Constants, references and inactive parameters may be given as what they are anyway."""
    if not same(value, point.applied.get(name)):
        raise UserError(
            f"{where}: '{name}' is {shown(point.applied.get(name))} in this point, "
            f"not {shown(value)}; leave it out"
        )

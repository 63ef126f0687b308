"""What is checked when parameters become a space: names, cycles, products."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.base import Multiplied
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.value import check_text, is_number


def check_names(parameters: Mapping[str, Parameter]) -> None:
    """Refuse a name that is none, and a dependence on a parameter that is not there."""
    for name, item in parameters.items():
        if (
            not isinstance(name, str)
            or not name
            or name != name.strip()
            or any(ord(letter) < 32 for letter in name)
        ):
            raise UserError(f"{name!r} is no name for a parameter; use letters and digits")
        try:
            check_text(name)
        except ValueError as error:
            raise UserError(f"a parameter's name: {error}") from error
        for other in sorted(item.needs()):
            if other not in parameters:
                known = unknown("parameter", other, list(parameters))
                raise UserError(f"'{name}' depends on an {known}")
        if item.when and item.crossed:
            raise UserError(f"'{name}': a condition and grid_search do not go together")


def evaluation_order(parameters: Mapping[str, Parameter]) -> list[str]:
    """The names such that each comes after what it depends on; a cycle is named."""
    graph = {name: sorted(item.needs()) for name, item in parameters.items()}
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise UserError(f"parameters depend on each other in a circle: {cycle}") from error


def check_products(parameters: Mapping[str, Parameter], order: list[str]) -> None:
    """Refuse a product with a parameter that is not always a number."""
    numeric: set[str] = set()
    for name in order:
        item = parameters[name]
        if isinstance(item, Multiplied) and item.multiply not in {None, *numeric}:
            raise UserError(
                f"'{name}' is multiplied with '{item.multiply}', which is not always a number"
            )
        if _is_numeric(item) or item.source in numeric:
            numeric.add(name)


def _is_numeric(item: Parameter) -> bool:
    match item:
        case Float() | Integer():
            return True
        case Categorical(choices=values) | Ordinal(choices=values):
            return all(map(is_number, values))
        case Constant(value=value):
            return is_number(value)
    return False

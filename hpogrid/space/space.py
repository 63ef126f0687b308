"""A search space: an ordered mapping from names to parameters, and the points in it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.space.checks import check_names, check_products, evaluation_order
from hpogrid.space.latent import Axis, Latents, middle
from hpogrid.space.parameter import Constant, Parameter, Reference, Value
from hpogrid.space.value import (
    as_number,
    canonical,
    check_value,
    exactly,
    is_number,
    plain,
    shown,
)

__all__ = ["VERSION", "Point", "Space", "identity", "plain"]

VERSION = 1

_MOST_COUNTED = 1_000_000


class Point(msgspec.Struct, frozen=True, dict=True):
    """One configuration.

    Attributes:
        suggested: the values of the searched parameters that are active.
        applied: what the objective gets: suggested values after links, constants, and what
            inactive parameters become.
    """

    suggested: dict[str, Value]
    applied: dict[str, Value]

    @cached_property
    def key(self) -> bytes:
        """The identity of the configuration: equal for equal applied values."""
        return identity(self.applied)


def identity(applied: Mapping[str, Value]) -> bytes:
    """A canonical form of applied values, equal for equal configurations."""
    return canonical(applied)


class Space:
    """What is searched. Made from parameters, checked once, then read only.

    Args:
        parameters: by name, in the order in which people see them.

    Raises:
        UserError: a reference to a parameter that is not there, a cycle, which is named, or a
            product with what is no number.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        if not parameters:
            raise UserError("the search space is empty; give it at least one parameter")
        self.parameters: dict[str, Parameter] = dict(parameters)
        check_names(self.parameters)
        self._order = evaluation_order(self.parameters)
        check_products(self.parameters, self._order)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and list(self.parameters.items()) == list(
            other.parameters.items()
        )

    def __hash__(self) -> int:
        return hash(tuple(self.parameters))

    def __repr__(self) -> str:
        return f"Space({self.parameters!r})"

    # --- its JSON form -------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The versioned form that is stored and bundled; `from_json` is its inverse."""
        text = msgspec.json.encode({"version": VERSION, "parameters": self.parameters})
        data: dict[str, Any] = msgspec.json.decode(text)
        return data

    @classmethod
    def from_json(cls, data: object, where: str = "search space") -> Space:
        """Read the form of `to_json`.

        Raises:
            UserError: the parameter and what is wrong with it.
        """
        if not isinstance(data, dict) or set(data) != {"version", "parameters"}:
            raise UserError(f"{where}: expected an object with the keys 'version' and 'parameters'")
        if data["version"] != VERSION or not is_number(data["version"]):
            raise UserError(
                f"{where}: version {shown(data['version'])} is not known to this hpogrid, "
                f"which reads {VERSION}; install a newer one"
            )
        if not isinstance(data["parameters"], dict):
            raise UserError(f"{where}: 'parameters' must be an object")
        parameters: dict[str, Parameter] = {}
        for name, item in data["parameters"].items():
            try:
                check_value(item)
                parameters[name] = msgspec.convert(item, Parameter)
            except msgspec.ValidationError as error:
                raise UserError(f"{where}: parameter '{name}': {plain(error)}") from error
            except ValueError as error:
                raise UserError(f"{where}: parameter '{name}': {error}") from error
        try:
            return cls(parameters)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error

    # --- what a search algorithm sees ----------------------------------------------------

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The axes that are searched: not constants, not those crossed as a grid."""
        found = ((name, item.axis) for name, item in self.parameters.items())
        return {name: axis for name, axis in found if axis is not None}

    @cached_property
    def crossed(self) -> tuple[str, ...]:
        """The parameters of which every value is taken for every draw of the axes."""
        return tuple(name for name, item in self.parameters.items() if item.crossed)

    def crossings(self) -> Iterator[dict[str, Value]]:
        """Every combination of the crossed parameters (one empty one where there are none)."""
        return self._combinations(self.crossed)

    def decode(self, latents: Latents, crossing: Mapping[str, Value] | None = None) -> Point:
        """The point for one latent per axis, and one value per crossed parameter."""
        suggested = {name: self.parameters[name].decode(latents[name]) for name in self.axes}
        return self.apply({**suggested, **(crossing or {})})

    def encode(self, suggested: Mapping[str, Value]) -> Latents:
        """Latents that decode to the suggested values; inactive axes are in the middle.

        Raises:
            ValueError: a value that is not in the space; the parameter is named.
        """
        latents: Latents = {}
        for name, axis in self.axes.items():
            if name not in suggested:
                latents[name] = middle(axis)
                continue
            try:
                latents[name] = self.parameters[name].encode(suggested[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return latents

    def apply(self, suggested: Mapping[str, Value]) -> Point:
        """Evaluate conditions and links on a suggested value for every searched parameter.

        What is derived from an inactive parameter is inactive. Conditions see the applied
        values of active parameters and the defaults of inactive ones.

        Raises:
            UserError: a product beyond the range of numbers.
        """
        applied: dict[str, Value] = {}
        seen: dict[str, Value] = {}  # by conditions
        active: dict[str, Value] = {}
        off: set[str] = set()
        for name in self._order:
            item = self.parameters[name]
            if (item.when and not item.when.holds(seen)) or item.source in off:
                off.add(name)
                if item.inactive != "drop":
                    applied[name] = item.otherwise
                if item.inactive == "default":
                    seen[name] = item.otherwise
                continue
            if isinstance(item, Constant):
                value = item.value
            elif isinstance(item, Reference):
                value = applied[item.of]
            else:
                value = active[name] = suggested[name]
                if item.source is not None:
                    value = _product(name, as_number(value), as_number(applied[item.source]))
            applied[name] = seen[name] = value
        return Point(
            {name: active[name] for name in self.parameters if name in active},
            {name: applied[name] for name in self.parameters if name in applied},
        )

    def absent(self, applied: Mapping[str, Value]) -> set[str]:
        """The parameters that a configuration does not have: inactive ones that are null."""
        seen: dict[str, Value] = {}
        off: set[str] = set()
        for name in self._order:
            item = self.parameters[name]
            if (item.when and not item.when.holds(seen)) or item.source in off:
                off.add(name)
                if item.inactive == "default":
                    seen[name] = item.otherwise
            elif name in applied:
                seen[name] = applied[name]
        return {name for name in off if self.parameters[name].inactive == "null"}

    def present(self, applied: Mapping[str, Value]) -> dict[str, Value]:
        """The applied values without those of `absent` parameters."""
        absent = self.absent(applied)
        return {name: value for name, value in applied.items() if name not in absent}

    def identify(self, applied: Mapping[str, Value]) -> bytes:
        """The identity of applied values in this space, whatever order they come in."""
        return identity({name: applied[name] for name in self.parameters if name in applied})

    # --- points --------------------------------------------------------------------------

    def sample(self, rng: random.Random) -> Point:
        """Draw one point at random, crossed parameters included."""
        crossing = {
            name: self.parameters[name].at(rng.randrange(self._count(name)))
            for name in self.crossed
        }
        return self.decode({name: axis.sample(rng) for name, axis in self.axes.items()}, crossing)

    def draws(self, rng: random.Random) -> Iterator[Point]:
        """Points as a random search takes them: each draw with every crossed value."""
        while True:
            latents = {name: axis.sample(rng) for name, axis in self.axes.items()}
            for crossing in self.crossings():
                yield self.decode(latents, crossing)

    def defaults(self) -> dict[str, Value]:
        """For every searched parameter the middle of its scale, or its first value."""
        middles = {name: self.parameters[name].decode(middle(x)) for name, x in self.axes.items()}
        return middles | next(self.crossings())

    @cached_property
    def finite(self) -> bool:
        """Whether the space has finitely many points."""
        return all(self.parameters[name].count() is not None for name in self._searched)

    def size(self) -> int | None:
        """The number of different configurations, or None where there is no end to them.

        Raises:
            UserError: conditions or products make it too long to count.
        """
        if not self.finite:
            return None
        deciding = [name for name in self._searched if name in self._looked_at]
        others = [name for name in self._searched if name not in self._looked_at]
        if math.prod(self._count(name) for name in deciding) > _MOST_COUNTED:
            raise UserError(
                "the search space is finite, but its conditions are on parameters with too many "
                f"values to count its points (more than {_MOST_COUNTED:,})"
            )
        anything = {name: next(self._values(name)) for name in others}
        found: dict[bytes, int] = {}
        for combination in self._combinations(deciding):
            point = self.apply({**anything, **combination})
            free = [name for name in others if self._varies(name, point)]
            key = {name: value for name, value in point.applied.items() if name not in free}
            found[canonical([key, free])] = math.prod(map(self._count, free))
        return sum(found.values())

    def enumerate(self) -> Iterator[Point]:
        """Every configuration once, the last parameter changing fastest.

        Raises:
            UserError: the space is not finite; the first parameter without an end is named.
        """
        for name in self._searched:
            if self.parameters[name].count() is None:
                raise UserError(
                    f"'{name}' has no finite list of values; give it a step (q), "
                    "or search with another algorithm than grid"
                )
        seen: set[bytes] = set()
        for combination in self._combinations(self._searched):
            point = self.apply(combination)
            if self._looked_at:
                if point.key in seen:
                    continue
                seen.add(point.key)
            yield point

    def _combinations(self, names: tuple[str, ...] | list[str]) -> Iterator[dict[str, Value]]:
        """Every combination of the values of some parameters, the last changing fastest."""
        if not names:
            yield {}
            return
        for value in self._values(names[0]):
            for rest in self._combinations(names[1:]):
                yield {names[0]: value, **rest}

    def _values(self, name: str) -> Iterator[Value]:
        return self.parameters[name].values() or iter(())

    def _count(self, name: str) -> int:
        return self.parameters[name].count() or 0

    def _varies(self, name: str, point: Point) -> bool:
        """Whether each value of a parameter that nothing looks at makes another point."""
        source = self.parameters[name].source
        return name in point.suggested and (source is None or point.applied[source] != 0)

    @cached_property
    def _looked_at(self) -> set[str]:
        """The parameters that decide on others, through whatever lies between."""
        found: set[str] = set()
        for name in reversed(self._order):
            item = self.parameters[name]
            if item.when:
                found |= item.when.names()
            if item.source is not None and (name in found or not isinstance(item, Reference)):
                found.add(item.source)
        return found

    @cached_property
    def _searched(self) -> tuple[str, ...]:
        return tuple(
            name
            for name, item in self.parameters.items()
            if not isinstance(item, Constant | Reference)
        )


def _product(name: str, value: float, factor: float) -> float:
    product = value * factor
    try:
        check_value(product)
    except ValueError as error:
        raise UserError(
            f"'{name}': {exactly(value)} times {exactly(factor)} is out of range"
        ) from error
    return product

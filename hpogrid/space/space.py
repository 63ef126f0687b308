"""A search space: an ordered mapping from names to parameters, and the points in it."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from hpogrid.errors import UserError
from hpogrid.registry import unknown
from hpogrid.space.latent import Axis, Latents, middle
from hpogrid.space.parameter import Constant, Parameter, Reference, Value

VERSION = 1


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
    return msgspec.json.encode(applied, order="deterministic")


class Space:
    """What is searched. Made from parameters, checked once, then read only.

    Args:
        parameters: by name, in the order in which people see them.

    Raises:
        UserError: a reference to a parameter that is not there, or a cycle, which is named.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        if not parameters:
            raise UserError("the search space is empty; give it at least one parameter")
        self.parameters: dict[str, Parameter] = dict(parameters)
        self._check_names()
        self._order = self._evaluation_order()

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
        parameters = {name: msgspec.to_builtins(item) for name, item in self.parameters.items()}
        return {"version": VERSION, "parameters": parameters}

    @classmethod
    def from_json(cls, data: Any, where: str = "search space") -> Space:
        """Read the form of `to_json`.

        Raises:
            UserError: the parameter and what is wrong with it.
        """
        if not isinstance(data, dict) or set(data) != {"version", "parameters"}:
            raise UserError(f"{where}: expected an object with the keys 'version' and 'parameters'")
        if data["version"] != VERSION:
            raise UserError(
                f"{where}: version {data['version']!r} is not known to this hpogrid, "
                f"which reads {VERSION}; install a newer one"
            )
        if not isinstance(data["parameters"], dict):
            raise UserError(f"{where}: 'parameters' must be an object")
        parameters: dict[str, Parameter] = {}
        for name, item in data["parameters"].items():
            try:
                parameters[name] = msgspec.convert(item, Parameter)
            except msgspec.ValidationError as error:
                raise UserError(f"{where}: parameter '{name}': {plain(error)}") from error
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
        values = [list(self.parameters[name].values() or ()) for name in self.crossed]
        for combination in itertools.product(*values):
            yield dict(zip(self.crossed, combination, strict=True))

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
        """Evaluate conditions and links on a suggested value for every searched parameter."""
        applied: dict[str, Value] = {}
        active: dict[str, Value] = {}
        off: set[str] = set()
        for name in self._order:
            item = self.parameters[name]
            if (item.when and not item.when.holds(applied)) or self._source(item) in off:
                off.add(name)
                if item.inactive != "drop":
                    applied[name] = item.otherwise
                continue
            if isinstance(item, Constant):
                applied[name] = item.value
            elif isinstance(item, Reference):
                applied[name] = applied[item.of]
            else:
                active[name] = suggested[name]
                applied[name] = self._linked(name, suggested[name], applied)
        return Point(
            {name: active[name] for name in self.parameters if name in active},
            {name: applied[name] for name in self.parameters if name in applied},
        )

    def identify(self, applied: Mapping[str, Value]) -> bytes:
        """The identity of applied values in this space, whatever order they come in."""
        return identity({name: applied[name] for name in self.parameters if name in applied})

    def _linked(self, name: str, value: Value, applied: Mapping[str, Value]) -> Value:
        factor = getattr(self.parameters[name], "multiply", None)
        if factor is None:
            return value
        by = applied.get(factor)
        if isinstance(by, bool) or not isinstance(by, int | float):
            raise UserError(
                f"'{name}' is multiplied with '{factor}', whose value {by!r} is no number"
            )
        return value * by

    @staticmethod
    def _source(item: Parameter) -> str | None:
        if isinstance(item, Reference):
            return item.of
        return getattr(item, "multiply", None)

    # --- points --------------------------------------------------------------------------

    def sample(self, rng: random.Random) -> Point:
        """Draw one point at random, crossed parameters included."""
        crossing = {
            name: rng.choice(list(self.parameters[name].values() or ())) for name in self.crossed
        }
        return self.decode({name: axis.sample(rng) for name, axis in self.axes.items()}, crossing)

    @property
    def finite(self) -> bool:
        """Whether the space has finitely many points."""
        return all(self.parameters[name].values() is not None for name in self._searched)

    def size(self) -> int | None:
        """The number of different configurations, or None where there is no end to them."""
        if not self.finite:
            return None
        if not any(item.when for item in self.parameters.values()):
            counts = (_count(self.parameters[name]) for name in self._searched)
            return math.prod(counts)
        return sum(1 for _ in self.enumerate())

    def enumerate(self) -> Iterator[Point]:
        """Every configuration once, the last parameter changing fastest.

        Raises:
            UserError: the space is not finite; the first parameter without an end is named.
        """
        for name in self._searched:
            if self.parameters[name].values() is None:
                raise UserError(
                    f"'{name}' has no finite list of values; give it a step (q), "
                    "or search with another algorithm than grid"
                )
        conditional = any(item.when for item in self.parameters.values())
        seen: set[bytes] = set()
        values = [list(self.parameters[name].values() or ()) for name in self._searched]
        for combination in itertools.product(*values):
            point = self.apply(dict(zip(self._searched, combination, strict=True)))
            if conditional:
                if point.key in seen:
                    continue
                seen.add(point.key)
            yield point

    @cached_property
    def _searched(self) -> tuple[str, ...]:
        return tuple(
            name
            for name, item in self.parameters.items()
            if not isinstance(item, Constant | Reference)
        )

    # --- checks --------------------------------------------------------------------------

    def _check_names(self) -> None:
        for name, item in self.parameters.items():
            if not name or name != name.strip() or any(ord(letter) < 32 for letter in name):
                raise UserError(f"{name!r} is no name for a parameter; use letters and digits")
            for other in sorted(item.needs()):
                if other not in self.parameters:
                    raise UserError(
                        f"'{name}' depends on an {unknown('parameter', other, list(self.parameters))}"
                    )
            if item.when and item.crossed:
                raise UserError(f"'{name}': a condition and grid_search do not go together")

    def _evaluation_order(self) -> list[str]:
        order: list[str] = []
        done: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                cycle = [*path[path.index(name) :], name]
                raise UserError(
                    f"parameters depend on each other in a circle: {' -> '.join(cycle)}"
                )
            if name in done:
                return
            for other in self.parameters:
                if other in self.parameters[name].needs():
                    visit(other, (*path, name))
            done.add(name)
            order.append(name)

        for name in self.parameters:
            visit(name, ())
        return order


def _count(item: Parameter) -> int:
    values = item.values()
    return sum(1 for _ in values) if values is not None else 0


def plain(error: msgspec.ValidationError) -> str:
    """The message of a validation error in the project's words: ``where: what``."""
    what, _, where = str(error).partition(" - at `$")
    where = where.rstrip("`").lstrip(".")
    what = what.replace("`", "")
    what = what[:1].lower() + what[1:]
    return f"{where}: {what}" if where else what

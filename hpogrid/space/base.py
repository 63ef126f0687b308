"""What all kinds of parameter have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from hpogrid.space.condition import Condition
from hpogrid.space.latent import Axis
from hpogrid.space.value import Value, canonical, check_value


class BaseParameter(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    """A parameter.

    ``when`` is the condition under which it is active. An inactive one is ``null`` in the
    configuration, or left out (``drop``), or has the value ``otherwise`` (``default``).
    """

    when: Condition | None = None
    inactive: Literal["null", "drop", "default"] = "null"
    otherwise: Value = None

    def __post_init__(self) -> None:
        check_value(self.otherwise)
        if (self.inactive == "default") != (self.otherwise is not None):
            raise ValueError("'inactive': 'default' and a value under 'otherwise' go together")
        if self.inactive != "null" and not self.needs():
            raise ValueError("'inactive' needs a condition under 'when', or a link")

    def __eq__(self, other: object) -> bool:
        """Values of other types are others: true is not 1, and 1.0 is not 1."""
        return type(self) is type(other) and canonical(self) == canonical(other)

    def __hash__(self) -> int:
        return hash(canonical(self))

    @property
    def axis(self) -> Axis | None:
        """What a search algorithm sees of it; None: nothing to search."""
        return None

    @property
    def crossed(self) -> bool:
        """Whether every value is taken for every draw of the other parameters."""
        return False

    @property
    def source(self) -> str | None:
        """The parameter that its value derives from."""
        return None

    def needs(self) -> set[str]:
        """The other parameters that it depends on, through its condition or its value."""
        names = self.when.names() if self.when else set()
        return names if self.source is None else names | {self.source}

    def decode(self, latent: float | int) -> Value:
        """The suggested value for a latent of its axis."""
        raise TypeError(f"{type(self).__name__} has no axis")

    def encode(self, value: Value) -> float | int:
        """A latent that decodes to ``value``.

        Raises:
            ValueError: the value is not one of this parameter's.
        """
        raise TypeError(f"{type(self).__name__} has no axis")

    def count(self) -> int | None:
        """How many values it has, or None where they are not finitely many."""
        return 1

    def at(self, index: int) -> Value:
        """One of its `count` values, in order."""
        raise TypeError(f"{type(self).__name__} has no list of values")

    def values(self) -> Iterator[Value] | None:
        """All values in order, or None where they are not finitely many."""
        count = self.count()
        return None if count is None else map(self.at, range(count))

    def taken(self, value: Value) -> Value:
        """A value as the parameter itself has it: 3 for 3.0, and without an error of rounding.

        Raises:
            ValueError: the value is not one of this parameter's.
        """
        return self.decode(self.encode(value))


class Multiplied(BaseParameter, frozen=True, kw_only=True):
    """A searched parameter; ``multiply`` names one whose applied value it is multiplied with."""

    multiply: str | None = None

    @property
    def source(self) -> str | None:
        return self.multiply

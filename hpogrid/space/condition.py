"""Conditions: when a parameter is active, in terms of the applied values of others."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from hpogrid.space.value import Value, as_number, check_value, is_number, same

Operator = Literal[
    "equal", "not_equal", "in", "not_in", "gt", "ge", "lt", "le", "all", "any", "not"
]

_ORDER: dict[str, Callable[[float, float], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``{"op": "equal", "on": "optimizer", "value": "sgd"}``, or ``all``, ``any``, ``not``.

    ``all``, ``any`` and ``not`` take conditions under ``of``; the others compare the applied
    value of the parameter ``on`` with ``value`` (a list for ``in`` and ``not_in``).
    """

    op: Operator
    on: str | None = None
    value: Value = None
    of: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        check_value(self.value)
        if self.op in ("all", "any", "not"):
            if not self.of or self.on is not None or self.value is not None:
                raise ValueError(f"'{self.op}' takes conditions under 'of', no 'on' and no 'value'")
            if self.op == "not" and len(self.of) != 1:
                raise ValueError("'not' takes exactly one condition under 'of'")
            return
        if self.on is None or self.of:
            raise ValueError(f"'{self.op}' takes the name of a parameter under 'on', and no 'of'")
        if self.op in ("in", "not_in") and not isinstance(self.value, list | tuple):
            raise ValueError(f"'{self.op}' takes a list under 'value'")
        if self.op in _ORDER and not is_number(self.value):
            raise ValueError(f"'{self.op}' takes a number under 'value'")

    def names(self) -> set[str]:
        """The parameters it looks at."""
        if self.on is not None:
            return {self.on}
        return set().union(*(part.names() for part in self.of))

    def holds(self, applied: Mapping[str, Value]) -> bool:
        """Whether it is true.

        Args:
            applied: the applied values, without those of inactive parameters that have no
                default: no comparison with a parameter that is not there is true.
        """
        if self.op == "all":
            return all(part.holds(applied) for part in self.of)
        if self.op == "any":
            return any(part.holds(applied) for part in self.of)
        if self.op == "not":
            return not self.of[0].holds(applied)
        if self.on is None or self.on not in applied:
            return False
        found = applied[self.on]
        if isinstance(self.value, list | tuple) and self.op in ("in", "not_in"):
            return any(same(found, value) for value in self.value) == (self.op == "in")
        if self.op in ("equal", "not_equal"):
            return same(found, self.value) == (self.op == "equal")
        return is_number(found) and _ORDER[self.op](found, as_number(self.value))

"""What the functions of override values mean: sweeps, casts, and what rearranges a sweep."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from hpogrid.registry import unknown
from hpogrid.space.dialects.override_grammar import Call, Node, Text
from hpogrid.space.value import Value, exactly, is_number, shown

Compat = Literal["hydra", "optuna-sweeper"]


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: list[Value]


@dataclass(frozen=True)
class Range:
    """``start``, ``start + step``, ... below ``stop``; with ``include``, up to it."""

    start: float
    stop: float
    step: float
    include: bool = False

    def count(self) -> int:
        """How many values there are."""
        start, stop, step = (Fraction(repr(part)) for part in (self.start, self.stop, self.step))
        steps = (stop - start) / step
        return max(0, math.floor(steps) + 1 if self.include else math.ceil(steps))

    def at(self, index: int) -> float:
        """The value after ``index`` steps."""
        value = Fraction(repr(self.start)) + index * Fraction(repr(self.step))
        whole = all(isinstance(part, int) for part in (self.start, self.stop, self.step))
        return int(value) if whole else float(value)


@dataclass(frozen=True)
class Interval:
    """A number from ``start`` to ``end``, both included."""

    start: float
    end: float
    whole: bool = False
    log: bool = False


Sweep = Choice | Range | Interval
Meaning = Sweep | Value

_MOST_LISTED = 10_000


class Functions:
    """Evaluates a node; `notes` says what the author should know.

    Args:
        compat: whose meaning ``range`` and ``int(interval(...))`` have.
    """

    def __init__(self, compat: Compat) -> None:
        self.compat = compat
        self.notes: list[str] = []
        self._table: dict[str, Callable[[Call], Meaning]] = {
            "choice": self._choice,
            "range": self._range,
            "interval": self._interval,
            "tag": self._tag,
            "sort": self._sort,
            "shuffle": self._shuffle,
            "glob": self._glob,
            "extend_list": self._extend_list,
            **dict.fromkeys(_CASTS, self._cast),
        }

    def evaluate(self, node: Node) -> Meaning:
        """The sweep or the value that a node means.

        Raises:
            ValueError: a function that is not known, or that cannot take what it is given.
        """
        if isinstance(node, Text):
            return node.text
        if isinstance(node, list):
            return [self._value(part) for part in node]
        if isinstance(node, dict):
            return {key: self._value(part) for key, part in node.items()}
        if not isinstance(node, Call):
            return node
        if node.name not in self._table:
            raise ValueError(unknown("function", node.name, list(self._table)))
        return self._table[node.name](node)

    def _value(self, node: Node) -> Value:
        found = self.evaluate(node)
        if isinstance(found, Sweep):
            raise ValueError(f"{_kind(found)} cannot stand inside a list, an object or a choice")
        return found

    def _arguments(self, call: Call, names: tuple[str, ...], needed: int) -> list[Node]:
        """The arguments in order, whether given by place or by name."""
        given = dict(zip(names, call.args, strict=False))
        twice = set(given) & set(call.keywords)
        strange = set(call.keywords) - set(names)
        if len(call.args) > len(names) or twice or strange or len(given | call.keywords) < needed:
            raise ValueError(f"{call.name} takes ({', '.join(names)})")
        given |= call.keywords
        if any(name not in given for name in names[:needed]):
            raise ValueError(f"{call.name} takes ({', '.join(names)})")
        return [given.get(name) for name in names]

    def _choice(self, call: Call) -> Choice:
        if call.keywords or not call.args:
            raise ValueError("choice takes values: choice(a, b)")
        return Choice([self._value(part) for part in call.args])

    def _range(self, call: Call) -> Range:
        if len(call.args) == 1 and not call.keywords:
            call = Call("range", [0, *call.args])
        start, stop, given = self._arguments(call, ("start", "stop", "step"), 2)
        step = 1 if given is None else given
        if not (is_number(start) and is_number(stop) and is_number(step)):
            raise ValueError("range takes numbers: range(start, stop, step)")
        if step == 0:
            raise ValueError("the step of range is 0")
        found = Range(start, stop, step, include=self.compat == "optuna-sweeper")
        if found.count() == 0:
            raise ValueError(f"range({start}, {stop}, {step}) is empty")
        self._note_stop(found)
        return found

    def _note_stop(self, found: Range) -> None:
        counts = [replace(found, include=include).count() for include in (False, True)]
        if counts[0] != counts[1] and not found.include:
            self.notes.append(
                f"range leaves out its end {found.stop}; with --compat optuna-sweeper it is in"
            )
        elif counts[0] != counts[1]:
            self.notes.append(f"range includes its end {found.stop}, other than in Hydra itself")

    def _interval(self, call: Call) -> Interval:
        start, end = self._arguments(call, ("start", "end"), 2)
        if not (is_number(start) and is_number(end)):
            raise ValueError("interval takes numbers: interval(low, high)")
        return Interval(float(start), float(end))

    def _tag(self, call: Call) -> Sweep:
        if set(call.keywords) - {"sweep"} or not (call.args or call.keywords):
            raise ValueError("tag takes words and then a sweep: tag(log, interval(1, 10))")
        given = call.args if call.keywords else call.args[:-1]
        words = [word for word in given if isinstance(word, Text)]
        sweep = self.evaluate(call.keywords["sweep"] if call.keywords else call.args[-1])
        if not isinstance(sweep, Sweep) or len(words) < len(given):
            raise ValueError("tag takes words and then a sweep: tag(log, interval(1, 10))")
        tagged: Sweep = sweep
        for word in words:
            if word.text == "log" and isinstance(sweep, Interval):
                tagged = replace(sweep, log=True)
            else:
                self.notes.append(f"the tag {word.text} has no effect on {_kind(sweep)}")
        return tagged

    def _sort(self, call: Call) -> Meaning:
        reverse = call.keywords.get("reverse", False)
        if set(call.keywords) - {"reverse"} or not isinstance(reverse, bool) or not call.args:
            raise ValueError("sort takes values, a sweep or a list, and reverse=true")
        found = self._one_or_choice(call.args)
        if isinstance(found, Range):
            self.notes.append("the order of a range has no effect")
            return found
        if isinstance(found, Interval):
            raise ValueError("an interval cannot be sorted")
        if not isinstance(found, Choice | list):
            return found
        values = found.values if isinstance(found, Choice) else found
        try:
            ordered = sorted(values, reverse=reverse)
        except TypeError as error:
            raise ValueError("values of different kinds cannot be sorted") from error
        return Choice(ordered) if isinstance(found, Choice) else ordered

    def _shuffle(self, call: Call) -> Choice:
        if call.keywords or not call.args:
            raise ValueError("shuffle takes values or a sweep: shuffle(range(1, 9))")
        found = self._one_or_choice(call.args)
        if isinstance(found, Range):
            if found.count() > _MOST_LISTED:
                raise ValueError(f"shuffle takes at most {_MOST_LISTED:,} values")
            return Choice([found.at(index) for index in range(found.count())])
        if not isinstance(found, Choice):
            raise ValueError(f"{_kind(found)} cannot be shuffled here; its order would be random")
        self.notes.append("shuffle has no effect: a choice has no order")
        return found

    def _one_or_choice(self, args: list[Node]) -> Meaning:
        return self.evaluate(args[0]) if len(args) == 1 else self._choice(Call("choice", args))

    def _glob(self, call: Call) -> Meaning:
        raise ValueError(
            "glob looks into the folders of a Hydra application, which are not known here; "
            "list the options: choice(a, b)"
        )

    def _extend_list(self, call: Call) -> Meaning:
        raise ValueError("extend_list changes a list that is not known here; write the whole list")

    def _cast(self, call: Call) -> Meaning:
        if call.keywords or not call.args:
            raise ValueError(f"{call.name} takes a value or a sweep")
        found = self._one_or_choice(call.args)
        if isinstance(found, Interval):
            return self._cast_interval(call.name, found)
        if isinstance(found, Range):
            return _cast_range(call.name, found)
        if isinstance(found, Choice):
            return Choice([_cast_value(call.name, value) for value in found.values])
        return _cast_value(call.name, found)

    def _cast_interval(self, name: str, found: Interval) -> Interval:
        if name == "float":
            return replace(found, whole=False)
        if name != "int":
            raise ValueError(f"an interval cannot become {name}")
        if self.compat == "optuna-sweeper":
            low, high = int(found.start), int(found.end)
        else:
            low, high = math.ceil(found.start), math.floor(found.end)
        if low > high:
            raise ValueError(
                f"there is no whole number from {exactly(found.start)} to {exactly(found.end)}"
            )
        if (low, high) != (found.start, found.end):
            self.notes.append(f"the whole numbers of the interval are {low} to {high}")
        return replace(found, start=low, end=high, whole=True)


def _cast_range(name: str, found: Range) -> Range:
    numbers = (found.start, found.stop, found.step)
    if name == "float":
        return _converted(found, float)
    if name != "int":
        raise ValueError(f"a range cannot become {name}")
    if any(number != int(number) for number in numbers):
        raise ValueError("int takes a range of whole numbers; its values would be others")
    return _converted(found, int)


def _converted(found: Range, to: Callable[[float], float]) -> Range:
    return replace(found, start=to(found.start), stop=to(found.stop), step=to(found.step))


_CASTS: dict[str, Callable[[Any], Value]] = {"int": int, "float": float, "str": str, "bool": bool}
_BOOLS = {"true": True, "false": False}


def _cast_value(name: str, value: Value) -> Value:
    if isinstance(value, list):
        return [_cast_value(name, part) for part in value]
    if isinstance(value, dict):
        return {key: _cast_value(name, part) for key, part in value.items()}
    if name == "str":
        return _text_of(value)
    if name == "bool" and isinstance(value, str):
        value = _BOOLS.get(value.lower())
    if value is None:
        raise ValueError(f"a value cannot become {name}")
    try:
        return _CASTS[name](value)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{shown(value)} cannot become {name}") from error


def _text_of(value: Value) -> str:
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _kind(found: Meaning) -> str:
    """What it is, with its article."""
    if isinstance(found, Interval):
        return "an interval"
    return f"a {type(found).__name__.lower()}" if isinstance(found, Sweep) else "a value"

"""PCS, the text files of SMAC and other tools for algorithms: ``lr real [1e-5, 0.1] [1e-2] log``.

Both forms are read, the new one is written. Values of categories are text, whatever they look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from hpogrid.errors import UserError
from hpogrid.space.condition import Condition, Operator
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, refusing
from hpogrid.space.dialects.configspace import (
    DEFAULTS,
    FORBIDDEN,
    check_bounds,
    check_unlike,
    check_values,
    with_condition,
)
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Ordinal, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from hpogrid.space.value import Value, is_number, shown

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WORD = r"[^\s{}\[\],|#=]+"
_BOUNDS = rf"\[\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\]\s*\[\s*{_NUMBER}\s*\]"
_NUMERIC = re.compile(rf"({_WORD})\s+(real|integer)\s*{_BOUNDS}\s*(log)?")
_OLDER = re.compile(rf"({_WORD})\s*{_BOUNDS}\s*(i?l?|li)")
_CHOICE = re.compile(
    rf"({_WORD})\s*(?:\s(categorical|ordinal)\s*)?\{{([^{{}}]*)\}}\s*\[\s*{_WORD}\s*\]"
)
_FORBIDDEN = re.compile(r"\{.*\}")
_CONDITIONAL = re.compile(rf"({_WORD})\s*\|(?!\|)\s*(.+)")
_HEADING = re.compile(r"(conditionals?|forbidden)\s*:?", re.IGNORECASE)
_COMPARED = re.compile(r"([^\s{}\[\],|#=<>]+?)\s*(==|!=|<|>|\sin)\s*(?:\{([^{}]*)\}|([^\s{}]+))")
_OPERATORS: dict[str, Operator] = {"==": "equal", "!=": "not_equal", ">": "gt", "<": "lt"}
_WRITTEN = re.compile(r"[\w\-@.:;\\/?$%*+]+", re.ASCII)
"""Names and values that every reader takes for one word."""


def detect(data: object) -> bool:
    """Whether every line of text is a parameter, a condition, or forbids something."""
    if not isinstance(data, str):
        return False
    kinds = [_kind(line) for line in _lines(data)]
    return "parameter" in kinds and "" not in kinds


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        said = re.sub(r"[\"']", "", line.partition("#")[0]).strip()
        if said and not _HEADING.fullmatch(said):
            yield said


def _kind(line: str) -> str:
    if any(form.fullmatch(line) for form in (_NUMERIC, _OLDER, _CHOICE)):
        return "parameter"
    if _CONDITIONAL.fullmatch(line):
        return "condition"
    return "forbidden" if _FORBIDDEN.fullmatch(line) else ""


def parse(data: object, where: str) -> Parsed:
    """Read PCS.

    Raises:
        UserError: the first thing that is wrong, or that has no equivalent.
    """
    if not isinstance(data, str):
        raise UserError(f"{where}: expected lines of PCS, such as lr real [1e-5, 0.1] [0.01] log")
    parameters: dict[str, Parameter] = {}
    conditions: list[tuple[str, str]] = []
    for line in _lines(data):
        if (kind := _kind(line)) == "forbidden":
            raise UserError(f"{where}: {FORBIDDEN.format('PCS')}")
        if found := _CONDITIONAL.fullmatch(line):
            conditions.append((found[1], found[2]))
            continue
        if not kind:
            raise UserError(f"{where}: no line of PCS: {shown(line)}")
        name = re.split(r"[\s{\[]", line)[0]
        with in_space(where, name):
            if name in parameters:
                raise ValueError("is there twice")
            parameters[name] = _parameter(line)
    for child, text in conditions:
        if child not in parameters:
            raise UserError(f"{where}: a condition on '{child}', which is no parameter")
        with in_space(where, child):
            parameters[child] = _under(parameters[child], _condition(text, parameters))
    with in_space(where):
        check_unlike(parameters)
        return Space(parameters), [*_notes(parameters)]


def _notes(parameters: dict[str, Parameter]) -> Iterator[str]:
    yield DEFAULTS.format("PCS")
    for name, item in parameters.items():
        values = item.choices if isinstance(item, Categorical | Ordinal) else ()
        number = next((value for value in values if re.fullmatch(_NUMBER, str(value))), None)
        if number is not None:
            yield f"parameter '{name}': PCS has text here, so a trial gets '{number}' as text"


def _parameter(line: str) -> Parameter:
    if found := _NUMERIC.fullmatch(line):
        _, kind, low, high, log = found.groups()
        return _range(low, high, whole=kind == "integer", log=log is not None)
    if found := _OLDER.fullmatch(line):
        _, low, high, flags = found.groups()
        return _range(low, high, whole="i" in flags, log="l" in flags)
    found = _CHOICE.fullmatch(line)
    assert found is not None
    values = _words(found[3])
    if found[2] == "ordinal":
        return Ordinal(choices=values)
    return Categorical(choices=values) if len(values) > 1 else Constant(value=values[0])


def _words(text: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in text.split(","))
    if not all(re.fullmatch(_WORD, value) for value in values):
        raise ValueError(f"values of PCS are words with commas between, unlike {shown(text)}")
    return values


def _range(low: str, high: str, *, whole: bool, log: bool) -> Parameter:
    scale = (Log if log else Linear)(float(low), float(high))
    return Integer(scale=scale) if whole else Float(scale=scale)


def _under(item: Parameter, when: Condition) -> Parameter:
    """The parameter under one more condition: lines on one parameter all have to hold."""
    parts = () if item.when is None else item.when.of if item.when.op == "all" else (item.when,)
    own = when.of if when.op == "all" else (when,)
    return with_condition(item, Condition(op="all", of=(*parts, *own)) if parts else when)


def _condition(text: str, parameters: dict[str, Parameter]) -> Condition:
    def joined(op: Operator, parts: Sequence[Condition]) -> Condition:
        return parts[0] if len(parts) == 1 else Condition(op=op, of=tuple(parts))

    either = [[_compared(part, parameters) for part in re.split(r"&&", alternative)]
              for alternative in re.split(r"\|\|", text)]  # fmt: skip
    return joined("any", [joined("all", parts) for parts in either])


def _compared(text: str, parameters: dict[str, Parameter]) -> Condition:
    found = _COMPARED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"a condition that PCS does not have: {shown(text.strip())}")
    parent, word, several, one = found.groups()
    if parent not in parameters:
        raise ValueError(f"a condition on '{parent}', which is no parameter")
    values = [_value(value, parameters[parent]) for value in _words(several or one)]
    op = _OPERATORS.get(word.strip())
    if op in ("gt", "lt") and not isinstance(parameters[parent], Float | Integer):
        raise ValueError(f"'{parent}' is compared by the order of its values; list them with in")
    if len(values) == 1:
        return Condition(op=op or "equal", on=parent, value=values[0])
    if op is not None:
        raise ValueError(f"'{word}' takes one value, unlike {shown(text.strip())}")
    return Condition(op="in", on=parent, value=values)


def _value(text: str, parent: Parameter) -> Value:
    """A value of a parameter as PCS writes it."""
    if not isinstance(parent, Float | Integer):
        return text
    try:
        return float(text) if isinstance(parent, Float) else int(text)
    except ValueError as error:
        raise ValueError(f"a condition on a number with {shown(text)}, which is none") from error


def render(space: Space) -> str:
    """Write a space as PCS.

    Raises:
        UserError: it has something that PCS cannot say; what and where.
    """
    lines, conditions = [], []
    defaults = space.defaults()
    for name, item in space.parameters.items():
        with refusing(name, "PCS has no"):
            line = f"{_word(name)} {_written(item, defaults.get(name))}"
            if with_condition(_parameter(line), item.when) != item:
                raise ValueError("such a distribution")
            lines.append(line)
            if item.when is not None:
                said = _either(item.when, space.parameters)
                if with_condition(item, _condition(said, space.parameters)) != item:
                    raise ValueError("such a condition")
                conditions.append(f"{name} | {said}")
    return "\n".join(chain(lines, [""] if conditions else [], conditions)) + "\n"


def _written(item: Parameter, default: Value) -> str:
    match item:
        case Constant(value=value):
            return f"categorical {{{_word(value)}}} [{_word(value)}]"
        case Categorical(grid=False, weights=None, multiply=None):
            return _choices("categorical", item.choices)
        case Ordinal(weights=None, multiply=None):
            return _choices("ordinal", item.choices)
        case Integer(scale=Linear() | Log(), step=1, multiply=None):
            check_bounds(item.low, item.high)
            kind, bounds = "integer", f"[{item.low}, {item.high}]"
        case Float(scale=Linear() | Log(), lattice=None, multiply=None):
            low, high = item.scale.bounds
            check_bounds(low, high)
            kind, bounds = "real", f"[{low!r}, {high!r}]"
        case _:
            raise ValueError(f"{type(item).__name__.lower()} parameters like this")
    return f"{kind} {bounds} [{default!r}]{' log' if isinstance(item.scale, Log) else ''}"


def _choices(kind: str, values: Iterable[Value]) -> str:
    words = [_word(value) for value in values]
    return f"{kind} {{{', '.join(words)}}} [{words[0]}]"


def _word(value: Value) -> str:
    if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
        raise ValueError(f"names and values but words, unlike {shown(value)}")
    return value


def _either(when: Condition, parameters: dict[str, Parameter]) -> str:
    parts = when.of if when.op == "any" else (when,)
    return " || ".join(_both(part, parameters) for part in parts)


def _both(when: Condition, parameters: dict[str, Parameter]) -> str:
    parts = when.of if when.op == "all" else (when,)
    return " && ".join(_comparison(part, parameters) for part in parts)


def _comparison(when: Condition, parameters: dict[str, Parameter]) -> str:
    if when.on is None:
        raise ValueError(f"conditions with '{when.op}' inside others")
    parent = parameters[when.on]
    check_values(when, parent)
    if when.op == "in" and isinstance(when.value, list | tuple):
        return f"{when.on} in {{{', '.join(_text(parent.taken(value)) for value in when.value)}}}"
    word = next((word for word, op in _OPERATORS.items() if op == when.op), None)
    if word is None:
        raise ValueError(f"conditions with '{when.op}'")
    return f"{when.on} {word} {_text(parent.taken(when.value))}"


def _text(value: Value) -> str:
    return repr(value) if is_number(value) else _word(value)


DIALECT = Dialect("pcs", parse, render, detect, syntax="text")

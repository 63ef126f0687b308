"""Ranges, as one types them: ``lr=1e-5:1e-2:log``, ``n=16:256:log:int``, ``act=relu,tanh``.

A range is ``LOW:HIGH`` with words behind it: ``log``, ``int``, ``float``, ``step=S``. Values with
commas between are choices, one value is a constant. Anything that another dialect writes as one
value, such as ``loguniform(1e-5, 1e-2)``, is read as that dialect reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from hpogrid.errors import UserError
from hpogrid.files import parse_json
from hpogrid.space.dialects.base import Dialect, Parsed, in_space, is_call, refusing
from hpogrid.space.dialects.repeats import collapse, repetition, spread
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Lattice, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from hpogrid.space.value import shown

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})((?::[^:]*)*)")
_LINE = re.compile(r"\s*([\w$][\w$./@-]*?)\s*[=~]\s*(.*)", re.DOTALL)
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^",]*)\s*(,|$)')
_WORDS = ("log", "int", "float", "step=S")
_KINDS = ("int", "float")


def detect(data: Any) -> bool:
    """Whether it is lines of names with values, and a range or a list of one is among these."""
    lines = _lines(data)
    found = [_LINE.fullmatch(line) for line in lines]
    values = [line[2].strip() for line in found if line]
    return all(found) and any(_RANGE.fullmatch(x) or x.endswith(",") for x in values)


def parse(data: Any, where: str) -> Parsed:
    """Read lines, or a list, of ``name=range``.

    Raises:
        UserError: the first thing that is wrong.
    """
    lines = _lines(data)
    if not lines:
        raise UserError(f"{where}: expected ranges such as lr=1e-5:1e-2:log, got {shown(data)}")
    parameters: dict[str, Parameter] = {}
    notes: list[str] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise UserError(f"{where}: {shown(line)} is no name=range such as lr=1e-5:1e-2:log")
        with in_space(where, found[1]):
            if found[1] in parameters:
                raise ValueError("is given twice; keep one of them")
            parameters[found[1]], own = read_range(found[2])
        notes += [f"parameter '{found[1]}': {note}" for note in own]
    with in_space(where):
        return Space(parameters), notes


def _lines(data: Any) -> list[str]:
    if isinstance(data, str):
        stripped = (line.strip() for line in data.split("\n"))
        return [line for line in stripped if line and not line.startswith("#")]
    if isinstance(data, list) and all(isinstance(item, str) for item in data):
        return data
    return []


def read_range(text: str, kind: str | None = None) -> tuple[Parameter, list[str]]:
    """The parameter that a range, choices, a value or a call means, and notes.

    Args:
        text: as it is typed.
        kind: ``int`` or ``float``, where it is known what the values are for.

    Raises:
        ValueError: what is wrong with it.
    """
    text = text.strip()
    found = _RANGE.fullmatch(text)
    if found is not None:
        return _range(found[1], found[2], found[3].split(":")[1:], kind)
    if is_call(text) or text.startswith("{"):
        return _foreign(text)
    if ":" in text and (kind is not None or re.match(rf"{_NUMBER}?:", text)):
        raise ValueError(f"{shown(text)} is no range; write LOW:HIGH, such as 1e-5:1e-2:log")
    items = _items(text)
    if len(items) == 1:
        return Constant(value=_value(items[0])), []
    given = [_value(item) for item in (items if items[-1] else items[:-1])]
    values, weights = collapse(given)
    return Categorical(choices=values, weights=weights), repetition(given, grid=False)


def _range(
    low: str, high: str, words: Iterable[str], kind: str | None
) -> tuple[Parameter, list[str]]:
    given, step, log, notes = kind, None, False, []
    for word in words:
        name, _, value = word.partition("=")
        if word in _KINDS:
            given = word
        elif word == "log":
            log = True
        elif name == "step" and re.fullmatch(_NUMBER, value):
            step = value
        else:
            raise ValueError(f"{word or 'nothing'} after a range; it takes {', '.join(_WORDS)}")
    if log and step is not None:
        raise ValueError("log and step do not go together")
    whole = all(_is_whole(text) for text in (low, high, step) if text is not None)
    if given is None and whole:
        notes = [f"whole numbers; write {low}:{high}:float for all numbers between"]
    if given == "int" or (given is None and whole):
        if not whole:
            raise ValueError(f"{low}:{high} is no range of whole numbers")
        scale = (Log if log else Linear)(int(low), int(high))
        return Integer(scale=scale, step=int(step or 1)), notes
    scale = (Log if log else Linear)(float(low), float(high))
    lattice = None if step is None else Lattice(float(step), "low")
    return Float(scale=scale, lattice=lattice), notes


def _is_whole(text: str) -> bool:
    return re.fullmatch("[+-]?[0-9]+", text) is not None


def _foreign(text: str) -> tuple[Parameter, list[str]]:
    """What another dialect makes of one value."""
    from hpogrid.space.dialects import DIALECTS, load_dialect, read_space

    value = parse_json(text, "this") if text.startswith("{") else text
    if not any(load_dialect(name).detect({"x": value}) for name in DIALECTS):
        raise ValueError(f"no dialect knows {shown(text)}; write a range such as 1e-5:1e-2:log")
    try:
        space, notes = read_space({"x": value}, "this")
    except UserError as error:
        raise ValueError(re.sub("^this: (parameter 'x': )?", "", str(error))) from error
    return space.parameters["x"], [note.removeprefix("parameter 'x': ") for note in notes]


def _items(text: str) -> list[str]:
    """What stands between commas; a last comma makes even one value a choice."""
    items, at = [], 0
    while (found := _ITEM.match(text, at)) is not None:
        items.append(found[1].strip())
        if found[2] != ",":
            return items
        at = found.end()
    raise ValueError(f'{shown(text)} has a quotation mark where none can be; write a,b or "a,b",c')


def _value(text: str) -> Any:
    if text.startswith('"'):
        return json.loads(text)
    if re.fullmatch(_NUMBER, text):
        return int(text) if _is_whole(text) else float(text)
    return {"true": True, "false": False, "null": None}.get(text, text)


def render(space: Space) -> str:
    """Write a space as ranges, one on each line.

    Raises:
        UserError: it has something that ranges cannot say; what and where.
    """
    lines = []
    for name, item in space.parameters.items():
        with refusing(name, "ranges have no"):
            lines.append(f"{name}={_written(name, item)}\n")
    return "".join(lines)


def _written(name: str, item: Parameter) -> str:
    line = _LINE.fullmatch(f"{name}=1")
    if line is None or line[1] != name:
        raise ValueError("such name")
    if item.needs():
        raise ValueError("conditions or links")
    match item:
        case Constant(value=value):
            return _text(value)
        case Categorical(grid=False):
            texts = [_text(value) for value in spread(item)]
            return ",".join(texts) + ("," if len(texts) == 1 else "")
        case Integer(scale=Linear(), step=1):
            return f"{item.low}:{item.high}:int"
        case Integer(scale=Linear(), step=step):
            return f"{item.low}:{item.high}:int:step={step}"
        case Integer(scale=Log()):
            return f"{item.low}:{item.high}:log:int"
        case Float(scale=Linear(low=low, high=high), lattice=None):
            return f"{low!r}:{high!r}:float"
        case Float(scale=Log(low=low, high=high), lattice=None):
            return f"{low!r}:{high!r}:log:float"
        case Float(scale=Linear(low=low, high=high), lattice=Lattice(step=step, anchor="low")):
            return f"{low!r}:{high!r}:float:step={step!r}"
    raise ValueError(f"{type(item).__name__.lower()} parameters like this")


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int | float):
        return repr(value)
    raise ValueError("lists or objects as values")


DIALECT = Dialect("ranges", parse, render, detect, syntax="text")

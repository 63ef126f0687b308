"""The parameters of a space as options of a script: ``hpogrid.add_to_argparse``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hpogrid.space.value import Value, Values
from hpogrid.trial.words import as_text

if TYPE_CHECKING:
    import argparse

    from hpogrid.space.parameter import Parameter
    from hpogrid.space.space import Space

Reader = Callable[[str], Any]

_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def add_to_argparse(parser: argparse.ArgumentParser, space: object) -> None:
    """Add an option for every parameter of a space, so that a script runs as a trial and by hand.

    ::

        parser = argparse.ArgumentParser()
        hpogrid.add_to_argparse(parser, {"lr": loguniform(1e-6, 1), "bias": choice([True, False])})
        args = parser.parse_args()

    An option that is not given has the middle of its range, or its first value. Truth values
    are read as such: ``--bias False``, ``no``, ``off`` and ``0`` are all false.

    Args:
        parser: the script's.
        space: a dict of Python types and constants, or any form of a space that
            ``search_space create`` takes.

    Raises:
        UserError: what is wrong with the space.
    """
    found = _space(space)
    middle = found.apply(found.defaults()).applied
    for name, item in found.parameters.items():
        parser.add_argument(
            f"--{name}",
            type=_reader(found, item),
            default=middle.get(name),
            metavar=type(item).__name__.upper(),
            help="default: %(default)s",
        )


def _space(space: object) -> Space:
    from hpogrid.space.dialects import read_space
    from hpogrid.space.space import Space

    return space if isinstance(space, Space) else read_space(space, "add_to_argparse")[0]


def _reader(space: Space, item: Parameter) -> Reader:
    """How the text after an option becomes a value of a parameter."""
    from hpogrid.space.parameter import Float, Integer, Reference

    read: Reader
    if isinstance(item, Reference):
        read = _reader(space, space.parameters[item.of])
    elif isinstance(item, Float):
        read = _real
    elif isinstance(item, Integer):
        read = _number if item.multiply else _whole
    else:
        read = _choice(list(item.values() or ()))
    if not item.needs():
        return read
    return lambda text: item.otherwise if text == as_text(item.otherwise) else read(text)


def _choice(values: list[Value]) -> Reader:
    """One of some values as `as_text` writes them; by hand also others of the same kinds."""
    known: Values = {}
    for value in values:
        known.setdefault(as_text(value), value)
    kinds = {type(value) for value in values}

    def read(text: str) -> Any:
        if text in known:
            return known[text]
        if kinds == {bool}:
            return _truth(text)
        if kinds <= {int, float}:
            return _number(text)
        return text if str in kinds else _refuse(text, f"none of {', '.join(known)}")

    return read


def _whole(text: str) -> int:
    return int(text) if _WHOLE.fullmatch(text) else int(_refuse(text, "no whole number"))


def _number(text: str) -> float:
    return int(text) if _WHOLE.fullmatch(text) else _real(text)


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float(_refuse(text, "no number"))


def _truth(text: str) -> bool:
    if text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    return bool(_refuse(text, "neither true nor false"))


def _refuse(text: str, what: str) -> Any:
    import argparse

    raise argparse.ArgumentTypeError(f"'{text}' is {what}")

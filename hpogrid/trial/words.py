"""How the program of a trial is told a value: as words that its own parser reads as that value.

A `Style` is what the parsers of one library have in common, an `Option` what one of them says of
one parameter: whether it takes a value at all, and how it takes several.
"""

from __future__ import annotations

import csv
import io
import json
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_JSON, _PYTHON = ("null", "true", "false"), ("None", "True", "False")


@dataclass(frozen=True)
class Option:
    """How a program is told one parameter; the fields that are text are made with its name.

    Attributes:
        name: the option, with its dashes.
        true, false: the words for truth values, where there is no ``=value`` for them.
        several: how a list is told: as one word, as words behind the option, by repeating the
            option, or with commas in between.
        pairs: whether an object is told as words: key, value, key, value.
        literal: what one word is read as: itself (``text``), JSON unless it is text (``yaml``),
            JSON, or Python.
        null: the word for null; None: the option is left out.
        empty_is_false: the word is given to Python's ``bool``, to which any text is true.
        no_value: whether the option is known to take none.
        number: ``int`` or ``float``, where its parser refuses all else.
    """

    name: str = "--{name}"
    true: tuple[str, ...] | None = None
    false: tuple[str, ...] | None = None
    several: str = "one"
    pairs: bool = False
    literal: str = "text"
    null: str | None = "None"
    empty_is_false: bool = False
    no_value: bool = False
    number: str = ""

    def called(self, name: str) -> Option:
        """The same for a parameter of this name (of a nested one, the last part is negated)."""
        group, dot, last = name.rpartition(".")

        def filled(text: str) -> str:
            return text.format(name=name, group=group + dot, last=last)

        return replace(
            self,
            name=filled(self.name),
            true=None if self.true is None else tuple(map(filled, self.true)),
            false=None if self.false is None else tuple(map(filled, self.false)),
        )

    def words(self, value: object) -> list[str]:
        """The words for a value.

        Raises:
            ValueError: there is no way to say it.
        """
        if isinstance(value, bool) and self.true is not None and self.false is not None:
            return list(self.true if value else self.false)
        if self.no_value and value is not None:
            raise ValueError(f"{self.name} takes no value: its values have to be true and false")
        if value is None and self.null is None:
            return []
        if isinstance(value, (list, tuple)) and self.several != "one":
            return self._several(value)
        if isinstance(value, dict) and self.pairs:
            return self._behind([text for pair in value.items() for text in map(self._text, pair)])
        return self._with(self._text(value))

    def _with(self, text: str) -> list[str]:
        if len(self.name) == 2:  # -n: all parsers take what follows at once, few take =
            return [self.name + text] if text else [self.name, text]
        return [f"{self.name}={text}"]

    def _several(self, values: Sequence[object]) -> list[str]:
        if self.several == "words":
            return self._behind([self._text(value) for value in values])
        if self.several == "repeat":
            return [word for value in values for word in self._with(self._text(value))]
        texts = [self._text(value) for value in values]
        if any(text != text.strip() for text in texts):
            raise ValueError(f"{self.name} takes values with commas in between, and strips them")
        line = io.StringIO()
        csv.writer(line).writerow(texts)  # it quotes the letters of its line ends, and only these
        return self._with(line.getvalue().removesuffix("\r\n"))

    def _behind(self, texts: list[str]) -> list[str]:
        if len(texts) == 1:
            return self._with(texts[0])
        for text in texts:
            if text.startswith("-") and not _is_plain_number(text):
                raise ValueError(f"{text!r} cannot be one of several words of {self.name}")
        return [self.name, *texts]

    def _text(self, value: Any) -> str:
        text = self._written(value)
        if self.number and value is not None and not _is_number(text, whole=self.number == "int"):
            wanted = "whole numbers" if self.number == "int" else "numbers"
            raise ValueError(f"{self.name} takes {wanted}, and {text!r} is none")
        return text

    def _written(self, value: Any) -> str:
        if isinstance(value, bool) and self.empty_is_false:
            return "True" if value else ""
        if value is None and self.null is not None:
            return self.null
        if self.several == "words" and isinstance(value, float):
            return format(Decimal(repr(value)), "f") if value < 0 else number_text(value)
        if self.literal == "json" or (self.literal == "yaml" and not isinstance(value, str)):
            return as_json(value)
        if self.literal == "python":
            # Of a name Python takes compatible letters: a ligature becomes two.
            if not isinstance(value, str) or not value.isascii():
                return as_python(value)
            bare = value.isidentifier() and not keyword.iskeyword(value)
            return value if bare else as_python(value)
        return as_text(value)


def _is_number(text: str, *, whole: bool) -> bool:
    try:
        if whole:
            int(text, 0 if "x" in text else 10)
        else:
            float(text)
    except ValueError:
        return False
    return True


def _is_plain_number(text: str) -> bool:
    """Whether every parser takes it for a negative number and not for an option."""
    return re.fullmatch(r"-[0-9]+(\.[0-9]+)?", text) is not None


_FLAG, _NO_FLAG = ("--{name}",), ("--no-{name}",)

STYLES = {
    "plain": Option(),
    "argparse": Option(true=_FLAG, false=(), several="words"),
    "click": Option(true=_FLAG, false=_NO_FLAG, several="repeat", null=None),
    "typer": Option(true=_FLAG, false=_NO_FLAG, several="repeat", null=None),
    "absl": Option(several="comma", null=None),
    "fire": Option(literal="python"),
    "tyro": Option(
        true=_FLAG, false=("--{group}no-{last}",), several="words", pairs=True, null="None"
    ),
    "jsonargparse": Option(literal="yaml", null="null"),
    "simple-parsing": Option(several="words", null=None),
}
"""What is known of an option by the library alone that reads it."""


def as_text(value: object) -> str:
    """A value as one word: text as it is, truth and null as Python writes them, else JSON."""
    if value is None or isinstance(value, (str, bool)):
        return str(value)
    return as_json(value)


def as_json(value: object) -> str:
    """JSON that parsers of YAML read as the same value, too."""
    return _literal(value, _JSON, _json_text)


def as_python(value: object) -> str:
    """A literal of Python."""
    return _literal(value, _PYTHON, repr)


def _literal(value: Any, names: tuple[str, str, str], text: Any) -> str:
    if value is None or isinstance(value, bool):
        return names[0] if value is None else names[1] if value else names[2]
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_literal(item, names, text) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{text(key)}: {_literal(item, names, text)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    return str(text(value))


def _json_text(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def number_text(value: float) -> str:
    """A number with a point before its exponent: without one, YAML takes it for text."""
    text = repr(value)
    return re.sub(r"^(-?[0-9]+)e", r"\1.0e", text)

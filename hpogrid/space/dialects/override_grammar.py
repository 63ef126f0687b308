"""The grammar of override values: ``int(tag(log, interval(1, 100)))``, ``a,b``, ``[1, {x: 2}]``.

A recursive-descent parser: one method for each rule. What the parts mean is in `overrides`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

_DEEPEST = 32
_INT = re.compile(r"[+-]?(?:0|[1-9](?:_?[0-9])*)")
_FLOAT = re.compile(
    r"[+-]?(?:(?:0|[1-9](?:_?[0-9])*)?\.[0-9](?:_?[0-9])*|(?:0|[1-9](?:_?[0-9])*)\.?)"
    r"(?:[eE][+-]?[0-9](?:_?[0-9])*)?"
)
_ENDLESS = re.compile(r"[+-]?(?:inf|nan)", re.IGNORECASE)
_LONGEST = 40  # digits: far beyond the 64 bits that a value can have
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PLAIN = re.compile(r"[A-Za-z0-9_/+.$%*@?|:\\ \t-]")
_BLANKS = ((" ", False), ("\t", False))
_ESCAPED = re.compile(r"\\([\\()\[\]{}:=, \t])")
_CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Call:
    """``name(argument, keyword=argument)``."""

    name: str
    args: list[Node] = field(default_factory=list)
    keywords: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """Text, and whether it was in quotes."""

    text: str
    quoted: bool


Node = None | bool | int | float | Call | Text | list["Node"] | dict[str, "Node"]


def parse_value(text: str) -> Node:
    """Parse what stands right of ``key=``.

    Raises:
        ValueError: malformed; the column is named.
    """
    return _Parser(text).value()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def value(self) -> Node:
        """``element`` or ``element, element, ...``, which is a choice."""
        self._blanks()
        if self.at == len(self.text):
            return Text("", quoted=False)
        elements = [self._element()]
        while self._take(","):
            elements.append(self._element())
        if self.at < len(self.text):
            raise self._error(f"'{self.text[self.at]}' is too much")
        return elements[0] if len(elements) == 1 else Call("choice", elements)

    def _element(self) -> Node:
        node: Node
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error("nested too deeply")
        self._blanks()
        letter = self.text[self.at : self.at + 1]
        if letter in ("'", '"'):
            node = self._quoted(letter)
        elif letter == "[":
            node = self._list()
        elif letter == "{":
            node = self._dict()
        elif (name := _NAME.match(self.text, self.at)) and self.text[name.end() :][:1] == "(":
            node = self._call(name)
        else:
            node = self._primitive(":")
        self._blanks()
        self.depth -= 1
        return node

    def _call(self, name: re.Match[str]) -> Call:
        self.at = name.end() + 1
        call = Call(name[0])
        self._blanks()
        if self._take(")"):
            return call
        while True:
            self._blanks()
            keyword = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)[ \t]*=").match(self.text, self.at)
            if keyword:
                if keyword[1] in call.keywords:
                    raise self._error(f"'{keyword[1]}' is there twice")
                self.at = keyword.end()
                call.keywords[keyword[1]] = self._element()
            elif call.keywords:
                raise self._error("an argument without a name after one with a name")
            else:
                call.args.append(self._element())
            if self._take(")"):
                return call
            self._expect(",", ")")

    def _list(self) -> list[Node]:
        self.at += 1
        items: list[Node] = []
        self._blanks()
        if self._take("]"):
            return items
        while True:
            items.append(self._element())
            if self._take("]"):
                return items
            self._expect(",", "]")

    def _dict(self) -> dict[str, Node]:
        self.at += 1
        items: dict[str, Node] = {}
        self._blanks()
        if self._take("}"):
            return items
        while True:
            self._blanks()
            key = self._primitive("")
            if not isinstance(key, Text):
                raise self._error(f"the key {key} is no text")
            if key.text in items:
                raise self._error(f"the key '{key.text}' is there twice")
            self._expect(":", "")
            items[key.text] = self._element()
            if self._take("}"):
                return items
            self._expect(",", "}")

    def _quoted(self, quote: str) -> Text:
        """Backslashes mean something only before a quote: half of them stay."""
        letters: list[str] = []
        at = self.at + 1
        while at < len(self.text):
            run = _backslashes(self.text, at)
            end = at + run
            if self.text[end : end + 1] != quote:
                letters.append(self.text[at : end + 1])
                at = end + 1
                continue
            letters.append("\\" * (run // 2))
            at = end + 1
            if run % 2 == 0:
                self.at = at
                return Text("".join(letters), quoted=True)
            letters.append(quote)
        raise self._error("a quote is opened and not closed")

    def _primitive(self, colon: str) -> Node:
        """A number, true, false, null, or text without quotes."""
        parts: list[tuple[str, bool]] = []  # and whether they are more than plain letters
        while self.at < len(self.text):
            if escaped := _ESCAPED.match(self.text, self.at):
                parts.append((escaped[1], True))
                self.at = escaped.end()
            elif self.text.startswith("${", self.at):
                parts.append((self._interpolation(), True))
            elif self._is_plain(colon):
                parts.append((self.text[self.at], False))
                self.at += 1
            else:
                break
        while parts and parts[-1] in _BLANKS:
            parts.pop()
        self._check_end(bool(parts), colon)
        text = "".join(part for part, _ in parts)
        return Text(text, quoted=False) if any(more for _, more in parts) else _typed(text)

    def _is_plain(self, colon: str) -> bool:
        letter = self.text[self.at]
        return _PLAIN.match(letter) is not None and (letter != ":" or bool(colon))

    def _check_end(self, found: bool, colon: str) -> None:
        letter = self.text[self.at : self.at + 1]
        if letter not in ("", ",", ")", "]", "}") and (letter != ":" or colon):
            raise self._error(f"'{letter}' needs quotes around the text, or a \\ before it")
        if not found:
            raise self._error(
                f"a value is missing before '{letter}'" if letter else "a value is missing"
            )

    def _interpolation(self) -> str:
        start = self.at
        depth = 0
        for end in range(start, len(self.text)):
            depth += {"{": 1, "}": -1}.get(self.text[end], 0)
            if depth == 0 and end > start + 1:
                self.at = end + 1
                return self.text[start : self.at]
        raise self._error("${ is opened and not closed")

    def _blanks(self) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1

    def _take(self, letter: str) -> bool:
        found = self.text[self.at : self.at + 1] == letter
        self.at += found
        return found

    def _expect(self, letter: str, other: str) -> None:
        if not self._take(letter):
            either = f"'{letter}' or '{other}'" if other else f"'{letter}'"
            raise self._error(f"expected {either}")

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"column {self.at + 1} of {self.text[:60]!r}: {problem}")


def _backslashes(text: str, at: int) -> int:
    """How many there are from a place on."""
    end = at
    while text[end : end + 1] == "\\":
        end += 1
    return end - at


def _typed(text: str) -> Node:
    if _INT.fullmatch(text):
        return int(text[:_LONGEST])
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError(f"{text} is too large for a number")
        return number
    if _ENDLESS.fullmatch(text):
        raise ValueError(f"{text} is no finite number; put it in quotes if it is text")
    constant = text.lower()
    return _CONSTANTS[constant] if constant in _CONSTANTS else Text(text, quoted=False)

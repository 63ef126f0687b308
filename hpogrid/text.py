"""Text for people: nouns with their numbers, and foreign text made harmless.

A terminal would obey what is foreign, a spreadsheet would compute it.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Sequence
from itertools import takewhile

_OBEYED = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"
)
"""What moves the cursor, colours, turns the direction of writing, or is no character at all."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def harmless(text: str) -> str:
    """Text in which a terminal finds nothing to obey: an escape reads as ``\\x1b``."""
    return _OBEYED.sub(_written, text)


def harmless_line(text: str) -> str:
    """The same for text that has to stay one line."""
    return harmless(text.replace("\n", "\\n").replace("\r", "\\r"))


def harmless_json(text: str) -> str:
    """The same for JSON, which stays what it was to its parser."""
    return _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def csv_field(text: str) -> str:
    """Text as it stands in a CSV file: with a ``'`` before what a spreadsheet would compute."""
    return f"'{text}" if _FORMULA.match(text) else text


def csv_text(field: str) -> str:
    """The text that `csv_field` wrote."""
    return field[1:] if field.startswith("'") and _FORMULA.match(field) else field


def tell(text: str) -> None:
    """Say a line on stderr, a terminal's or a job's log; no search ends because it is full."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def numbered(noun: str, numbers: Sequence[int]) -> str:
    """Which of something: ``job 3``, ``jobs 0, 1``."""
    return f"{noun if len(numbers) == 1 else noun + 's'} {', '.join(map(str, numbers))}"


def counted(count: int, noun: str, one: str = "", many: str = "") -> str:
    """How many of something: ``1 trial``, ``2 trials are``.

    Args:
        count: how many.
        noun: a single one of them.
        one, many: the verb behind one, and behind any other number.
    """
    words = f"{count} {noun} {one}" if count == 1 else f"{count} {noun}s {many}"
    return words.rstrip()


def shorten(words: str, most: int) -> str:
    """Words without their middle, where they are longer than so many letters."""
    half = (most - 1) // 2
    return words if len(words) <= most else f"{words[:half]}…{words[-half:]}"


def shorten_all(names: Sequence[str], most: int) -> list[str]:
    """The same for names that stand together: first without what all dotted ones begin with."""
    parts = zip(*(name.split(".") for name in names if "." in name), strict=False)
    shared = "".join(f"{part[0]}." for part in takewhile(lambda part: len({*part}) == 1, parts))

    def short(name: str) -> str:
        cut = shared and len(name) > most and name.startswith(shared)
        return shorten(f"…{name[len(shared) :]}" if cut else name, most)

    return [short(name) for name in names]


def bytes_text(count: float) -> str:
    """Bytes as people read them."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.3g} {units[0]}"

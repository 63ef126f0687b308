"""Jsonnet: JSON with unquoted keys, comments, variables and functions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hpogrid.errors import UserError
from hpogrid.files import parse_json
from hpogrid.registry import require

_PROBLEM = re.compile(r"(?:STATIC|RUNTIME) ERROR: (?:[^\n]*?:(\d+):(\d+)(?:-\d+)?: )?([^\n]*)")
_PLACE = re.compile(r"\t[^\t\n]*?:(\d+):(\d+)")
_START = re.compile(
    r"(?:\s|//[^\n]*|\#[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*"  # blanks and comments
    r"(?:[\[{(]|local\s+\w|import(?:str)?\s*['\"]|std\s*\.|function\s*\()"
)
_FILE = "text"


def is_jsonnet(text: str) -> bool:
    """Whether it starts as Jsonnet does (or JSON): with a bracket, ``local``, ``import``."""
    return _START.match(text) is not None


def parse_jsonnet(text: str, where: str, folder: Path | None = None) -> Any:
    """Evaluate Jsonnet that a person wrote.

    Args:
        text: the Jsonnet.
        where: what it is, as it reads in a message.
        folder: where its imports are looked for; None: it may not import.

    Returns:
        What JSON can say.

    Raises:
        UserError: malformed (line and column), or the library is not installed.
    """
    library = require("_jsonnet", extra="jsonnet", what=f"{where}: Jsonnet")

    def load(relative_to: str, name: str) -> tuple[str, bytes]:
        if folder is None:
            raise ValueError("only a file can import others")
        path = folder / relative_to / name
        return str(path), path.read_bytes()

    try:
        output = library.evaluate_snippet(_FILE, text, import_callback=load)
    except RuntimeError as error:
        raise UserError(f"{where}: malformed Jsonnet{_explained(str(error))}") from error
    except (ValueError, UnicodeError) as error:
        raise UserError(f"{where}: malformed Jsonnet: {error}") from error
    return parse_json(output, where)


def _explained(message: str) -> str:
    """`` at line 2 column 5: what``."""
    found = _PROBLEM.match(message)
    if not found:
        return ": " + message.split("\n")[0]
    line, column, problem = found.groups()
    if line is None and (place := _PLACE.search(message)):
        line, column = place.groups()
    at = f" at line {line} column {column}" if line else ""
    return f"{at}: {problem.rstrip('.')}"

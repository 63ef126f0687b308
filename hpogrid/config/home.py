"""The user directory, and the names of what is in it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hpogrid.errors import UserError

_NAME = re.compile(r"\w[\w.+@=-]*")
_LONGEST = 128
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\"\ud800-\udfff]")


def home() -> Path:
    """``$HPOGRID_HOME``, else the platform's folder for user data.

    Raises:
        UserError: its name has a line break, a quotation mark, or what is no text.
    """
    given = os.environ.get("HPOGRID_HOME")
    if given:
        folder = Path(given).expanduser().absolute()
    else:
        from platformdirs import user_data_path

        folder = user_data_path("hpogrid")
    if _UNWRITABLE.search(str(folder)):
        raise UserError(
            f"the user directory {str(folder)!r} has a line break, a quotation mark, or what is no "
            "text in UTF-8 in its name, which job scripts cannot have; set HPOGRID_HOME to another "
            "folder"
        )
    return folder


def is_name(name: str) -> bool:
    """Whether something stored can have this name; others lie in its folder by accident."""
    fits = len(name.encode(errors="replace")) <= _LONGEST
    return bool(_NAME.fullmatch(name)) and ".." not in name and fits


def check_name(name: str, what: str) -> str:
    """Return ``name`` if it can be the name of a file.

    Raises:
        UserError: it has a path separator, ``..``, or another character that file names lack.
    """
    if not is_name(name):
        raise UserError(
            f"'{name}' is no name for a {what}: use letters, digits and . _ - + @ = "
            f"(no / or .., at most {_LONGEST} bytes)"
        )
    return name

"""The user directory, and the names of what is in it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hpogrid.errors import UserError

_NAME = re.compile(r"\w[\w.+@=-]*")
_LONGEST = 128


def home() -> Path:
    """``$HPOGRID_HOME``, else the platform's folder for user data."""
    given = os.environ.get("HPOGRID_HOME")
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("hpogrid")


def check_name(name: str, what: str) -> str:
    """Return ``name`` if it can be the name of a file.

    Raises:
        UserError: it has a path separator, ``..``, or another character that file names lack.
    """
    if not _NAME.fullmatch(name) or ".." in name or len(name.encode()) > _LONGEST:
        raise UserError(
            f"'{name}' is no name for a {what}: use letters, digits and . _ - + @ = "
            f"(no / or .., at most {_LONGEST} bytes)"
        )
    return name

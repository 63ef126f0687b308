"""The contract of a report format."""

from __future__ import annotations

from typing import Any, BinaryIO, Protocol

import msgspec

from hpogrid.report.results import Results


class Writer(Protocol):
    """Writes results as one file that needs no other file and no network."""

    suffix: str
    """What the file name ends in, such as ``.csv``."""

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the whole file; an empty result is a valid file too."""


def text(value: Any) -> str:
    """A JSON value as people and spreadsheets read it.

    Text as it is, nothing for null, all else as JSON; floats keep every digit.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()

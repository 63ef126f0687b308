"""A JSON list with one object a trial."""

from __future__ import annotations

from typing import BinaryIO

import msgspec

from hpogrid.report.base import Writer
from hpogrid.report.results import Results


class JsonWriter(Writer):
    """One object a line, with the names of the columns as keys."""

    suffix = ".json"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file."""
        names = results.names
        encode = msgspec.json.Encoder().encode
        separator = b"[\n"
        for row in results.rows():
            stream.write(separator + encode(dict(zip(names, row, strict=True))))
            separator = b",\n"
        stream.write(b"\n]\n" if len(results) else b"[]\n")

"""Comma-separated values, as RFC 4180 has them, in UTF-8."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, BinaryIO

import msgspec

from hpogrid.report.base import Writer, text
from hpogrid.report.results import Results

_ROWS = 1000
"""How many are written at once: few enough for the caches of a processor."""

_EMPTY = '""'
"""A line with a single empty cell: readers skip a line with nothing on it."""

_NUMBERS = frozenset((int, float))
_to_quote = re.compile('[",\r\n]').search


class CsvWriter(Writer):
    """A header, then one line a trial. Null is empty; lists, objects and bools are JSON."""

    suffix = ".csv"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file."""
        rows = results.rows()
        block: Sequence[Sequence[Any]] = [results.names]
        while block:
            columns = map(_cells, zip(*block, strict=True))
            lines = map(",".join, zip(*columns, strict=True))
            stream.write("".join((line or _EMPTY) + "\n" for line in lines).encode())
            block = list(islice(rows, _ROWS))


def _cells(column: Sequence[Any]) -> Iterable[str]:
    """The values of a column as they stand in the file."""
    if not _NUMBERS.issuperset(map(type, column)):
        return [_quoted(text(value)) for value in column]
    cells = msgspec.json.encode(column)[1:-1].decode().split(",")
    return map(str, column) if "null" in cells else cells  # JSON knows finite numbers only


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if _to_quote(value) else value

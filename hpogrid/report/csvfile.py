"""Comma-separated values, as RFC 4180 has them, in UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import BinaryIO

import msgspec

from hpogrid.report.base import Writer, text
from hpogrid.report.results import Results
from hpogrid.space.value import Value
from hpogrid.text import csv_field

_ROWS = 1000
"""How many are written at once: few enough for the caches of a processor."""

_NUMBERS = frozenset((int, float))


class CsvWriter(Writer):
    """A header, then one line a trial. Null is empty; lists, objects and bools are JSON.

    Text that a spreadsheet would compute has a ``'`` before it (see `csv_field`).
    """

    suffix = ".csv"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file."""
        lines = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(map(csv_field, results.names))
        rows = results.rows()
        while block := list(islice(rows, _ROWS)):
            columns = map(_cells, zip(*block, strict=True))
            table.writerows(zip(*columns, strict=True))
        lines.detach()


def _cells(column: Sequence[Value]) -> Iterable[str]:
    """The values of a column as they stand in the file."""
    if not _NUMBERS.issuperset(map(type, column)):
        return [csv_field(cell) if isinstance(cell, str) else text(cell) for cell in column]
    cells = msgspec.json.encode(column)[1:-1].decode().split(",")
    return map(str, column) if "null" in cells else cells  # JSON knows finite numbers only

"""Comma-separated values, as RFC 4180 has them, in UTF-8."""

from __future__ import annotations

import csv
import io
from typing import BinaryIO

from hpogrid.report.base import Writer, text
from hpogrid.report.results import Results


class CsvWriter(Writer):
    """A header, then one line a trial. Null is empty; lists, objects and bools are JSON."""

    suffix = ".csv"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file."""
        lines = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        plain = frozenset((int, float, str, type(None)))
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(results.names)
        table.writerows(
            row if plain.issuperset(map(type, row)) else map(text, row) for row in results.rows()
        )
        lines.detach()

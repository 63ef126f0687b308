"""The report as one page."""

from __future__ import annotations

from html import escape
from typing import BinaryIO

from hpogrid.report.results import Results
from hpogrid.report.table import cell_text

MOST_ROWS = 10_000


class HtmlWriter:
    """A page with the table of the trials."""

    suffix = ".html"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the page."""
        stream.write(
            b'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>'
            + escape(results.name).encode()
            + b"</title></head><body><table>"
        )
        stream.write(_row("th", results.names))
        for row in results.rows(0, MOST_ROWS):
            stream.write(_row("td", map(cell_text, row)))
        stream.write(b"</table></body></html>\n")


def _row(tag: str, cells: object) -> bytes:
    joined = "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells)  # type: ignore[attr-defined]
    return f"<tr>{joined}</tr>\n".encode()

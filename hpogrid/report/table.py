"""The table that ``hpogrid report`` prints: the best trials, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from hpogrid.report.base import text
from hpogrid.report.results import Results
from hpogrid.text import harmless_line

ROWS = 20


def print_table(results: Results, stream: TextIO, rows: int | None = ROWS) -> None:
    """Print the best trials, and one line that says how many more there are.

    Args:
        results: what to print.
        stream: where; a terminal gets a drawn table with colours, all else plain columns.
        rows: how many trials at most; None: all.
    """
    shown = [[cell_text(cell) for cell in row] for row in results.rows(0, rows)]
    if stream.isatty():
        _print_drawn(results, shown, stream)
    else:
        _print_plain([[*map(harmless_line, results.names)], *shown], stream)
    more = len(results) - len(shown)
    if more:
        stream.write(f"... and {more} more trials (--rows 0 prints all, --to_csv writes all)\n")


def cell_text(value: object) -> str:
    """A value as it stands in a table: floats to six digits, a dash for none."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return harmless_line(text(value)) or "-"


def _print_plain(lines: Sequence[Sequence[str]], stream: TextIO) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        stream.write("  ".join(cells).rstrip() + "\n")


def _print_drawn(results: Results, shown: Sequence[Sequence[str]], stream: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {"parameter": None, "metric": "bold", "extra": "dim"}
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", row_styles=["", ""])
    for index, column in enumerate(results.columns):
        numeric = all(_is_number(line[index]) for line in shown)
        table.add_column(
            Text(harmless_line(column.name)),
            style=styles[column.kind],
            justify="right" if numeric else "left",
        )
    for position, line in enumerate(shown):
        best = position == 0 and results.best is not None
        table.add_row(*map(Text, line), style="green" if best else None)
    Console(file=stream).print(table)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "-"
    return True

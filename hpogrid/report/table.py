"""The trials as a table: printed, and as files with a row for each (CSV, Parquet and so on)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, BinaryIO, TextIO

import msgspec

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.base import Writer, text
from hpogrid.report.results import Results
from hpogrid.space.value import Value
from hpogrid.study.values import number
from hpogrid.text import csv_field, harmless_line

ROWS = 20
MOST_WHOLE = 1e15
"""The whole part of a float has all its digits below this."""
_BLOCK = 1000
"""How many rows are written at once: few enough for the caches of a processor."""
_NUMBERS = frozenset((int, float))
_EXCEL_ROWS = 2**20 - 1
_EXCEL_TEXT = 32767


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
    """A value as it stands in a table: a dash for none, of floats six digits and the whole part."""
    if isinstance(value, float):
        return f"{value:.0f}" if 1e6 <= abs(value) < MOST_WHOLE else f"{value:.6g}"
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
        while block := list(islice(rows, _BLOCK)):
            columns = map(_cells, zip(*block, strict=True))
            table.writerows(zip(*columns, strict=True))
        lines.detach()


def _cells(column: Sequence[Value]) -> Iterable[str]:
    """The values of a column as they stand in the file."""
    if not _NUMBERS.issuperset(map(type, column)):
        return [csv_field(cell) if isinstance(cell, str) else text(cell) for cell in column]
    cells = msgspec.json.encode(column)[1:-1].decode().split(",")
    return map(str, column) if "null" in cells else cells  # JSON knows finite numbers only


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


class ParquetWriter(Writer):
    """One column a column: numbers, bools and text keep their type, all else is JSON text."""

    suffix = ".parquet"

    def __init__(self) -> None:
        require("pyarrow.parquet", extra="export", what="--to_parquet")

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file."""
        arrow = require("pyarrow", extra="export", what="--to_parquet")
        parquet = require("pyarrow.parquet", extra="export", what="--to_parquet")
        rows = list(results.rows())
        columns = [_typed([row[place] for row in rows]) for place in range(len(results.columns))]
        table = arrow.table([arrow.array(column) for column in columns], names=results.names)
        parquet.write_table(table, stream)


def _typed(values: list[Any]) -> list[Any]:
    """Values of one type: as they are if they are of one that Parquet has, else text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float} and all(type(v) is not int or number(v) == v for v in values):
        return [value if value is None else float(value) for value in values]
    if kinds <= {int} and all(value is None or abs(value) < 2**63 for value in values):
        return values
    if len(kinds) <= 1 and kinds <= {float, bool, str}:
        return values
    return [value if value is None else text(value) for value in values]


class ExcelWriter(Writer):
    """One sheet with a header that stays in sight and can filter."""

    suffix = ".xlsx"

    def __init__(self) -> None:
        require("openpyxl", extra="export", what="--to_excel")

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file.

        Raises:
            UserError: more trials than a sheet has rows.
        """
        if len(results) > _EXCEL_ROWS:
            raise UserError(
                f"a sheet has {_EXCEL_ROWS:,} rows, not {len(results):,}; write --to_csv or "
                "--to_parquet, or fewer tasks with --range"
            )
        openpyxl = require("openpyxl", extra="export", what="--to_excel")
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("trials")
        sheet.freeze_panes = "A2"
        sheet.append([_cell(sheet, name) for name in results.names])
        for row in results.rows():
            sheet.append([_cell(sheet, value) for value in row])
        book.save(stream)


def _cell(sheet: object, value: object) -> Any:
    """A value as a sheet can hold it: text without control letters, and not too long.

    Text stays text, also where it looks like a formula or an error.
    """
    exact = isinstance(value, int) and abs(value) < 2**53
    if value is None or exact or isinstance(value, bool | float):
        return value
    clean = "".join(letter for letter in text(value) if letter >= " " or letter in "\t\n\r")
    cells = require("openpyxl.cell", extra="export", what="--to_excel")
    cell = cells.WriteOnlyCell(sheet, clean[:_EXCEL_TEXT])
    cell.data_type = "s"
    return cell

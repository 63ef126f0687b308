"""Tables for other programs: Parquet and Excel."""

from __future__ import annotations

from typing import Any, BinaryIO

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.base import Writer, text
from hpogrid.report.results import Results
from hpogrid.study.values import number

_EXCEL_ROWS = 2**20 - 1
_EXCEL_TEXT = 32767


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
    """A value as a cell; text stays text, also where it looks like a formula or an error."""
    shown = _excel(value)
    if not isinstance(shown, str):
        return shown
    cells = require("openpyxl.cell", extra="export", what="--to_excel")
    cell = cells.WriteOnlyCell(sheet, shown)
    cell.data_type = "s"
    return cell


def _excel(value: object) -> Any:
    """A value that a sheet can hold: text without control letters, and not too long."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    clean = "".join(letter for letter in text(value) if letter >= " " or letter in "\t\n\r")
    return clean[:_EXCEL_TEXT]

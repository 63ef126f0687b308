"""What people look at: tables, files and plots of the trials of a project."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from hpogrid.errors import UserError
from hpogrid.files import writing
from hpogrid.registry import Entry, Registry

if TYPE_CHECKING:
    from hpogrid.report.base import Writer
    from hpogrid.report.results import Results


class _Package(ModuleType):
    """Training scripts call ``hpogrid.report(loss=0.1)``; that works beside this package too."""

    def __call__(self, *arguments: Any, **metrics: Any) -> None:
        from hpogrid.trial.session import report

        report(*arguments, **metrics)


sys.modules[__name__].__class__ = _Package

WRITERS = Registry(
    "report format",
    {
        "csv": Entry("hpogrid.report.table:CsvWriter", "comma-separated values"),
        "json": Entry("hpogrid.report.table:JsonWriter", "a JSON list with one object a trial"),
        "html": Entry("hpogrid.report.htmlfile:HtmlWriter", "one page to look at and hand on"),
        "pcp": Entry("hpogrid.report.htmlfile:PcpWriter", "a parallel coordinate plot"),
        "png": Entry("hpogrid.report.images:PngWriter", "a picture of each plot"),
        "svg": Entry("hpogrid.report.images:SvgWriter", "an SVG drawing of each plot"),
        "parquet": Entry("hpogrid.report.table:ParquetWriter", "a Parquet table"),
        "excel": Entry("hpogrid.report.table:ExcelWriter", "an Excel sheet"),
        "pdf": Entry("hpogrid.report.images:PdfWriter", "a document with all plots"),
    },
)


def writer(name: str) -> Writer:
    """The writer of a format.

    Raises:
        UserError: unknown (the known ones are listed), or a missing library (the extra is named).
    """
    made: Writer = WRITERS.load(name)()
    return made


def save(results: Results, name: str, stem: str) -> list[Path]:
    """Write the files of a report format, each whole or not at all.

    Args:
        results: what to write.
        name: a format of `WRITERS`.
        stem: path without extension; files of that name are replaced.

    Returns:
        The paths that were written.
    """
    from hpogrid.report.results import no_garbage_collection

    with no_garbage_collection():
        files = writer(name).files(results)
        return [write_file(f"{stem}{suffix}", write) for suffix, write in files.items()]


def write_file(name: str, write: Callable[[BinaryIO], object]) -> Path:
    """Write a file whole or not at all, in place of one of that name.

    Raises:
        UserError: the place cannot be written.
    """
    path = Path(name)
    if path.is_dir() or (path.parent.exists() and not path.parent.is_dir()):
        raise UserError(f"cannot write {path}: choose another --outname")
    with writing(path) as stream:
        write(stream)
    return path

"""What people look at: tables, files and plots of the trials of a project."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

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
        "csv": Entry("hpogrid.report.csvfile:CsvWriter", "comma-separated values"),
        "json": Entry("hpogrid.report.jsonfile:JsonWriter", "a JSON list with one object a trial"),
        "html": Entry("hpogrid.report.htmlfile:HtmlWriter", "one page to look at and hand on"),
        "pcp": Entry("hpogrid.report.pcp:PcpWriter", "a parallel coordinate plot"),
        "png": Entry("hpogrid.report.images:PngWriter", "a picture of each plot"),
        "parquet": Entry("hpogrid.report.columnar:ParquetWriter", "a Parquet table"),
        "excel": Entry("hpogrid.report.columnar:ExcelWriter", "an Excel sheet"),
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
    return [_save(results, part, stem) for part in writer(name).parts(results)]


def _save(results: Results, chosen: Writer, stem: str) -> Path:
    from hpogrid.report.results import no_garbage_collection

    path = Path(f"{stem}{chosen.suffix}")
    if path.is_dir() or (path.parent.exists() and not path.parent.is_dir()):
        raise UserError(f"cannot write {path}: choose another --outname")
    with writing(path) as stream, no_garbage_collection():
        chosen.write(results, stream)
    return path

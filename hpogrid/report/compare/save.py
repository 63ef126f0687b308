"""The files of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from hpogrid.report import write_file
from hpogrid.report.compare.charts import comparison_charts
from hpogrid.report.compare.model import Comparison
from hpogrid.report.compare.page import write_comparison
from hpogrid.report.images import write_pdf, write_picture

Files = dict[str, Callable[[BinaryIO], object]]
"""What a path ends in, and what writes the file."""


def _json(comparison: Comparison, stream: BinaryIO) -> None:
    stream.write(msgspec.json.format(msgspec.json.encode(comparison), indent=2) + b"\n")


def _pictures(form: str, comparison: Comparison) -> Files:
    names = {f"_{name}.{form}": chart for name, chart in comparison_charts(comparison).items()}
    return {name: partial(write_picture, [chart], name) for name, chart in names.items()}


def _pdf(comparison: Comparison) -> Files:
    charts = [[chart] for chart in comparison_charts(comparison).values()]
    return {".pdf": partial(write_pdf, "comparison", charts)}


FORMATS: dict[str, Callable[[Comparison], Files]] = {
    "html": lambda comparison: {".html": partial(write_comparison, comparison)},
    "json": lambda comparison: {".json": partial(_json, comparison)},
    "png": partial(_pictures, "png"),
    "svg": partial(_pictures, "svg"),
    "pdf": _pdf,
}


def save_comparison(comparison: Comparison, form: str, stem: str) -> list[Path]:
    """Write the files of a format of `FORMATS`; files of that name are replaced.

    Raises:
        UserError: a library is missing (the extra is named), or the place cannot be written.
    """
    files = FORMATS[form](comparison)
    return [write_file(f"{stem}{suffix}", write) for suffix, write in files.items()]

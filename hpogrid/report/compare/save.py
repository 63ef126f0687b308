"""The files of a comparison."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import explained, write_atomic
from hpogrid.registry import require
from hpogrid.report.charts.as_matplotlib import matplotlib_figure
from hpogrid.report.compare.charts import comparison_charts
from hpogrid.report.compare.model import Comparison
from hpogrid.report.compare.page import write_comparison

Files = dict[str, bytes]
"""What a path ends in, and what the file holds."""


def _html(comparison: Comparison) -> Files:
    stream = io.BytesIO()
    write_comparison(comparison, stream)
    return {".html": stream.getvalue()}


def _json(comparison: Comparison) -> Files:
    return {".json": msgspec.json.format(msgspec.json.encode(comparison), indent=2) + b"\n"}


def _png(comparison: Comparison) -> Files:
    files = {}
    for name, chart in comparison_charts(comparison).items():
        stream = io.BytesIO()
        matplotlib_figure([chart]).savefig(stream, format="png")
        files[f"_{name}.png"] = stream.getvalue()
    return files


def _pdf(comparison: Comparison) -> Files:
    pdf = require("matplotlib.backends.backend_pdf", extra="images", what="--to_pdf")
    stream = io.BytesIO()
    with pdf.PdfPages(stream, metadata={"Title": "comparison", "Creator": "hpogrid"}) as pages:
        for chart in comparison_charts(comparison).values():
            pages.savefig(matplotlib_figure([chart]))
    return {".pdf": stream.getvalue()}


FORMATS: dict[str, Callable[[Comparison], Files]] = {
    "html": _html, "json": _json, "png": _png, "pdf": _pdf,
}  # fmt: skip


def save_comparison(comparison: Comparison, form: str, stem: str) -> list[Path]:
    """Write the files of a format of `FORMATS`; files of that name are replaced.

    Raises:
        UserError: a library is missing (the extra is named), or the place cannot be written.
    """
    paths = []
    for suffix, content in FORMATS[form](comparison).items():
        path = Path(f"{stem}{suffix}")
        if path.is_dir() or (path.parent.exists() and not path.parent.is_dir()):
            raise UserError(f"cannot write {path}: choose another --outname")
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
        paths.append(path)
    return paths

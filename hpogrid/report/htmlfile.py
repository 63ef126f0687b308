"""The report as one page: everything in one file, no network."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import BinaryIO

import msgspec

from hpogrid.report.base import Writer
from hpogrid.report.page import page_data
from hpogrid.report.results import Results

SCRIPTS = (
    "base", "plot", "summary", "history", "parallel", "importance", "curves", "table", "main",
)  # fmt: skip
"""The parts of the page's script, in order."""


class HtmlWriter(Writer):
    """Summary, plots and a table that can be sorted and filtered."""

    suffix = ".html"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the page."""
        parts = {
            "title": escape(results.name or "Results"),
            "style": _asset("page.css"),
            "data": _embedded(page_data(results)),
            "script": "\n".join(_asset(f"{name}.js") for name in SCRIPTS),
        }
        page = _asset("page.html")
        for chunk in page.split("{{"):
            name, mark, rest = chunk.partition("}}")
            stream.write((parts[name] + rest if mark else chunk).encode())


def _asset(name: str) -> str:
    return files("hpogrid.report").joinpath("assets", name).read_text(encoding="utf-8")


def _embedded(data: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")

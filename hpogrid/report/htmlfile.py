"""The report as a page, whole or its parallel coordinates alone: one file, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import BinaryIO

import msgspec

from hpogrid.report.base import Writer
from hpogrid.report.page import page_data
from hpogrid.report.results import Results

_SCRIPTS = (
    "base", "plot", "chart", "parallel", "limits", "summary", "history", "curves", "front",
    "card", "table", "keep", "main",
)  # fmt: skip
"""The parts of the page's script, in order."""


class HtmlWriter(Writer):
    """Summary, plots and a table that can be sorted and filtered."""

    suffix = ".html"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the page."""
        write_page(stream, results.name or "Results", page_data(results))


def write_page(
    stream: BinaryIO,
    title: str,
    data: object,
    scripts: Sequence[str] = _SCRIPTS,
    *,
    live: bool = False,
) -> None:
    """Write a page that needs nothing else: the scripts draw the data, in the house's style.

    A ``live`` one listens to who serves it.
    """
    parts = {
        "title": escape(title),
        "style": _asset("page.css"),
        "data": msgspec.json.encode(data).decode().replace("<", "\\u003c"),  # ends no script
        "live": _asset("live.js") if live else "",
        "connect": "; connect-src 'self'" if live else "",
        "script": "\n".join(_asset(f"{name}.js") for name in scripts),
    }
    for chunk in _asset("page.html").split("{{"):
        name, mark, rest = chunk.partition("}}")
        stream.write((parts[name] + rest if mark else chunk).encode())


def _asset(name: str) -> str:
    return files("hpogrid.report").joinpath("assets", name).read_text(encoding="utf-8")


class PcpWriter(Writer):
    """A page with this plot, the choice of its axes, and the table of what is selected."""

    suffix = "_parallel_coordinate_plot.html"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the page."""
        title = f"{results.name or 'Results'}: parallel coordinates"
        data = page_data(results)
        charts = {"parallel": data["charts"]["parallel"]}
        sections = ["parallel", "trials"]
        write_page(stream, title, {**data, "name": title, "charts": charts, "sections": sections})

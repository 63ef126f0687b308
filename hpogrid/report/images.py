"""Pictures of the charts: a PNG file for each, or one PDF with a page for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from hpogrid.registry import require
from hpogrid.report.base import Writer
from hpogrid.report.charts import CHARTS, draw
from hpogrid.report.charts.as_matplotlib import matplotlib_figure
from hpogrid.report.charts.model import Chart
from hpogrid.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def all_charts(results: Results) -> dict[str, list[Chart]]:
    """The charts that there is something to draw for, by kind."""
    found = {name: draw(results, name) for name in CHARTS}
    return {name: charts for name, charts in found.items() if charts}


class PngWriter(Writer):
    """One PNG file for each chart."""

    suffix = ".png"

    def __init__(self) -> None:
        require("matplotlib", extra="images", what="--to_png")

    def parts(self, results: Results) -> Sequence[Writer]:
        """A writer for each chart."""
        return [_Picture(name, charts) for name, charts in all_charts(results).items()]

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the first chart that there is."""
        for part in self.parts(results)[:1]:
            part.write(results, stream)


class _Picture(Writer):
    """The PNG file of one chart."""

    def __init__(self, name: str, charts: list[Chart]) -> None:
        self.suffix = f"_{name}.png"
        self._charts = charts

    def write(self, results: Results, stream: BinaryIO) -> None:
        write_png(self._charts, stream)


class PdfWriter(Writer):
    """One PDF file with a page for each chart."""

    suffix = ".pdf"

    def __init__(self) -> None:
        require("matplotlib", extra="images", what="--to_pdf")

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file; without a chart it has one page that says so."""
        write_pdf(results.name, all_charts(results).values(), stream)


def write_png(charts: Sequence[Chart], stream: BinaryIO) -> None:
    """Write a picture of one chart, or of several as panels."""
    matplotlib_figure(charts).savefig(stream, format="png")


def write_pdf(title: str, found: Iterable[Sequence[Chart]], stream: BinaryIO) -> None:
    """Write a page for each chart, or for several as panels."""
    pdf = require("matplotlib.backends.backend_pdf", extra="images", what="--to_pdf")
    with pdf.PdfPages(stream, metadata={"Title": title, "Creator": "hpogrid"}) as pages:
        for charts in found:
            pages.savefig(matplotlib_figure(charts))
        if not pages.get_pagecount():
            pages.savefig(_empty(title))


def _empty(title: str) -> Figure:
    figures = require("matplotlib.figure", extra="images", what="--to_pdf")
    figure: Figure = figures.Figure(figsize=(8, 2))
    figure.text(0.05, 0.5, f"{title}: there is no trial to draw.")
    return figure

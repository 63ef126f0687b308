"""Pictures of the charts: a PNG or SVG file for each, or one PDF with a page for each."""

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
    """One picture for each chart."""

    suffix = ".png"

    def __init__(self) -> None:
        require("matplotlib", extra="images", what=f"--to_{self.suffix[1:]}")

    def parts(self, results: Results) -> Sequence[Writer]:
        """A writer for each chart."""
        found = all_charts(results).items()
        return [_Picture(f"_{name}{self.suffix}", charts) for name, charts in found]

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the first chart that there is."""
        for part in self.parts(results)[:1]:
            part.write(results, stream)


class SvgWriter(PngWriter):
    """The same as drawings that stay sharp, with text that can be searched."""

    suffix = ".svg"


class _Picture(Writer):
    """The file of one chart."""

    def __init__(self, suffix: str, charts: list[Chart]) -> None:
        self.suffix = suffix
        self._charts = charts

    def write(self, results: Results, stream: BinaryIO) -> None:
        write_picture(self._charts, self.suffix, stream)


class PdfWriter(Writer):
    """One PDF file with a page for each chart."""

    suffix = ".pdf"

    def __init__(self) -> None:
        require("matplotlib", extra="images", what="--to_pdf")

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the file; without a chart it has one page that says so."""
        write_pdf(results.name, all_charts(results).values(), stream)


def write_picture(charts: Sequence[Chart], name: str, stream: BinaryIO) -> None:
    """Write one chart, or several as panels, in the form that a name ends in."""
    matplotlib = require("matplotlib", extra="images", what="a picture")
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        matplotlib_figure(charts).savefig(stream, format=name.rpartition(".")[2])


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

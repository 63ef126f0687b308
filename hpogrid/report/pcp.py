"""The parallel coordinates of the page alone: one axis a hyperparameter, one line a trial."""

from __future__ import annotations

from typing import BinaryIO

from hpogrid.report.base import Writer
from hpogrid.report.htmlfile import write_report
from hpogrid.report.page import page_data
from hpogrid.report.results import Results


class PcpWriter(Writer):
    """A page with this plot, the choice of its axes, and the table of what is selected."""

    suffix = "_parallel_coordinate_plot.html"

    def write(self, results: Results, stream: BinaryIO) -> None:
        """Write the page."""
        title = f"{results.name or 'Results'}: parallel coordinates"
        data = page_data(results)
        charts = {"parallel": data["charts"]["parallel"]}
        sections = ["parallel", "trials"]
        write_report(stream, title, {**data, "name": title, "charts": charts, "sections": sections})

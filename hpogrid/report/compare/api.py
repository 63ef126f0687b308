"""Comparisons for notebooks and scripts: ``hpogrid.compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins
from msgspec.structs import asdict

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.charts.as_plotly import plotly_figure
from hpogrid.report.compare.charts import comparison_charts
from hpogrid.report.compare.model import Comparison
from hpogrid.report.compare.page import Form, save_comparison
from hpogrid.report.compare.standing import compare_studies
from hpogrid.report.load import given_objectives
from hpogrid.search.base import Mode
from hpogrid.site.choice import LIMIT, Filters

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure


def compare(
    *targets: str | Path,
    metric: str | None = None,
    mode: Mode | None = None,
    at: str | int | None = None,
    paired: bool = False,
    alpha: float = 0.05,
    days: float | None = None,
    limit: int = LIMIT,
    taskname: str | None = None,
    ids: str | None = None,
    all_versions: bool = False,
) -> ComparedStudies:
    """Compare two or more studies: projects, ledgers, folders of ledgers, result files.

    Args:
        targets: their names or paths.
        metric, mode: compare by this; by default what all of them optimise.
        at: after so many trials, or so long (``"300s"``); by default after as many trials as the
            shortest replicate has.
        paired: replicates with the same seed belong together.
        alpha: the level of significance.
        days, limit, taskname, ids, all_versions: only these tasks, as in ``load_study``.

    Raises:
        UserError: fewer than two, not of one metric, or nothing to compare.
    """
    objectives = given_objectives(metric, mode)
    return ComparedStudies(
        compare_studies(
            [str(target) for target in targets],
            filters=Filters(limit, days, taskname, ids, all_versions),
            objective=objectives[0] if objectives else None,
            at=None if at is None else str(at),
            paired=paired,
            alpha=alpha,
        )
    )


class ComparedStudies:
    """Studies side by side: tables, figures and files."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __repr__(self) -> str:
        return f"<comparison {self.comparison.summary}>"

    def _repr_html_(self) -> str:
        """The standing of each study as a table, and what to know before believing it."""
        from html import escape

        from hpogrid.report.notebook import rows_table

        rows = to_builtins(self.comparison.standings)
        notes = "".join(f"<div>{escape(note)}</div>" for note in self.notes)
        lines = [list(row.values()) for row in rows]
        return rows_table(list(rows[0]), lines, repr(self)[1:-1], rest=notes)

    @property
    def table(self) -> DataFrame:
        """A pandas DataFrame with the standing of each study, best first."""
        return self._frame(self.comparison.standings)

    @property
    def pairs(self) -> DataFrame:
        """A pandas DataFrame with a test of each pair of studies."""
        return self._frame(self.comparison.pairs)

    @property
    def notes(self) -> list[str]:
        """What to know before believing it."""
        return self.comparison.notes

    def plot_trials(self) -> Figure:
        """The best value over trials, with bands over the replicates, as a plotly figure."""
        return self._plot("trials")

    def plot_time(self) -> Figure:
        """The same over time."""
        return self._plot("time")

    def plot_values(self) -> Figure:
        """The value of each replicate at the budget."""
        return self._plot("values")

    def save(self, form: Form, stem: str | Path) -> list[Path]:
        """Write the files of a format to ``<stem>.html`` and so on; return their paths."""
        return save_comparison(self.comparison, form, str(stem))

    def _plot(self, name: str) -> Figure:
        charts = comparison_charts(self.comparison)
        if name not in charts:
            raise UserError(f"there is nothing to draw for '{name}' in {self!r}")
        return plotly_figure([charts[name]])

    def _frame(self, items: list[Any]) -> DataFrame:
        pandas = require("pandas", extra="export", what="a table of a comparison")
        return pandas.DataFrame(list(map(asdict, items)))

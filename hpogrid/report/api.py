"""Results for notebooks and scripts: ``hpogrid.load_study``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.charts import NEED_NO_OBJECTIVE, draw
from hpogrid.report.charts.as_plotly import plotly_figure
from hpogrid.report.importance import rank_hyperparameters
from hpogrid.report.load import given_objectives, load_sources, make_results, remarks
from hpogrid.report.results import EXTRAS, Results
from hpogrid.search.base import Mode
from hpogrid.site.choice import LIMIT, Filters
from hpogrid.space.value import Values

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure

_MISSING = {
    "pareto": "only one metric is optimised",
    "hypervolume": "only one metric is optimised",
    "distribution": "it needs two trials with a result that counts",
    "ranks": "it needs two trials with a result that counts",
    "curves": "no trial has reported more than once",
    "contour": "it needs two hyperparameters that differ between the trials",
    "slices": "no hyperparameter differs between the trials",
    "parallel": "it needs trials with a result and two columns that differ between them",
}
"""What a plot needs beside results."""


def load_study(
    target: str | Path,
    *,
    metric: str | None = None,
    mode: Mode | None = None,
    days: float | None = None,
    limit: int = LIMIT,
    taskname: str | None = None,
    ids: str | None = None,
    all_versions: bool = False,
) -> LoadedStudy:
    """Load the trials of a project, or of a ledger or result file.

    A warning names what is left out, and what was damaged.

    Args:
        target: name of a project, or a path.
        metric, mode: sort by this metric; by default what the project optimises.
        days, limit, taskname, ids: only these tasks, as in ``hpogrid report``; ``ids`` is a
            range such as ``"3-9"``.
        all_versions: take also what ran before the scripts, the space or the metric changed.

    Raises:
        UserError: nothing of that name.
    """
    filters = Filters(limit, days, taskname, ids, all_versions)
    sources = load_sources(str(target), filters)
    for note in remarks(sources):
        warnings.warn(note, stacklevel=2)
    return LoadedStudy(make_results(sources, objectives=given_objectives(metric, mode)))


class LoadedStudy:
    """The trials of a project and pictures of them.

    The methods ``plot_*`` return plotly figures; ``objective`` is the number of the metric that
    they show, where there are several. A plot that there are no data for is refused.
    """

    def __init__(self, results: Results) -> None:
        self.results = results

    def __repr__(self) -> str:
        return f"<study of {self.results.name}: {self.results.summary}>"

    def _repr_html_(self) -> str:
        """The best trials as a table and the history as a picture, in notebooks."""
        from hpogrid.report.notebook import shown

        return shown(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def name(self) -> str:
        """The name of the project."""
        return self.results.name

    @property
    def best(self) -> Values | None:
        """The configuration of the best trial; None where no trial has a result."""
        return self.results.best.applied if self.results.best else None

    @property
    def best_value(self) -> float | None:
        """The result of the best trial."""
        return self.results.value(self.results.best) if self.results.best else None

    @property
    def trust(self) -> list[str]:
        """How sure the best result is, a sentence each (see ``hpogrid confirm``)."""
        from hpogrid.report.trust import sentences

        return sentences(self.results)

    @property
    def trials(self) -> DataFrame:
        """A pandas DataFrame: one row a trial, best first; the columns as in reports, all of them.

        Raises:
            UserError: pandas is not installed; the extra is named.
        """
        pandas = require("pandas", extra="export", what="LoadedStudy.trials")
        reported = [name for name in self.results.reported if name not in EXTRAS]
        results = self.results.with_extra([*reported, *EXTRAS])
        return pandas.DataFrame(list(results.rows()), columns=results.names)

    def plot_history(self, objective: int = 0) -> Figure:
        """The result of each trial in the order in which they ended, and the best so far."""
        return self._plot("history", objective)

    def plot_parallel(self) -> Figure:
        """Parallel coordinates."""
        return self._plot("parallel", 0)

    def plot_importance(self, objective: int = 0) -> Figure:
        """How much of the variance each hyperparameter explains, with its uncertainty."""
        return self._plot("importance", objective)

    def plot_slices(self, objective: int = 0) -> Figure:
        """The result over each hyperparameter alone."""
        return self._plot("slices", objective)

    def plot_contour(self, objective: int = 0) -> Figure:
        """The result over the two most important hyperparameters."""
        return self._plot("contour", objective)

    def plot_distribution(self, objective: int = 0) -> Figure:
        """The part of the trials whose result is at most so large."""
        return self._plot("distribution", objective)

    def plot_ranks(self, objective: int = 0) -> Figure:
        """The rank of each result among all, over trials that ended."""
        return self._plot("ranks", objective)

    def plot_curves(self, objective: int = 0) -> Figure:
        """Learning curves."""
        return self._plot("curves", objective)

    def plot_timeline(self) -> Figure:
        """When each trial ran."""
        return self._plot("timeline", 0)

    def plot_hypervolume(self) -> Figure:
        """How much of the objectives the Pareto front dominates, as trials ended."""
        return self._plot("hypervolume", 0)

    def plot_pareto(self) -> Figure:
        """The first two objectives, and the trials that no other one beats."""
        return self._plot("pareto", 0)

    def _why(self, name: str, objective: int) -> str:
        """What is missing for a plot."""
        results = self.results
        if not len(results):
            return "there is no trial yet"
        if not results.objectives and name not in NEED_NO_OBJECTIVE:
            return "it is not known what was optimised; give load_study a metric and a mode"
        if results.best is None and name not in (*NEED_NO_OBJECTIVE, "curves"):
            return "no trial has a result"
        if name == "importance":
            return rank_hyperparameters(results, objective)[1]
        return _MISSING.get(name, "no trial has what it shows")

    def _plot(self, name: str, objective: int) -> Figure:
        charts = draw(self.results, name, objective)
        if not charts:
            raise UserError(f"there is nothing to draw for '{name}': {self._why(name, objective)}")
        return plotly_figure(charts)

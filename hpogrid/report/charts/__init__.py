"""The charts of a project: made once, drawn as figures, images or text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hpogrid.registry import Entry, Registry

if TYPE_CHECKING:
    from hpogrid.report.charts.model import Chart
    from hpogrid.report.charts.sketch import Sketch
    from hpogrid.report.results import Results

NEED_NO_OBJECTIVE = ("parallel", "timeline")
_DRAW_NO_SAMPLE = ("importance", "timeline", "hypervolume")


def _entry(place: str, summary: str) -> Entry:
    return Entry(f"hpogrid.report.charts.{place}", summary)


CHARTS = Registry(  # in the order of the page
    "chart",
    {
        "history": _entry("trials:history", "results in order, and the best so far"),
        "parallel": _entry("trials:parallel", "parallel coordinates"),
        "importance": _entry("effects:importances", "which hyperparameters matter"),
        "slices": _entry("trials:slices", "results over each hyperparameter"),
        "contour": _entry("effects:contour", "results over the two that matter most"),
        "distribution": _entry("trials:distribution", "how rare good results are"),
        "ranks": _entry("trials:ranks", "whether the search gets better"),
        "pareto": _entry("trials:pareto", "trials that no other one beats"),
        "hypervolume": _entry("trials:hypervolume", "how the Pareto front has grown"),
        "curves": _entry("times:learning_curves", "reports step by step"),
        "timeline": _entry("times:timeline", "when each trial ran"),
    },
)


def draw(results: Results, name: str, objective: int = 0) -> list[Chart]:
    """The charts of a kind; none where there is nothing to draw.

    Raises:
        UserError: an unknown kind.
    """
    from hpogrid.report.charts.sketch import Sketch

    make: Callable[[Sketch], list[Chart]] = CHARTS.load(name)
    if not results.objectives and name not in NEED_NO_OBJECTIVE:
        return []
    sketch = Sketch(results, objective)
    charts = make(sketch) if sketch.trials else []
    if len(sketch.trials) < len(results) and name not in _DRAW_NO_SAMPLE:
        for chart in charts:
            chart.note = chart.note or (
                f"{len(sketch.trials)} of {len(results)} trials are drawn: the best, every one "
                "that was the best when it ended, and others at random."
            )
    return charts

"""The comparison as one page: everything in one file, no network."""

from __future__ import annotations

import time
from typing import Any, BinaryIO

from hpogrid._version import VERSION
from hpogrid.report.charts.as_page import page_chart
from hpogrid.report.charts.model import SERIES, series_is_dashed
from hpogrid.report.compare.charts import comparison_charts
from hpogrid.report.compare.model import Comparison, Entrant, Replicate
from hpogrid.report.htmlfile import write_page
from hpogrid.space.value import Values

SCRIPTS = ("base", "plot", "chart", "summary", "compare")
"""The parts of the page's script, in order."""


def write_comparison(comparison: Comparison, stream: BinaryIO) -> None:
    """Write the page."""
    title = " and ".join(item.name for item in comparison.studies)
    write_page(stream, title, page_data(comparison), SCRIPTS)


def page_data(comparison: Comparison) -> dict[str, Any]:
    """What the page shows; ``trials``, ``columns``, ``objectives`` are for the shared scripts."""
    charts = comparison_charts(comparison)
    return {
        "name": "Comparison",
        "version": VERSION,
        "written": time.strftime("%Y-%m-%d %H:%M %Z"),
        "summary": comparison.summary[:1].upper() + comparison.summary[1:] + ".",
        "trials": {"id": [], "state": []},
        "columns": [],
        "objectives": [],
        "metric": comparison.metric,
        "mode": comparison.mode,
        "budget": str(comparison.budget),
        "test": comparison.test,
        "alpha": comparison.alpha,
        "series": len(SERIES),
        "charts": {name: page_chart(chart) for name, chart in charts.items()},
        "standings": comparison.standings,
        "pairs": [{**_fields(pair), "sentence": pair.sentence} for pair in comparison.pairs],
        "notes": comparison.notes,
        "studies": [
            _study(item, number, comparison) for number, item in enumerate(comparison.studies)
        ],
    }


def _fields(pair: Any) -> dict[str, Any]:
    return {name: getattr(pair, name) for name in pair.__struct_fields__}


def _study(item: Entrant, number: int, comparison: Comparison) -> Values:
    return {
        "name": item.name,
        "dashed": series_is_dashed(number),
        "replicates": [_replicate(one, comparison) for one in item.replicates],
    }


def _replicate(one: Replicate, comparison: Comparison) -> Values:
    last = one.steps[-1] if one.steps else None
    return {
        "name": one.name,
        "seed": one.seed,
        "trials": one.trials,
        "seconds": round(one.seconds, 3),
        "running": one.running,
        "value": one.best(comparison.budget),
        "best": last.value if last else None,
        "after": last.trials if last else None,
    }

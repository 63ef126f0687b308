"""The comparison as one page: everything in one file, no network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from hpogrid._version import VERSION
from hpogrid.report.charts.model import SERIES, series_is_dashed
from hpogrid.report.charts.times import time_unit
from hpogrid.report.compare.bands import Band, band
from hpogrid.report.compare.charts import MOST_LINES, replicate_steps
from hpogrid.report.compare.model import Comparison, Entrant, Replicate, Unit
from hpogrid.report.htmlfile import write_page
from hpogrid.space.value import Values

SCRIPTS = ("base", "plot", "summary", "compare")
"""The parts of the page's script, in order."""


def write_comparison(comparison: Comparison, stream: BinaryIO) -> None:
    """Write the page."""
    title = " and ".join(item.name for item in comparison.studies)
    write_page(stream, title, page_data(comparison), SCRIPTS)


def page_data(comparison: Comparison) -> dict[str, Any]:
    """What the page shows; ``trials``, ``columns``, ``objectives`` are for the shared scripts."""
    longest = max(one.seconds for item in comparison.studies for one in item.replicates)
    size, words = time_unit(longest)
    return {
        "name": "Comparison",
        "version": VERSION,
        "written": time.strftime("%Y-%m-%d %H:%M %Z"),
        "summary": comparison.summary[:1].upper() + comparison.summary[1:] + ".",
        "trials": {"id": []},
        "columns": [],
        "objectives": [],
        "metric": comparison.metric,
        "mode": comparison.mode,
        "budget": str(comparison.budget),
        "test": comparison.test,
        "alpha": comparison.alpha,
        "time": words,
        "series": list(SERIES),
        "standings": comparison.standings,
        "pairs": [{**_fields(pair), "sentence": pair.sentence} for pair in comparison.pairs],
        "notes": comparison.notes,
        "studies": [
            _study(item, number, comparison, size) for number, item in enumerate(comparison.studies)
        ],
    }


def _fields(pair: Any) -> dict[str, Any]:
    return {name: getattr(pair, name) for name in pair.__struct_fields__}


def _study(item: Entrant, number: int, comparison: Comparison, size: float) -> Values:
    return {
        "name": item.name,
        "dashed": series_is_dashed(number),
        "trials": _curves(item, "trials", comparison, 1.0),
        "time": _curves(item, "seconds", comparison, size),
        "replicates": [_replicate(one, comparison) for one in item.replicates],
    }


def _curves(item: Entrant, unit: Unit, comparison: Comparison, size: float) -> Values:
    found = band(item, unit, comparison.mode)
    lines = _lines(item.replicates, unit, found, size) if len(item.replicates) > 1 else []
    return {
        "x": _short([x / size for x in found.x]),
        "median": _short(found.median),
        "low": _short(found.low),
        "high": _short(found.high),
        "lines": lines,
    }


def _lines(
    replicates: Sequence[Replicate], unit: Unit, found: Band, size: float
) -> list[dict[str, list[float]]]:
    if not found.x:
        return []
    steps = [replicate_steps(one, unit, found.x[0], found.x[-1]) for one in replicates[:MOST_LINES]]
    return [{"x": _short([x / size for x in across]), "y": _short(up)} for across, up in steps]


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


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.7g}") for value in values]

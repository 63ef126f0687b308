"""The files of a comparison: its page, pictures and numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import msgspec
from msgspec.structs import asdict

from hpogrid._version import VERSION
from hpogrid.report import write_file
from hpogrid.report.charts.as_page import page_chart
from hpogrid.report.charts.model import SERIES, series_is_dashed
from hpogrid.report.compare.charts import comparison_charts
from hpogrid.report.compare.model import Comparison, Replicate
from hpogrid.report.htmlfile import write_page
from hpogrid.report.images import write_pdf, write_picture
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
        "pairs": [{**asdict(pair), "sentence": pair.sentence} for pair in comparison.pairs],
        "notes": comparison.notes,
        "studies": [
            {
                "name": item.name,
                "dashed": series_is_dashed(number),
                "replicates": [_replicate(one, comparison) for one in item.replicates],
            }
            for number, item in enumerate(comparison.studies)
        ],
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


Form = Literal["html", "json", "png", "svg", "pdf"]
FORMATS: tuple[Form, ...] = get_args(Form)


def save_comparison(comparison: Comparison, form: Form, stem: str) -> list[Path]:
    """Write the files of a format of `FORMATS`; files of that name are replaced.

    Raises:
        UserError: a library is missing (the extra is named), or the place cannot be written.
    """
    charts = comparison_charts(comparison)
    files: dict[str, Callable[[BinaryIO], object]] = {}
    if form == "html":
        files[".html"] = partial(write_comparison, comparison)
    elif form == "json":
        text = msgspec.json.format(msgspec.json.encode(comparison), indent=2) + b"\n"
        files[".json"] = lambda stream: stream.write(text)
    elif form == "pdf":
        files[".pdf"] = partial(write_pdf, "comparison", [[chart] for chart in charts.values()])
    else:
        for name, chart in charts.items():
            files[f"_{name}.{form}"] = partial(write_picture, [chart], form)
    return [write_file(f"{stem}{suffix}", write) for suffix, write in files.items()]

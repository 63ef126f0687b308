"""What a notebook shows: the progress of a run, the best trials as a table, and the history.

The markup has no colours of its own, so that it fits light and dark notebooks, and no script, so
that it is still there when the notebook is opened again.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Sequence
from html import escape
from typing import Any

from hpogrid.errors import UserError
from hpogrid.job.run import JobResult
from hpogrid.registry import require
from hpogrid.report.results import Results
from hpogrid.report.table import ROWS, cell_text
from hpogrid.report.trust import sentences
from hpogrid.report.watch import Standing, lines
from hpogrid.space.value import Value

_CELL = "padding:2px 12px 2px 0;border-bottom:1px solid rgba(128,128,128,.35);white-space:nowrap"
_NUMBER = f"{_CELL};text-align:right;font-variant-numeric:tabular-nums"
_TEXT = f"{_CELL};text-align:left"
_WIDTH = 100


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class Bar:
    """How a run stands: drawn once, and then changed."""

    def __init__(self) -> None:
        from IPython.display import display

        self._now: Standing | None = None
        self._handle: Any = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def show(self, now: Sequence[Standing]) -> None:
        """Show the search that runs."""
        (self._now,) = now
        self._handle.update(self)

    def __repr__(self) -> str:
        return "\n".join(lines(self._now, _WIDTH)) if self._now else ""

    def _repr_html_(self) -> str:
        if self._now is None:
            return ""
        text = escape("\n".join(lines(self._now, _WIDTH)))
        return (
            f'<progress value="{self._now.finished}" max="{self._now.budget}" '
            f'aria-label="trials" style="width:240px"></progress>'
            f'<pre style="margin:0;overflow-x:auto">{text}</pre>'
        )


class Ran(JobResult, kw_only=True):
    """How a run ended; a notebook shows what it has found.

    Attributes:
        project, task: what was run.
    """

    project: str = ""
    task: int = 0

    def _repr_html_(self) -> str:
        from hpogrid.report.load import load_sources, make_results
        from hpogrid.site.choice import Filters

        said = f"<p>{escape(repr(self)[1:-1])}</p>"
        try:
            only = Filters(ids=str(self.task), all_versions=True)
            results = make_results(load_sources(self.project, only))
        except UserError as error:  # it was removed meanwhile
            return f"{said}<p>{escape(str(error))}</p>"
        return said + shown(results)


def shown(results: Results) -> str:
    """The best trials as a table, how sure the best is, and the history as a picture."""
    sure = "".join(f"<div>{escape(sentence)}</div>" for sentence in sentences(results))
    return table(results) + sure + history(results)


def history(results: Results) -> str:
    """The history as a picture, or why there is none."""
    from hpogrid.report.charts import draw

    charts = draw(results, "history")
    if not charts:
        return ""
    try:
        require("matplotlib", extra="images", what="the picture of the history")
    except UserError as error:
        return f"<div>{escape(str(error))}</div>"
    from hpogrid.report.images import as_written, matplotlib_figure

    stream = io.BytesIO()
    with as_written():
        matplotlib_figure(charts).savefig(stream, format="png", dpi=100)
    picture = base64.b64encode(stream.getvalue()).decode()
    words = f"history of {results.name}: {results.summary}"
    return (
        f'<img src="data:image/png;base64,{picture}" alt="{escape(words)}" '
        'style="max-width:min(100%,900px);height:auto;background:#fff;margin-top:8px">'
    )


def table(results: Results, rows: int = ROWS) -> str:
    """The best trials as HTML, with a sentence about all of them."""
    lines = list(results.rows(0, rows))
    more = len(results) - len(lines)
    rest = f"<div>and {more} more</div>" if more else ""
    caption = f"{results.name}: {results.summary}"
    return rows_table(results.names, lines, caption, marked=results.best is not None, rest=rest)


def rows_table(
    names: Sequence[str],
    lines: Sequence[Sequence[Value]],
    caption: str,
    *,
    marked: bool = False,
    rest: str = "",
) -> str:
    """Rows as HTML.

    Args:
        names: of the columns.
        lines: a value for each of them.
        caption: what stands above.
        marked: whether the first row is the best.
        rest: HTML that stands below.
    """
    heads = [
        f'<th scope="col" style="{_style([line[place] for line in lines])}">{escape(name)}</th>'
        for place, name in enumerate(names)
    ]
    body = []
    for number, line in enumerate(lines):
        weight = ";font-weight:bold" if number == 0 and marked else ""
        cells = [
            f'<td style="{_style([cell])}{weight}">{escape(cell_text(cell))}</td>' for cell in line
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f'<caption style="text-align:left;caption-side:top">{escape(caption)}</caption>'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table>{rest}</div>"
    )


def _style(cells: list[Value]) -> str:
    numbers = all(isinstance(cell, int | float | None) for cell in cells)
    return _NUMBER if numbers and cells else _TEXT

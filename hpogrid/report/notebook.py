"""What a notebook shows: the progress of a run, and the best trials as a table.

The markup has no colours of its own, so that it fits light and dark notebooks, and no script, so
that it is still there when the notebook is opened again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from html import escape
from typing import Any

from hpogrid.report.results import Results
from hpogrid.report.table import ROWS, cell_text
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


def table(results: Results, rows: int = ROWS) -> str:
    """The best trials as HTML, with a sentence about all of them."""
    lines = list(results.rows(0, rows))
    heads = [
        f'<th scope="col" style="{_style([line[place] for line in lines])}">{escape(name)}</th>'
        for place, name in enumerate(results.names)
    ]
    body = []
    for number, line in enumerate(lines):
        weight = ";font-weight:bold" if number == 0 and results.best is not None else ""
        cells = [f'<td style="{_style([cell])}{weight}">{_text(cell)}</td>' for cell in line]
        body.append(f"<tr>{''.join(cells)}</tr>")
    more = len(results) - len(lines)
    rest = f"<div>and {more} more</div>" if more else ""
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f'<caption style="text-align:left;caption-side:top">{escape(results.name)}: '
        f"{escape(results.summary)}</caption>"
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table>{rest}</div>"
    )


def _style(cells: list[Value]) -> str:
    numbers = all(isinstance(cell, int | float | None) for cell in cells)
    return _NUMBER if numbers and cells else _TEXT


def _text(cell: object) -> str:
    return escape(cell_text(cell))

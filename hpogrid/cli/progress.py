"""Live progress of a run in the foreground: on a terminal a bar, elsewhere nothing."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hpogrid.cli.output import cell

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from hpogrid.engine.run import Run

_SECONDS = 0.1


@contextlib.contextmanager
def progress_of_run(total: int) -> Iterator[Callable[[Run], None]]:
    """Give a function that shows how a run stands, and is cheap to call often."""
    if not sys.stderr.isatty():
        yield lambda run: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        yield _Shown(bar, bar.add_task("trials", total=total, note=""))


class _Shown:
    """Updates the bar at most ten times a second."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._last = 0.0
        self._began = time.monotonic()
        self._before: int | None = None

    def __call__(self, run: Run) -> None:
        """Show how the run stands."""
        now = time.monotonic()
        if now - self._last < _SECONDS:
            return
        self._last = now
        done = run.budget.finished
        if self._before is None:
            self._before = done
        rate = (done - self._before) / max(now - self._began, 1e-3)
        best = (
            ""
            if run.budget.best is None
            else f"best {run.config.metrics[0]} {cell(run.budget.best)}"
        )
        failed = f"  {run.budget.failures} failed" if run.budget.failures else ""
        self._bar.update(self._task, completed=done, note=f"{best}  {rate:.1f}/s{failed}")

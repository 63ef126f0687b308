"""That something goes on, and how far it has come: on a terminal or in a notebook, else nothing."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from hpogrid.cli.output import cell

if TYPE_CHECKING:
    from rich.progress import Progress

    from hpogrid.engine.run import Run

_SECONDS = 0.1
_PATIENCE = 1.0
"""Seconds that nobody wonders about."""


@contextlib.contextmanager
def working(on: str) -> Iterator[None]:
    """Show on the terminal what takes so long, if it does. Nothing else may be printed then."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def spin() -> None:
        if done.wait(_PATIENCE):
            return
        from rich.console import Console

        with Console(stderr=True).status(on):
            done.wait()

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Bar(Protocol):
    """Something that shows how far a run has come."""

    def show(self, done: int, note: str) -> None:
        """Show that so many trials are done, with a note beside it."""


@contextlib.contextmanager
def progress_of_run(total: int) -> Iterator[Callable[[Run], None]]:
    """Give a function that shows how a run stands, and is cheap to call often."""
    from hpogrid.report.notebook import Bar as NotebookBar
    from hpogrid.report.notebook import in_notebook

    if not in_notebook() and not sys.stderr.isatty():
        yield lambda run: None
        return
    with contextlib.ExitStack() as stack:
        bar = NotebookBar(total) if in_notebook() else stack.enter_context(_terminal(total))
        shown = _Shown(bar)
        try:
            yield shown
        finally:
            shown.finish()


@contextlib.contextmanager
def _terminal(total: int) -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Drawn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Drawn(*columns, console=Console(stderr=True)) as drawn:
        yield _TerminalBar(drawn, total)


class _TerminalBar:
    """A bar that is drawn with rich."""

    def __init__(self, drawn: Progress, total: int) -> None:
        self._drawn = drawn
        self._task = drawn.add_task("trials", total=total, note="")

    def show(self, done: int, note: str) -> None:
        """See `Bar`."""
        self._drawn.update(self._task, completed=done, note=note)


class _Shown:
    """Updates a bar at most ten times a second, and at the end."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._run: Run | None = None
        self._last = 0.0
        self._began = time.monotonic()
        self._before: int | None = None

    def __call__(self, run: Run) -> None:
        """Show how the run stands."""
        self._run = run
        if self._before is None:
            self._before = run.budget.finished
        now = time.monotonic()
        if now - self._last >= _SECONDS:
            self._last = now
            self._bar.show(run.budget.finished, self._note(run))

    def finish(self) -> None:
        """Show how the run has ended."""
        if self._run is not None:
            self._bar.show(self._run.budget.finished, self._note(self._run))

    def _note(self, run: Run) -> str:
        done = run.budget.finished - (self._before or 0)
        rate = done / max(time.monotonic() - self._began, 1e-3)
        metric, best = run.config.metrics[0], run.budget.best
        reached = "" if best is None else f"best {metric} {cell(best)}"
        failed = f"  {run.budget.failures} failed" if run.budget.failures else ""
        return f"{reached}  {rate:.1f}/s{failed}"

"""That something goes on, and how far it has come: on a terminal or in a notebook, else nothing."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hpogrid.cli.output import message

if TYPE_CHECKING:
    from rich.live import Live

    from hpogrid.engine.run import Run
    from hpogrid.engine.usage import Usage
    from hpogrid.report.watch import Standing

_SECONDS = 0.2
_SHARE = 20
"""What is shown takes at most this part of the time of a run."""

_FIRST_PAUSE = 0.5
_LAST_PAUSE = 30.0
"""Seconds between two lines about a search where there is no terminal."""

_MEASURING = 2.0
"""Seconds between two looks at what trials take."""

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


class Screen(Protocol):
    """Something that shows how searches stand, each time in the place of the time before."""

    def show(self, now: Sequence[Standing]) -> None:
        """Show them."""


class Terminal:
    """Blocks of lines that stay in their place on the terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, now: Sequence[Standing]) -> None:
        """See `Screen`."""
        from rich.text import Text

        from hpogrid.report.watch import lines

        width = self._live.console.width
        text = "\n".join(line for item in now for line in lines(item, width))
        self._live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)


class Lines:
    """Without a terminal: a line for each search when something has changed, ever less often.

    What becomes of jobs is said at once.
    """

    def __init__(self) -> None:
        self._said: dict[str, Standing] = {}
        self._next = 0.0
        self._pause = _FIRST_PAUSE

    def show(self, now: Sequence[Standing]) -> None:
        """See `Screen`."""
        from hpogrid.report.watch import head, sentence

        due = time.monotonic() >= self._next
        for item in now:
            before = self._said.get(item.title)
            news = before is not None and before.jobs != item.jobs
            if before is None or news or (due and head(before) != head(item)):
                self._said[item.title] = item
                message(sentence(item))
        if due:
            self._next = time.monotonic() + self._pause
            self._pause = min(self._pause * 1.2, _LAST_PAUSE)


@contextlib.contextmanager
def screen() -> Iterator[Screen]:
    """What shows how searches stand: on a terminal, or else as lines."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False) as live:
        yield Terminal(live)


class Gauge:
    """What running trials take, measured beside what goes on: a driver of GPUs answers slowly."""

    def __init__(self) -> None:
        self.found: dict[str, Usage] = {}
        self._thread: threading.Thread | None = None
        self._next = 0.0

    def look(self, folders: Mapping[str, Path]) -> Mapping[str, Usage]:
        """What was found last; now and then it is measured anew."""
        idle = self._thread is None or not self._thread.is_alive()
        if idle and time.monotonic() >= self._next:
            self._next = time.monotonic() + _MEASURING
            self._thread = threading.Thread(target=self._measure, args=(folders,), daemon=True)
            self._thread.start()
        return self.found

    def _measure(self, folders: Mapping[str, Path]) -> None:
        from hpogrid.engine.usage import usage

        self.found = usage(folders)


@contextlib.contextmanager
def progress_of_run() -> Iterator[Callable[[Run], None]]:
    """Give a function that shows how a run stands, and is cheap to call often."""
    from hpogrid.report.notebook import Bar, in_notebook

    if not in_notebook() and not sys.stderr.isatty():
        yield lambda run: None
        return
    with contextlib.ExitStack() as stack:
        shown = _Shown(Bar() if in_notebook() else stack.enter_context(screen()))
        try:
            yield shown
        finally:
            shown.finish()


class _Shown:
    """Shows a run a few times a second, less often where it takes long, and at the end."""

    def __init__(self, on: Screen) -> None:
        self._screen = on
        self._run: Run | None = None
        self._next = 0.0
        self._gauge = Gauge()

    def __call__(self, run: Run) -> None:
        """Show how the run stands."""
        self._run = run
        began = time.monotonic()
        if began >= self._next:
            self._show(run)
            now = time.monotonic()
            self._next = now + max(_SECONDS, _SHARE * (now - began))

    def finish(self) -> None:
        """Show how the run has ended."""
        if self._run is not None:
            self._show(self._run)

    def _show(self, run: Run) -> None:
        from hpogrid.report.watch import standing

        going = [trial.id for trial in run.own if trial.state == "running"]
        now = standing(
            run.project.name,
            run.own,
            time.time(),
            metric=run.config.metrics[0],
            mode=run.config.modes[0],
            budget=run.config.trials,
            jobs={},
            usage=self._gauge.look({name: run.spec.trials / name for name in going}),
        )
        self._screen.show([now])

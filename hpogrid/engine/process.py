"""The process engine: persistent worker processes on one machine."""

from __future__ import annotations

import selectors
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hpogrid.engine.assignment import Assignment
from hpogrid.engine.cell import Cell
from hpogrid.engine.messages import SPARE, Tasks
from hpogrid.engine.prep import Preparing
from hpogrid.engine.pythons import trial_python
from hpogrid.engine.requests import UNWANTED
from hpogrid.engine.resources import slot_environments, trials_at_once
from hpogrid.engine.run import Run
from hpogrid.errors import RunError, UserError
from hpogrid.text import tell
from hpogrid.trial.lifeline import kill_marked
from hpogrid.trial.messages import Broken, Done, Garbled, Message, Ready, ReportMade, Verdict
from hpogrid.trial.session import CELL

_TICK = 0.2
"""Seconds between two looks at time limits and at the wish to stop."""

_FEWER = (
    "hpogrid: trials run {} at once, for the {} of this job are no more; "
    "ask for others with --{} of the grid config"
)

BROUGHT = ".python"
"""In the folder of the trials: hpogrid for a Python that does not have it."""

_MAX_DEATHS = 3
"""Workers that die one after another before they are ready, until the run is given up."""


class ProcessEngine:
    """Evaluates the trials of a `Run`, several at once, each in a `Cell`.

    Args:
        run: the books.
        scripts: the folder of the training scripts.
        logs: folder for the logs of trials.
        progress: called whenever a trial ended, and a few times a second.

    Raises:
        UserError: this job has less than a trial needs, or a template cannot be read.
    """

    def __init__(
        self, run: Run, scripts: Path, logs: Path, progress: Callable[[], None] = lambda: None
    ) -> None:
        self._run = run
        self._logs = logs
        self._progress = progress
        config = run.config
        slots = trials_at_once(run.project)
        if slots < config.at_once:
            what = ("nodes", "nodes") if config.nodes_per_trial else ("cores", "cpus")
            tell(_FEWER.format(slots, *what))
        self._environments = slot_environments(run.project, slots)
        self._python = trial_python(run.project.model_config, scripts, run.spec.trials / BROUGHT)
        self._tasks = Tasks(run.project, scripts, logs, run.spec.trials)
        self._preparing = (
            Preparing(run.prep, scripts, len(self._environments)) if run.prep else None
        )
        self._cells: dict[int, Cell] = {}
        self._selector = selectors.DefaultSelector()
        self._deaths = 0
        self._seen = False

    def execute(self) -> None:
        """Run trials until the budget is spent or the run is stopped.

        Raises:
            RunError: no trial can run, because the objective cannot be loaded.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        if self._run.attempt > 1:  # what an attempt has left that was killed with all its guards
            kill_marked(f"{CELL}={self._mark(slot)}" for slot in range(len(self._environments)))
        with self._cleanup():
            if self._preparing is not None:
                self._selector.register(self._preparing.line, selectors.EVENT_READ)
            while True:
                self._fill()
                if not self._cells:
                    return
                for key, _ in self._selector.select(_TICK):
                    if isinstance(key.data, Cell):
                        key.data.silent |= key.fileobj is key.data.line
                        self._serve(key.data)
                self._take_prepared()
                self._run.poll()
                self._check_time()
                self._bury()
                self._progress()
                if self._run.interrupted:
                    return

    @contextmanager
    def _cleanup(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._preparing is not None:
                self._preparing.close()
            for cell in self._cells.values():
                cell.end()
            cells = list(self._cells.values())
            while self._cells:
                for cell in list(self._cells.values()):
                    if cell.gone():
                        self._forget(cell)
                time.sleep(0.01)
            self._selector.close()
            for name in (SPARE, BROUGHT):
                shutil.rmtree(self._run.spec.trials / name, ignore_errors=True)
            reason = self._run.stopped or "the driver stopped"
            for cell in cells:
                if cell.assignment is not None:
                    self._run.interrupt(cell.assignment.trial, reason)

    # --- cells -----------------------------------------------------------------------------

    def _fill(self) -> None:
        """Give every idle cell a trial; start cells while there are trials to give."""
        for cell in list(self._cells.values()):
            if cell.assignment is None and not cell.ending:
                assignment = self._run.next() if cell.ready else None
                if assignment is not None:
                    self._hand_over(cell, assignment)
                elif self._run.over:
                    cell.end()
        if self._run.over:
            return
        waiting = sum(cell.assignment is None for cell in self._cells.values())
        wanted = self._run.open - waiting
        for _ in range(min(wanted, len(self._environments) - len(self._cells))):
            self._start_cell()

    def _start_cell(self) -> None:
        slot = next(slot for slot in range(len(self._environments)) if slot not in self._cells)
        looks, self._seen = not self._seen, True
        environment = {**self._environments[slot], **self._python.environment}
        if self._preparing is not None:
            environment |= self._preparing.environment
        program = self._python.program
        cell = Cell(self._tasks.setup(slot, looks=looks), program, environment, self._mark(slot))
        self._cells[slot] = cell
        self._selector.register(cell.wire.socket, selectors.EVENT_READ, cell)
        self._selector.register(cell.line, selectors.EVENT_READ, cell)

    def _mark(self, slot: int) -> str:
        return f"{self._run.spec.trials}:{slot}"

    def _hand_over(self, cell: Cell, assignment: Assignment) -> None:
        cell.assignment = assignment
        if self._preparing is None:
            self._evaluate(cell)
        else:
            self._preparing.begin(assignment.trial, assignment.config)

    def _evaluate(self, cell: Cell) -> None:
        assert cell.assignment is not None
        cell.since = time.monotonic()
        try:
            self._send(cell, self._tasks.evaluate(cell.assignment))
        except UserError as error:  # a value that its template cannot say
            self._finish(cell, str(error))

    def _finish(self, cell: Cell, failure: str | None) -> None:
        assert cell.assignment is not None
        trial, cell.assignment, cell.since = cell.assignment.trial, None, None
        self._run.finish(trial, failure)

    def _forget(self, cell: Cell) -> str:
        for stream in (cell.wire.socket, cell.line):
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
        del self._cells[cell.slot]
        return cell.close()

    def _bury(self) -> None:
        """Let go of the cells that are gone; a trial that one takes along has failed."""
        for cell in list(self._cells.values()):
            if not cell.gone():
                continue
            output, how = cell.output, self._forget(cell)
            if cell.assignment is not None:
                self._finish(cell, cell.why or f"the worker process {how}")
            elif cell.lost and not cell.ready:
                self._deaths += 1
                if self._deaths >= _MAX_DEATHS:
                    said = "\n".join(output)
                    raise RunError(f"the worker process {how} before its first trial:\n{said}")

    # --- messages --------------------------------------------------------------------------

    def _send(self, cell: Cell, message: Message) -> None:
        cell.wire.send(message)
        self._watch(cell)

    def _watch(self, cell: Cell) -> None:
        """Wait for what a cell says, and for room if there is something to tell it."""
        if not cell.wire.open:
            if not cell.ending:
                cell.lost = True
                cell.end()
            if cell.wire.socket in self._selector.get_map():
                self._selector.unregister(cell.wire.socket)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if cell.wire.waiting else 0)
        if events != self._selector.get_key(cell.wire.socket).events:
            self._selector.modify(cell.wire.socket, events, cell)

    def _serve(self, cell: Cell) -> None:
        """Handle the messages of a cell that are here."""
        try:
            for message in cell.wire.receive():
                if not cell.ending:
                    self._handle(cell, message)
        except Garbled as error:
            cell.end(f"its process sent {error}; does it write to files that are not its own?")
        self._watch(cell)

    def _handle(self, cell: Cell, message: Message) -> None:
        assignment = cell.assignment
        match message:
            case Ready(surroundings=told):
                cell.ready = True
                if told:
                    self._run.found(told)
                self._deaths = 0
            case Broken(message=text):
                raise RunError(text)
            case ReportMade() | Done() if assignment is None or (
                message.trial,
                message.attempt,
            ) != (assignment.trial, assignment.attempt):
                return  # late, or of a process that an earlier trial has left
            case ReportMade(trial=trial, metrics=metrics):
                self._send(cell, Verdict(self._run.report(trial, metrics)))
            case Done(metrics=metrics, failure=failure, last=last):
                if metrics:
                    self._run.report(message.trial, metrics)
                if last:
                    cell.end()
                self._finish(cell, failure)

    def _take_prepared(self) -> None:
        """Begin the trials for which everything has been prepared."""
        if self._preparing is None:
            return
        cells = {cell.assignment.trial: cell for cell in self._cells.values() if cell.assignment}
        for done in self._preparing.done():
            cell = cells.get(done.trial)
            if cell is None or cell.ending:
                continue
            if done.failure is not None:
                self._finish(cell, done.failure)
                continue
            self._run.prepared(done.trial, done.seconds)
            self._evaluate(cell)

    def _check_time(self) -> None:
        limit = self._run.config.trial_timeout
        for cell in self._cells.values():
            if cell.assignment is not None and cell.assignment.trial in self._run.unwanted:
                cell.end(UNWANTED)
            if limit is None or cell.since is None or cell.assignment is None:
                continue
            if time.monotonic() - cell.since + cell.assignment.spent > limit:
                cell.end(f"it took longer than trial_timeout ({limit:g} s)")

"""What an actor of the ray engine does: evaluates one trial after another, step by step.

Nothing here knows of Ray; `hpogrid.engine.ray.tune` wraps it into what Ray Tune runs.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hpogrid.engine.messages import (
    Broken,
    Done,
    Evaluate,
    FromWorker,
    Prepared,
    ReportMade,
    Setup,
    ToWorker,
    Verdict,
)
from hpogrid.engine.prep import Preparation
from hpogrid.engine.worker import evaluate, prepare, trial_log
from hpogrid.errors import UserError, first_line
from hpogrid.trial.objective import Objective, make_objective

_PATIENCE = 10.0
"""Seconds that a trial has to end once it was told to."""

CUT_OFF = ".cut-off-"
"""What the names of notes begin with that tell the driver of trials which did not end in time."""


class Actor:
    """Evaluates trials in a thread of its own, and hands on what they report one by one.

    Args:
        setup: `Setup` as JSON.
        timeout: seconds after which a trial takes the whole process along; None: never.
    """

    def __init__(self, setup: str, timeout: float | None) -> None:
        self._setup = msgspec.json.decode(setup, type=Setup)
        self._timeout = timeout
        self._objective: Objective | None = None
        self._preparation: Preparation | None = None
        self._evaluation: Evaluation | None = None

    def take(self, task: str) -> None:
        """Make ready for a trial (`Evaluate` as JSON); the one before has to end for that."""
        self.end()
        self._evaluation = Evaluation(
            msgspec.json.decode(task, type=Evaluate), self._setup, self._timeout
        )

    def advance(self) -> FromWorker:
        """Go on to the next report of the trial, or to its end."""
        assert self._evaluation is not None
        try:
            objective = self._load()
            return self._evaluation.advance(objective, self._preparation)
        except UserError as error:
            return Broken(str(error))

    def end(self) -> None:
        """End the trial; if it does not end in time, so does the process."""
        evaluation, self._evaluation = self._evaluation, None
        if evaluation is not None and not evaluation.end():
            with contextlib.suppress(OSError):
                evaluation.note_cut_off()
            os._exit(1)

    def _load(self) -> Objective:
        if self._objective is None:
            scripts = Path(self._setup.scripts)
            if not scripts.is_dir():
                raise UserError(
                    f"node {socket.gethostname()} does not see the folder {scripts}: the folder of "
                    "a task must be on a file system that all nodes share (set HPOGRID_HOME)"
                )
            os.chdir(scripts)
            setup = self._setup
            self._objective = make_objective(
                scripts, setup.model, setup.metrics, setup.names, setup.resource
            )
            if setup.prep is not None:
                self._preparation = Preparation(setup.prep, scripts)
        return self._objective


class Evaluation:
    """One trial, from its start or a checkpoint on, until it ends or is told to."""

    def __init__(self, task: Evaluate, setup: Setup, timeout: float | None) -> None:
        self._task = task
        self._setup = setup
        self._timeout = timeout
        self._link = _Link()
        self._thread: threading.Thread | None = None

    def advance(self, objective: Objective, preparation: Preparation | None = None) -> FromWorker:
        """Start, or go on after a report, and wait for what comes."""
        if self._thread is None:
            arguments = (objective, preparation)
            self._thread = threading.Thread(target=self._run, args=arguments, daemon=True)
            self._thread.start()
        else:
            self._link.answers.put(Verdict(True))
        return self._link.messages.get()

    def end(self) -> bool:
        """Tell the objective to stop at its last report; whether it did."""
        if self._thread is None:
            return True
        self._link.answers.put(Verdict(False))
        self._thread.join(_PATIENCE)
        return not self._thread.is_alive()

    def note_cut_off(self) -> None:
        """Leave word for the driver that the trial did not end by itself."""
        name = f"{CUT_OFF}{self._task.trial}.{self._task.attempt}"
        (Path(self._setup.logs) / name).write_text(
            f"trial {self._task.trial} was still cleaning up {_PATIENCE:g} s after it was told to "
            "end, and was killed"
        )

    def _run(self, objective: Objective, preparation: Preparation | None) -> None:
        try:
            done = self._evaluate(objective, preparation)
        except BaseException as error:  # whatever a script raises, the actor waits for an end
            done = Done(first_line(error))
        self._link.messages.put(done)

    def _evaluate(self, objective: Objective, preparation: Preparation | None) -> Done:
        log = trial_log(Path(self._setup.logs), self._task.trial, self._task.attempt)
        with _output_to(log):
            done = prepare(preparation, self._task, self._link)
            if done is None:
                with self._time_limit():
                    done = evaluate(objective, self._task, self._link, Path(self._setup.scripts))
        return done

    @contextlib.contextmanager
    def _time_limit(self) -> Iterator[None]:
        """Let a thread that needs no interpreter end the process, whatever hangs in it."""
        if self._timeout is None:
            yield
            return
        faulthandler.dump_traceback_later(self._timeout, exit=True, file=2)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


class _Link:
    """The line between the thread of a trial and the actor."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[ReportMade | Prepared | Done] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()

    def send(self, message: ReportMade | Prepared | Done) -> None:
        """Pass a message on."""
        self.messages.put(message)

    def receive(self) -> ToWorker:
        """Wait for the answer."""
        return self.answers.get()


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send this process's output to a file; no file is left if there was none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    before = [os.dup(1), os.dup(2)]
    try:
        for number in (1, 2):
            os.dup2(log, number)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        for number, old in zip((1, 2), before, strict=True):
            os.dup2(old, number)
            os.close(old)
        if not os.fstat(log).st_size:
            path.unlink(missing_ok=True)
        os.close(log)

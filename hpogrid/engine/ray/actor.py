"""What an actor of the ray engine does: evaluates one trial after another, step by step.

Trials run in the actor's own process, where Ray is. What one leaves of other processes is ended
with it, and with the actor.

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
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hpogrid.engine.messages import PrepSetup
from hpogrid.engine.prep import Preparation
from hpogrid.errors import UserError
from hpogrid.trial.errors import first_line
from hpogrid.trial.folders import Folders
from hpogrid.trial.guard import PR_SET_CHILD_SUBREAPER, children, end_all, prctl
from hpogrid.trial.messages import Broken, Done, Evaluate, Message, Model, Setup, Verdict
from hpogrid.trial.objective import Objective, make_objective
from hpogrid.trial.raytune import load_ray
from hpogrid.trial.worker import Place, evaluate, left_processes, say, trial_log


@dataclass
class Prepared(Message):
    """What the trial needs is there, after so many seconds."""

    kind = "prepared"
    seconds: float


CUT_OFF = ".cut-off-"
"""What the names of notes begin with that tell the driver of trials which did not end in time."""


class Actor:
    """Evaluates trials in a thread of its own, and hands on what they report one by one.

    Args:
        setup: what a worker is told first.
        timeout: seconds after which a trial takes the whole process along; None: never.
        prep: what is to be prepared before trials, if anything.
    """

    def __init__(
        self, setup: Setup, timeout: float | None = None, prep: PrepSetup | None = None
    ) -> None:
        self._setup = setup
        self._timeout = timeout
        self._prep = prep
        self._objective: Objective | None = None
        self._place: Place | None = None
        self._preparation: Preparation | None = None
        self._evaluation: Evaluation | None = None
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # so that what a trial leaves is seen
        self._before = set(children())

    def take(self, task: Evaluate) -> None:
        """Make ready for a trial; the one before has to end for that."""
        self.end()
        self._evaluation = Evaluation(task, self._setup, self._timeout)

    def advance(self) -> Message:
        """Go on to the next report of the trial, or to its end."""
        assert self._evaluation is not None
        try:
            objective, place = self._load()
            message = self._evaluation.advance(objective, place, self._preparation)
        except UserError as error:
            return Broken(str(error))
        if isinstance(message, Done):
            self._end_processes(self._setup.grace)
        return message

    def end(self) -> None:
        """End the trial; if it does not end in time, so does the process."""
        evaluation, self._evaluation = self._evaluation, None
        if evaluation is not None and not evaluation.end():
            with contextlib.suppress(OSError):
                evaluation.note_cut_off()
            self._end_processes(0.0)
            os._exit(1)
        self._end_processes(self._setup.grace)

    def _end_processes(self, grace: float) -> None:
        end_all(lambda: left_processes(self._before), time.monotonic() + grace)

    def _load(self) -> tuple[Objective, Place]:
        if self._objective is None or self._place is None:
            scripts = Path(self._setup.scripts)
            if not scripts.is_dir():
                raise UserError(
                    f"node {socket.gethostname()} does not see the folder {scripts}: the folder of "
                    "a task must be on a file system that all nodes share (set HPOGRID_HOME)"
                )
            os.chdir(scripts)
            setup = self._setup
            model = Model(**setup.model)
            load_ray(scripts, model.script if model.model else None)
            if self._prep is not None:
                self._preparation = Preparation(self._prep, scripts)
                os.environ.update(self._preparation.environment)
            spare = Path(setup.spare) / f"{socket.gethostname()}-{os.getpid()}"
            folders = Folders(scripts, spare)
            try:
                self._objective = make_objective(
                    folders.here, model, setup.metrics, setup.grace, setup.resource
                )
            except UserError as error:
                raise UserError(folders.named(str(error))) from error
            self._place = Place(folders, model)
            self._before |= set(children())
        return self._objective, self._place


class Evaluation:
    """One trial, from its start or a checkpoint on, until it ends or is told to."""

    def __init__(self, task: Evaluate, setup: Setup, timeout: float | None) -> None:
        self._task = task
        self._setup = setup
        self._timeout = timeout
        self._link = _Link()
        self._thread: threading.Thread | None = None

    def advance(
        self, objective: Objective, place: Place, preparation: Preparation | None
    ) -> Message:
        """Start, or go on after a report, and wait for what comes."""
        if self._thread is None:
            arguments = (objective, place, preparation)
            self._thread = threading.Thread(target=self._run, args=arguments, daemon=True)
            self._thread.start()
        else:
            self._link.answers.put(Verdict("continue"))
        return self._link.messages.get()

    def end(self) -> bool:
        """Tell the objective to stop at its last report; whether it did."""
        if self._thread is None:
            return True
        self._link.answers.put(Verdict("stop"))
        self._thread.join(self._setup.grace)
        return not self._thread.is_alive()

    def note_cut_off(self) -> None:
        """Leave word for the driver that the trial did not end by itself."""
        name = f"{CUT_OFF}{self._task.trial}.{self._task.attempt}"
        (Path(self._setup.logs) / name).write_text(
            f"trial {self._task.trial} was still cleaning up {self._setup.grace:g} s after it was "
            "told to end, and was killed"
        )

    def _run(self, objective: Objective, place: Place, preparation: Preparation | None) -> None:
        log = trial_log(Path(self._setup.logs), self._task.trial, self._task.attempt)
        done = Done(self._task.trial, self._task.attempt)
        try:
            with _output_to(log):
                if preparation is not None and not self._prepare(preparation, done):
                    return
                with self._time_limit():
                    done = evaluate(objective, self._task, self._link, place)
        except BaseException as error:  # its log, say: the actor waits for an end
            done.failure = f"it could not be run: {first_line(error)}"
        finally:
            self._link.messages.put(done)

    def _prepare(self, preparation: Preparation, done: Done) -> bool:
        """Make ready what the trial needs; whether it is to go on."""
        began = time.monotonic()
        try:
            done.failure = preparation.prepare(self._task.config)
        except (UserError, OSError) as error:
            done.failure = f"it could not be prepared: {error}"
        if done.failure is not None:
            say(done.failure)
            return False
        self._link.send(Prepared(time.monotonic() - began))
        answer = self._link.receive()
        return isinstance(answer, Verdict) and answer.decision == "continue"

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
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def send(self, message: Message) -> None:
        """Pass a message on."""
        self.messages.put(message)

    def receive(self) -> Message:
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

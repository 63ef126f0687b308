"""A worker process: loads the objective once and evaluates one trial after another.

Started as ``python -m hpogrid.engine.worker FD``; FD is a socket to the driver.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from hpogrid.engine.messages import (
    Broken,
    Channel,
    Done,
    Evaluate,
    Line,
    Prepared,
    Ready,
    ReportMade,
    Setup,
    ToWorker,
    Verdict,
)
from hpogrid.engine.ray.script import load_ray, ray_session
from hpogrid.errors import UserError, first_line
from hpogrid.trial import session
from hpogrid.trial.checkpoints import saving
from hpogrid.trial.lifeline import die_with_parent
from hpogrid.trial.objective import Objective, make_objective, user_traceback

if TYPE_CHECKING:
    from hpogrid.engine.prep import Preparation


class WorkerSession:
    """The session of a trial that runs in a worker."""

    def __init__(self, line: Line, task: Evaluate) -> None:
        self._line = line
        self.folder = Path(task.folder)
        self._step = task.from_step
        self.config = task.config
        self.absent = task.absent
        self.trial_id = task.trial
        self.seed = task.seed
        self.restore = Path(task.restore) if task.restore else None

    def report(self, metrics: dict[str, Any]) -> None:
        """Pass metrics to the driver and do as it says."""
        self._step += 1
        self._line.send(ReportMade(metrics))
        answer = self._line.receive()
        if not isinstance(answer, Verdict) or not answer.go_on:
            raise session.StopTrial

    def checkpoint(self) -> contextlib.AbstractContextManager[Path]:
        """A folder for the state that belongs to the next report."""
        return saving(self.folder, self._step + 1)


_told_to_end: list[int] = []
_PATIENCE_SECONDS = 1.0


def work(channel: Channel[ToWorker]) -> None:
    """Serve the driver until it closes the channel."""
    setup = channel.receive()
    if not isinstance(setup, Setup):
        return
    scripts = Path(setup.scripts)
    load_ray(scripts, setup.model)
    try:
        objective = make_objective(scripts, setup.model, setup.metrics, setup.names, setup.resource)
    except UserError as error:
        channel.send(Broken(str(error)))
        return
    preparation = _preparation(setup, scripts)
    log = TrialLog(Path(setup.logs), setup.slot)
    channel.send(Ready())
    while isinstance(task := channel.receive(), Evaluate):
        done = prepare(preparation, task, channel)
        done = done or evaluate(objective, task, channel, scripts)
        if done.failure is not None:
            _wait_if_told_to_end()
        log.close(task)
        channel.send(done)


def _preparation(setup: Setup, scripts: Path) -> Preparation | None:
    if setup.prep is None:
        return None
    from hpogrid.engine.prep import Preparation  # every worker starts faster without it

    return Preparation(setup.prep, scripts, _wait_if_told_to_end)


def _wait_if_told_to_end() -> None:
    if _told_to_end:
        time.sleep(_PATIENCE_SECONDS)


def prepare(preparation: Preparation | None, task: Evaluate, line: Line) -> Done | None:
    """Make ready what a trial needs, if anything; return how it ended if that was all of it."""
    if preparation is None:
        return None
    began = time.monotonic()
    try:
        failure = preparation.prepare(task.config)
    except (UserError, OSError) as error:
        failure = f"it could not be prepared: {error}"
    if failure is not None:
        sys.stderr.write(failure + "\n")
        return Done(failure)
    line.send(Prepared(time.monotonic() - began))
    answer = line.receive()
    return None if isinstance(answer, Verdict) and answer.go_on else Done()


def evaluate(objective: Objective, task: Evaluate, line: Line, scripts: Path) -> Done:
    """Run one trial; what the user's code raises is the trial's failure, not the worker's."""
    current = WorkerSession(line, task)
    session.set_current(current)
    seed_everything(task.seed)
    try:
        with ray_session(current):
            objective.run(dict(task.config), current)
    except session.StopTrial:
        return Done()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        details = user_traceback(error, scripts)
        sys.stderr.write(details + "\n")
        return Done(first_line(error), details)
    finally:
        session.set_current(None)
    return Done()


def seed_everything(seed: int) -> None:
    """Seed Python's generator, and NumPy's and PyTorch's where the script has loaded them."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def worker_log(logs: Path, slot: int) -> Path:
    """Where a worker's output goes until the trial has ended."""
    return logs / f".worker-{slot}.log"


def trial_log(logs: Path, trial: str, attempt: int) -> Path:
    """Where the output of a trial is kept."""
    return logs / (f"{trial}.log" if attempt == 1 else f"{trial}.{attempt}.log")


class TrialLog:
    """Gives each trial that writes to stdout or stderr a file of its own."""

    def __init__(self, logs: Path, slot: int) -> None:
        self._logs = logs
        self._current = worker_log(logs, slot)

    def close(self, task: Evaluate) -> None:
        """Keep what was written as the trial's log, and begin a new one."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        try:
            if not os.fstat(1).st_size:
                return
        except OSError:  # the script has closed its output
            return
        self._current.rename(trial_log(self._logs, task.trial, task.attempt))
        fresh = os.open(self._current, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(fresh, 1)
        os.dup2(fresh, 2)
        os.close(fresh)


@contextlib.contextmanager
def _channel(handle: int) -> Iterator[Channel[ToWorker]]:
    with socket.socket(fileno=handle) as stream:
        yield Channel(stream, ToWorker)


def _leave_it_to_the_driver(number: int, frame: FrameType | None) -> None:
    """Batch systems send SIGTERM to all processes of a job; the driver decides what it means.

    What the signal breaks in a trial must not be told before the driver has had its own.
    """
    _told_to_end.append(number)


def main() -> None:
    """Entry point: the socket's number is the only argument."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_it_to_the_driver)
    with _channel(int(sys.argv[1])) as channel:
        work(channel)


if __name__ == "__main__":
    main()

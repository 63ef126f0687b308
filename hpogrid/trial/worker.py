"""A worker process: loads the objective once and evaluates one trial after another.

Started as ``main FD``; FD is a socket to the driver.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from hpogrid.trial import session
from hpogrid.trial.checkpoints import saving
from hpogrid.trial.errors import UserError, first_line, printable
from hpogrid.trial.folders import Folders
from hpogrid.trial.guard import PR_SET_CHILD_SUBREAPER, children, prctl
from hpogrid.trial.lifeline import is_zombie
from hpogrid.trial.messages import (
    Broken,
    Channel,
    Done,
    Evaluate,
    Line,
    Model,
    Ready,
    ReportMade,
    Setup,
    Verdict,
)
from hpogrid.trial.objective import Objective, make_objective, user_traceback
from hpogrid.trial.raytune import load_ray, ray_session
from hpogrid.trial.seeding import seed_everything
from hpogrid.trial.session import VERDICT
from hpogrid.trial.surroundings import look
from hpogrid.trial.tidy import Tidy

END = signal.SIGRTMAX
"""The signal by which the driver ends a trial: what is below it gets SIGTERM from us."""

_told_to_end: list[int] = []
_PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.05


class WorkerSession:
    """The session of a trial that runs in a worker.

    Threads that an earlier trial left behind may not report: it would be for another trial.

    Attributes:
        last: the report with which the objective has ended; nothing is decided upon it.
    """

    def __init__(self, line: Line, task: Evaluate) -> None:
        self._line = line
        self._task = task
        self._step = task.from_step
        self._lock = threading.Lock()
        self.last: dict[str, Any] = {}
        here = threading.current_thread()
        self._late = {thread for thread in threading.enumerate() if thread is not here}
        self.config = task.config
        self.trial_id = task.trial
        self.seed = task.seed
        self.filled = task.filled
        self.absent = tuple(task.absent)

    @property
    def folder(self) -> Path:
        """The trial's own."""
        return Path(self._task.folder)

    @property
    def restore(self) -> Path | None:
        """The checkpoint to go on from, if there is one."""
        return Path(self._task.restore) if self._task.restore else None

    def report(self, metrics: dict[str, Any]) -> None:
        """Pass metrics to the driver and do as it says.

        Raises:
            RuntimeError: the thread is of an earlier trial.
        """
        if threading.current_thread() in self._late:
            raise RuntimeError(
                "a thread that began before this trial cannot report for it; "
                "let each trial start its own"
            )
        if VERDICT in metrics:
            self.last = metrics
            raise session.StopTrial(complete=True)
        with self._lock:
            self._step += 1
            self._line.send(ReportMade(self.trial_id, self._task.attempt, metrics))
            answer = self._line.receive()
        decision = answer.decision if isinstance(answer, Verdict) else "stop"
        if decision != "continue":
            raise session.StopTrial(complete=decision == "complete")

    def checkpoint(self) -> contextlib.AbstractContextManager[Path]:
        """A folder for the state that belongs to the next report."""
        return saving(self.folder, self._step + 1)


class _NoTrial:
    """The session between two trials: whoever reports now is late."""

    config: dict[str, Any] = {}
    trial_id = ""
    seed = 0
    folder = Path()
    restore = None
    filled = None
    absent: tuple[str, ...] = ()

    def report(self, metrics: dict[str, Any]) -> None:
        raise RuntimeError("the trial that started this thread has ended: its report is refused")

    def checkpoint(self) -> contextlib.AbstractContextManager[Path]:
        raise RuntimeError("the trial that started this thread has ended")


def work(channel: Channel) -> None:
    """Serve the driver until it closes the channel."""
    setup = channel.receive()
    if not isinstance(setup, Setup):
        return
    scripts, model = Path(setup.scripts), Model(**setup.model)
    load_ray(scripts, model.script if model.model else None)
    folders = Folders(scripts, Path(setup.spare) / str(setup.slot))
    try:
        objective = make_objective(folders.here, model, setup.metrics, setup.grace, setup.resource)
    except UserError as error:
        channel.send(Broken(folders.named(str(error))))
        return
    log = TrialLog(Path(setup.logs), setup.slot)
    place = Place(folders, model)
    before, threads = set(children()), set(threading.enumerate())
    channel.send(Ready(look(scripts)._asdict() if setup.looks else {}))
    while isinstance(task := channel.receive(), Evaluate):
        log.open(task)
        done = evaluate(objective, task, channel, place)
        done.last = bool(left_processes(before)) or place.spoilt or computes_on(threads)
        if done.failure is not None and _told_to_end:
            time.sleep(_PATIENCE_SECONDS)
        log.close()
        tell(channel, done)
        if END in _told_to_end or done.last:
            return


def tell(channel: Channel, done: Done) -> None:
    """Say that a trial has ended; what it returned may be too large for that."""
    try:
        channel.send(done)
    except ValueError as error:
        done.metrics, done.failure = {}, f"ValueError: {error}"
        say(done.failure)
        channel.send(done)


def left_processes(before: set[int]) -> set[int]:
    """The processes that were not there ``before`` the first trial.

    Helpers of multiprocessing that end with this process, and zombies, do not count.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()
    known = set(before)
    for module, helper, number in _HELPERS:
        if module in sys.modules:
            known.add(getattr(getattr(sys.modules[module], helper), number))
    return {pid for pid in set(children()) - known if not is_zombie(pid)}


def computes_on(known: set[threading.Thread]) -> bool:
    """Whether threads that the last trial left behind go on computing, which the next one pays.

    Args:
        known: the threads that were there before; those that only wait are added.
    """
    left = [thread for thread in threading.enumerate() if thread not in known]
    if not left:
        return False
    known.update(left)
    before = sum(map(_computed, left))
    time.sleep(_LOOK_SECONDS)
    return sum(map(_computed, left)) - before > _LOOK_SECONDS / 10


def _computed(thread: threading.Thread) -> float:
    """The seconds that a thread had a core, as far as the system tells."""
    with contextlib.suppress(OSError, ValueError):
        text = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0.0


_HELPERS = (
    ("multiprocessing.resource_tracker", "_resource_tracker", "_pid"),
    ("multiprocessing.forkserver", "_forkserver", "_forkserver_pid"),
)


class Place:
    """Where the trials of a worker run: each in its folder, in the same state of the process.

    Args:
        folders: makes them.
        model: what is evaluated.
    """

    def __init__(self, folders: Folders, model: Model) -> None:
        self._folders = folders
        self._tidy = Tidy([str(folders.here / (model.script or ""))])

    @property
    def spoilt(self) -> bool:
        """Whether no further trial can find it as this one did."""
        return self._tidy.spoilt

    @contextlib.contextmanager
    def of(self, task: Evaluate) -> Iterator[None]:
        """Be where a trial runs."""
        try:
            with self._folders.working_in(task.folder):
                yield
        finally:
            self._tidy.restore()

    def traceback(self, error: BaseException) -> str:
        """What is told of an error in the scripts."""
        return self._folders.named(printable(user_traceback(error, self._folders.here)))


def evaluate(objective: Objective, task: Evaluate, line: Line, place: Place) -> Done:
    """Run one trial; what the user's code raises is the trial's failure, not the worker's.

    A process that the trial has forked, and that comes back from the objective, ends here.
    """
    pid = os.getpid()
    current = WorkerSession(line, task)
    done = Done(task.trial, task.attempt)
    session.set_current(current)
    seed_everything(task.seed)
    try:
        with place.of(task):
            try:
                with ray_session(current):
                    objective.run(dict(task.config), current)
            except session.StopTrial:
                pass
            except BaseException as error:  # also asyncio's, and panics of libraries
                done.failure = first_line(error)
                with contextlib.suppress(Exception):
                    done.details = place.traceback(error)
                say(done.details or done.failure)
            finally:
                if os.getpid() != pid:
                    flush()
                    os._exit(0 if done.failure is None else 1)
    except session.StopTrial:
        pass
    except OSError as error:  # its folder
        done.failure = done.failure or f"its folder: {error}"
    finally:
        session.set_current(_NoTrial())
    done.metrics = current.last
    return done


def say(text: str) -> None:
    """Write to the log, if that is possible: the disk may be full, the stream closed."""
    with contextlib.suppress(Exception):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def flush() -> None:
    """Write out what is buffered, if that is possible."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def worker_log(logs: Path, slot: int) -> Path:
    """Where a worker's output goes while it has no trial."""
    return logs / f".worker-{slot}.log"


def trial_log(logs: Path, trial: str, attempt: int) -> Path:
    """Where the output of a trial goes."""
    return logs / log_name(trial, attempt)


def log_name(trial: str, attempt: int) -> str:
    """The name of the file with the output of a trial."""
    return f"{trial}.log" if attempt == 1 else f"{trial}.{attempt}.log"


class TrialLog:
    """Gives each trial that writes to stdout or stderr a file of its own.

    The file that the worker writes to gets the trial's name while that runs, and goes on to the
    next trial if nothing was written.
    """

    def __init__(self, logs: Path, slot: int) -> None:
        self._logs = str(logs)
        self._spare = str(worker_log(logs, slot))
        self._current = self._spare

    def open(self, task: Evaluate) -> None:
        """Let the trial's log begin."""
        log = f"{self._logs}/{log_name(task.trial, task.attempt)}"
        with contextlib.suppress(OSError):
            os.rename(self._spare, log)
            self._current = log

    def close(self) -> None:
        """Keep what was written as the trial's log, and begin a new one."""
        flush()
        try:
            written = os.fstat(1).st_size
        except OSError:  # the script has closed its output
            written = 1
        if written:
            self._renew()
        else:
            with contextlib.suppress(OSError):
                os.rename(self._current, self._spare)

    def _renew(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._spare)
        with contextlib.suppress(OSError):
            fresh = os.open(self._spare, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.dup2(fresh, 1)
            os.dup2(fresh, 2)
            os.close(fresh)


def _leave_it_to_the_driver(number: int, frame: FrameType | None) -> None:
    """Batch systems send SIGTERM to all processes of a job; the driver decides what it means.

    What the signal breaks in a trial must not be told before the driver has had its own.
    """
    _told_to_end.append(number)


def _end(number: int, frame: FrameType | None) -> None:
    """Let the trial clean up, and end."""
    _told_to_end.append(number)
    raise session.StopTrial


def main() -> None:
    """Entry point: the socket's number is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_it_to_the_driver)
    signal.signal(END, _end)
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # so that what a trial leaves is seen
    with (
        contextlib.suppress(session.StopTrial),
        socket.socket(fileno=int(sys.argv.pop())) as stream,
    ):
        work(Channel(stream))

"""Running the steps of a preparation (`hpogrid.config.prep`), each once, whichever jobs need it.

Everything is in one folder, which all jobs of a task share where they share a disk::

    work/                      where the commands run: scripts, input data, and what is prepared
    steps/1-0a1b2c3d4e5f/      one step
        000.claim              who does it: a worker, until it is gone; then 001.claim, ...
        000.log                what the command printed
        outcome.json           that it is done, or why it failed

Who makes the next claim does the step: a claim is a file made complete and exclusively in one step,
which works on NFS. No lock is held. A worker that is killed leaves no outcome, and its claim is
taken over: at once where one can see that its process has gone, else when it was silent for long.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import NamedTuple

import msgspec

from hpogrid.config.prep import Step, steps
from hpogrid.engine.messages import PrepSetup
from hpogrid.errors import UserError
from hpogrid.files import copy_files, read_record, write_atomic, write_new
from hpogrid.identity import Identity, this_process
from hpogrid.space.value import Value
from hpogrid.study.exchange import LEASE_SECONDS
from hpogrid.trial.command import parameter_variables
from hpogrid.trial.lifeline import CommandFailed, how_it_ended, kill_marked, program
from hpogrid.trial.placeholders import fill, hpm_text, runnable
from hpogrid.trial.session import PREP

WORK, STEPS = "work", "steps"
OUTCOME = "outcome.json"
_MARK = "HPOGRID_PREP_STEP"
"""The environment variable by which what a killed step has left running is known."""

_ATTEMPTS = 3
"""A step whose command is killed by a signal is tried so often in all."""

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 1.0
_BEATS = 6


class Cancelled(Exception):
    """The job is to end."""


class StepEnd(msgspec.Struct, frozen=True):
    """How a step ended; ``reason`` is why it failed, or None."""

    reason: str | None
    title: str
    host: str
    seconds: float


def make_workplace(folder: Path, scripts: Mapping[str, Path], beside: Path) -> None:
    """Make the folder in which commands run, with the scripts and the data of a job beside them.

    Args:
        folder: of the preparation.
        scripts: by their relative names.
        beside: the working directory of a job.
    """
    work = folder / WORK
    if work.exists():
        return
    draft = folder / f".{WORK}-{uuid.uuid4().hex}"
    copy_files(scripts, draft)
    for item in beside.iterdir():
        target = item.readlink() if item.is_symlink() else item.absolute()
        if not os.path.lexists(draft / item.name):
            (draft / item.name).symlink_to(target)
    try:
        draft.rename(work)
    except OSError:  # another job was faster
        shutil.rmtree(draft)


class Preparation:
    """Does, or waits for, what the trials of a worker need.

    Args:
        setup: the stages, and where.
        scripts: the working directory of the trials.
        cancelled: whether the job is to end; what fails then has not failed by itself.
        lease: seconds after which a holder that gave no sign of life has gone.
    """

    def __init__(
        self,
        setup: PrepSetup,
        scripts: Path,
        cancelled: Event | None = None,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._setup = setup
        self._scripts = scripts
        self._cancelled = cancelled or Event()
        self._lease = lease
        self._done: set[str] = set()
        self.work = Path(setup.folder) / WORK

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which trials find what was prepared."""
        return {PREP: str(self.work)}

    def prepare(self, applied: Mapping[str, Value]) -> str | None:
        """See that everything that a trial needs is there; return why it cannot be, or None.

        Raises:
            Cancelled: the job is to end.
        """
        for step in steps(self._setup.stages, applied, self._setup.fixed):
            if step.name in self._done:
                continue
            outcome = self._outcome(step)
            if outcome.reason is not None:
                return f"{step.title} failed: {outcome.reason}"
            self._done.add(step.name)
            link_added(self.work, self._scripts)
        return None

    def _outcome(self, step: Step) -> StepEnd:
        folder = Path(self._setup.folder) / STEPS / step.name
        watch = _Watch(folder, self._lease)
        while (outcome := read_outcome(folder)) is None:
            claim = watch.take()
            if claim is None:
                if self._cancelled.wait(_POLL_SECONDS):
                    raise Cancelled
                continue
            outcome = self._do(step, folder, claim)
            if watch.newest() == claim:
                write_atomic(folder / OUTCOME, msgspec.json.encode(outcome) + b"\n")
        return outcome

    def _do(self, step: Step, folder: Path, claim: Path) -> StepEnd:
        began = time.monotonic()
        kill_marked([f"{_MARK}={folder}"])
        log = claim.with_suffix(".log")
        for attempt in range(_ATTEMPTS):
            reason, killed = self._run(step, folder, claim, log)
            if not killed or attempt == _ATTEMPTS - 1:
                break
        if reason is not None and self._cancelled.wait(_PATIENCE_SECONDS):
            raise Cancelled  # a batch system tells all processes of a job to end
        seconds = time.monotonic() - began
        return StepEnd(reason, step.title, socket.gethostname(), round(seconds, 3))

    def _run(self, step: Step, folder: Path, claim: Path, log: Path) -> tuple[str | None, bool]:
        """Run the command: why it failed, if it did, and whether a signal ended it."""
        files = {"json": folder / "config.json", "hpm": folder / "config.hpm", "prep": self.work}
        write_atomic(files["json"], json.dumps(dict(step.values), indent=2).encode())
        write_atomic(files["hpm"], hpm_text(step.values).encode())
        words = runnable(fill(list(step.words), step.values, files), self.work)
        environment = {
            **os.environ,
            **parameter_variables(step.values),
            "HPOGRID_CONFIG": str(files["json"]),
            _MARK: str(folder),
        }
        try:
            with (
                log.open("ab") as output,
                program(words, environment, output, self.work) as running,
            ):
                code = self._wait(running.process, claim)
        except CommandFailed as error:
            return str(error), False
        if code == 0:
            return None, False
        text = log.read_text(errors="replace").splitlines()
        return how_it_ended(code, text), code < 0 or code > 128

    def _wait(self, process: subprocess.Popen[bytes], claim: Path) -> int:
        """Wait for the end of a command, and give signs of life."""
        beaten = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL_SECONDS)
            if self._cancelled.is_set():
                raise Cancelled
            if time.monotonic() - beaten > self._lease / _BEATS:
                os.utime(claim)
                beaten = time.monotonic()


class Prepared(NamedTuple):
    """How the preparation of a trial went."""

    trial: str
    failure: str | None
    seconds: float


class Preparing:
    """Prepares in threads, so that the engine need not wait.

    Args:
        setup, scripts: see `Preparation`.
        count: for how many trials at once.

    Attributes:
        line: becomes readable when there is something `done`.
    """

    def __init__(self, setup: PrepSetup, scripts: Path, count: int) -> None:
        self._cancelled = Event()
        self._preparation = Preparation(setup, scripts, self._cancelled)
        self._pool = ThreadPoolExecutor(count)
        self._done: queue.SimpleQueue[Prepared] = queue.SimpleQueue()
        self.line, self._bell = socket.socketpair()
        self.environment = self._preparation.environment

    def begin(self, trial: str, applied: Mapping[str, Value]) -> None:
        """Begin to prepare for a trial."""
        self._pool.submit(self._prepare, trial, applied)

    def done(self) -> Iterator[Prepared]:
        """What has been prepared since the last call."""
        while not self._done.empty():
            self.line.recv(1)
            yield self._done.get()

    def close(self) -> None:
        """End what is being prepared."""
        self._cancelled.set()
        self._pool.shutdown(cancel_futures=True)
        self.line.close()
        self._bell.close()

    def _prepare(self, trial: str, applied: Mapping[str, Value]) -> None:
        began = time.monotonic()
        try:
            failure = self._preparation.prepare(applied)
        except Cancelled:
            return
        except (UserError, OSError) as error:
            failure = f"it could not be prepared: {error}"
        self._done.put(Prepared(trial, failure, time.monotonic() - began))
        self._bell.send(b".")


# --- claims --------------------------------------------------------------------------------


class _Watch:
    """Claims of one step, and how long by this machine's own clock each has been silent."""

    def __init__(self, folder: Path, lease: float) -> None:
        self._folder = folder
        self._lease = lease
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def newest(self) -> Path | None:
        """The claim that counts."""
        return max(self._folder.glob("*.claim"), default=None)

    def take(self) -> Path | None:
        """Claim the step, unless somebody who lives has it."""
        newest = self.newest()
        number = 0 if newest is None else int(newest.stem) + 1
        if newest is not None and self._lives(newest):
            return None
        path = self._folder / f"{number:03d}.claim"
        return path if write_new(path, msgspec.json.encode(this_process())) else None

    def _lives(self, claim: Path) -> bool:
        holder = read_record(claim, Identity)
        if holder is None:
            return False  # a file that a power cut left
        if holder.here:
            return holder.lives
        now, sign = time.monotonic(), (claim.name, claim.stat().st_mtime_ns)
        if sign != self._seen:
            self._seen, self._since = sign, now
        return now - self._since < self._lease


# --- what came of it -----------------------------------------------------------------------


def read_outcome(folder: Path) -> StepEnd | None:
    """How the step of a folder ended, or None."""
    return read_record(folder / OUTCOME, StepEnd)


def link_added(source: Path, target: Path) -> None:
    """Link what is in one folder and not in the other into it, also in folders of both."""
    for item in source.iterdir():
        there = target / item.name
        if not os.path.lexists(there):
            with contextlib.suppress(FileExistsError):
                there.symlink_to(item.absolute())
        elif item.is_dir() and there.is_dir() and not (item.is_symlink() or there.is_symlink()):
            link_added(item, there)


def prep_logs(folder: Path) -> Iterable[str]:
    """What became of each step, and what it printed, in the order of stages."""
    for place in sorted((folder / STEPS).glob("*")):
        outcome = read_outcome(place)
        if outcome is None:
            head = f"{place.name}: not done yet"
        else:
            state = "done" if outcome.reason is None else f"failed: {outcome.reason}"
            head = f"{outcome.title}: {state} ({outcome.seconds:.1f} s on {outcome.host})"
        logs = [path.read_text(errors="replace") for path in sorted(place.glob("*.log"))]
        yield f"--- {head}\n{''.join(logs)}".rstrip()

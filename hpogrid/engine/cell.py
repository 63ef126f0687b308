"""A cell, seen from outside: a worker with a process tree of its own, and the line to it.

Nothing here waits for a worker, whatever that does: what comes from it is taken in as it comes,
and what goes to it goes when it is read.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.engine.assignment import Assignment
from hpogrid.trial.lifeline import Program, describe_exit, kill_marked, meaningful_line
from hpogrid.trial.messages import MAX_BYTES, Garbled, Message, Setup, decode
from hpogrid.trial.session import CELL
from hpogrid.trial.worker import END, trial_log, worker_log

_BEGINNING = b'{"kind": '
"""What every message begins with."""

_CHUNK = 1 << 16
_AT_ONCE = 16
"""Chunks of one worker that are taken in before the others have their turn."""

_PATIENCE = 5.0
"""Seconds beyond the grace until a cell that does not end is taken for one that cannot."""

START = (
    "import gc, sys; gc.disable(); sys.path[:] = filter(None, sys.path); "
    "from hpogrid.trial.worker import main; gc.freeze(); gc.enable(); main()"
)
"""What a worker's Python is given: what lies in its folder hides no library.

Nobody looks for rubbish among what is imported here: that is a seventh of the time.
"""


_COMPLAINT = re.compile("error|exception|fatal|panic|abort|terminat|assert", re.IGNORECASE)


class Wire:
    """Messages over a socket that never blocks."""

    def __init__(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        self.socket = stream
        self.open = True
        self._in = bytearray()
        self._seen = 0
        self._out = bytearray()

    def send(self, message: Message) -> None:
        """Send a message, or what there is room for, and the rest with `flush`."""
        self._out += message.encode()
        self.flush()

    @property
    def waiting(self) -> bool:
        """Whether there is something that has not been sent yet."""
        return bool(self._out) and self.open

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        while self.waiting:
            try:
                del self._out[: self.socket.send(self._out[:_CHUNK])]
            except BlockingIOError:
                return
            except OSError:
                self.open = False

    def receive(self) -> Iterator[Message]:
        """The messages that are here.

        Raises:
            Garbled: what came is none, or too large.
        """
        for _ in range(_AT_ONCE):
            try:
                data = self.socket.recv(_CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.open = False
                return
            self._in += data
            yield from self._lines()
            if len(self._in) > MAX_BYTES:
                raise Garbled(f"a message of more than {MAX_BYTES // 10**6} MB")
            if len(data) < _CHUNK:
                return

    def _lines(self) -> Iterator[Message]:
        while (end := self._in.find(b"\n", self._seen)) >= 0:
            if end + 1 == len(self._in):  # nothing is copied: it may be large
                line, self._in = self._in, bytearray()
            else:
                line = self._in[:end]
                del self._in[: end + 1]
            self._seen = 0
            if (message := _message(line)) is not None:
                yield message
        self._seen = len(self._in)


def _message(line: bytearray) -> Message | None:
    """The message of a line, before which something else may stand; None: it is none at all.

    Raises:
        Garbled: it was one.
    """
    start = line.find(_BEGINNING)
    if start < 0:
        return None
    try:
        return decode(line[start:] if start else line, _load)
    except Garbled:
        return decode(line[line.rfind(_BEGINNING) :], _load)


def _load(line: bytes | bytearray) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


class Cell:
    """A worker process, and the trial that it evaluates.

    Args:
        setup: what the worker is told first.
        python: its Python.
        environment: what is added to ours.
        mark: of its processes.

    Attributes:
        assignment: its trial.
        ready: the objective is loaded.
        since: when the trial began.
        why: the reason why it was ended, if it was.
        lost: it ended by itself.
        silent: its guard has let go of `line`.
    """

    def __init__(
        self, setup: Setup, python: str, environment: Mapping[str, str], mark: str
    ) -> None:
        self.slot = setup.slot
        self.assignment: Assignment | None = None
        self.ready = False
        self.since: float | None = None
        self.why: str | None = None
        self.lost = False
        self.silent = False
        self._logs = Path(setup.logs)
        self._mark = mark
        self._grace = setup.grace
        self._deadline: float | None = None
        ours, theirs = socket.socketpair()
        log = worker_log(self._logs, setup.slot)
        with theirs, log.open("wb", buffering=0) as output:
            self._program = Program(
                [python, "-c", START, str(theirs.fileno())],
                {**os.environ, **environment, CELL: mark, "PYTHONUNBUFFERED": "1"},
                output,
                Path(setup.scripts),
                number=END,
                grace=setup.grace + 1,
                handles=[theirs.fileno()],
            )
        self.wire = Wire(ours)
        self.line = self._program.line
        self.wire.send(setup)

    @property
    def ending(self) -> bool:
        """Whether it has been told to end."""
        return self._deadline is not None

    def end(self, why: str | None = None) -> None:
        """Have it end; it is over when it is `gone`."""
        if self._deadline is None:
            self.why = why
            self._deadline = time.monotonic() + self._grace + _PATIENCE
            self._program.end()

    def gone(self) -> bool:
        """Whether no process of it is left; one that does not end in time is killed from here."""
        if not (self.ending or self.silent):
            return False
        if self._program.process.poll() is not None:
            if self._program.process.returncode == -9:  # the guard itself
                kill_marked([f"{CELL}={self._mark}"])
            return True
        if self._deadline is not None and time.monotonic() > self._deadline:
            self._program.process.kill()
            self._program.process.wait()
            kill_marked([f"{CELL}={self._mark}"])
            return True
        return False

    def close(self) -> str:
        """Let go of it; return how the worker process ended, in words."""
        for stream in (self.wire.socket, self.line):
            stream.close()
        how = describe_exit(self._program.process.returncode)
        said = meaningful_line(self.output)
        return f"{how}: {said}" if self.assignment and _COMPLAINT.search(said) else how

    @property
    def output(self) -> list[str]:
        """The last lines of what its worker wrote last."""
        path = worker_log(self._logs, self.slot)
        if self.assignment is not None:
            log = trial_log(self._logs, self.assignment.trial, self.assignment.attempt)
            path = log if log.exists() else path
        with contextlib.suppress(OSError), path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - (1 << 16)))
            return stream.read().decode(errors="replace").splitlines()[-20:]
        return []

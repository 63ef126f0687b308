"""The ledger: an append-only file of events with one writer and any number of readers.

It needs neither a database nor a lock to be read, and works on NFS and in a tarball. A torn
last line, as a killed writer leaves it, is not an event; a damaged line is counted and skipped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from hpogrid.errors import RunError
from hpogrid.files import make_folder
from hpogrid.study.events import Closed, Event, Opened

SUFFIX = ".jsonl"
_SYNC_SECONDS = 1.0
_TAIL_BYTES = 1 << 12
_BLOCK_BYTES = 1 << 16
_BEGINNING = b'{"event":'
_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()
_NO_EVENT = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a decoder makes of a damaged line: cut, of another type, nested a thousand deep."""


def ledger_name(job: int, attempt: int) -> str:
    """The file of one attempt of one job: sorted by name they are in order of time."""
    return f"job-{job:04d}.{attempt:03d}{SUFFIX}"


def ledger_pattern(job: int) -> str:
    """What the names of all ledger files of a job match, and no others."""
    return f"{ledger_name(job, 0).split('.')[0]}.*{SUFFIX}"


def ledger_attempts(folder: Path, job: int) -> list[int]:
    """The attempts of a job that have a ledger file, in order."""
    parts = (path.name.split(".")[1] for path in folder.glob(ledger_pattern(job)))
    return sorted(int(part) for part in parts if part.isdecimal())


class LedgerWriter:
    """The one writer of a ledger file. A killed process loses nothing that was written.

    Args:
        path: a new file; the name tells job and attempt (`ledger_name`).

    Raises:
        RunError: another process writes it, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            make_folder(path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o666)
        except FileExistsError as error:
            raise RunError(f"{path} is there already: another driver writes this ledger") from error
        except OSError as error:
            raise RunError(f"cannot write the ledger {path}: {error.strerror}") from error
        _try_lock(self._file)
        found = os.fstat(self._file)
        self._name = str(path)
        self._identity = found.st_dev, found.st_ino
        self._size = 0
        self._synced = time.monotonic()

    def write(self, *events: Event) -> None:
        """Append events: all of them, or, where the disk is full, none.

        Raises:
            RunError: the disk is full or has gone.
        """
        self.check()
        data = _encoder.encode_lines(events)
        try:
            written = os.write(self._file, data)
            while written < len(data):  # the next attempt tells why that was not all
                written += os.write(self._file, data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):  # a torn line: readers know what to do with it
                os.ftruncate(self._file, self._size)
            raise self._refused(error) from error
        self._size += len(data)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def check(self) -> None:
        """See that the ledger is still where others find it.

        Raises:
            RunError: it was removed or replaced: whatever is written is lost.
        """
        try:
            found = os.stat(self._name)
            there = (found.st_dev, found.st_ino) == self._identity
        except (FileNotFoundError, NotADirectoryError):
            there = False
        except OSError as error:
            raise self._refused(error) from error
        if not there:
            raise RunError(
                f"the ledger {self.path} was removed or replaced while the job ran: the job ends, "
                "because nothing of what it finds would be kept"
            )

    def sync(self) -> None:
        """Hand what was written to the disk, so that other machines see it on NFS.

        Raises:
            RunError: the disk does not take it.
        """
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._refused(error) from error
        self._synced = time.monotonic()

    def close(self) -> None:
        """Write everything out and let go of the file; once.

        Raises:
            RunError: the disk does not take it.
        """
        if self._file < 0:
            return
        handle, self._file = self._file, -1
        try:
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> RunError:
        return RunError(f"cannot write the ledger {self.path}: {error.strerror or error}")

    def discard(self) -> None:
        """Delete the file: nothing was to be written."""
        self.path.unlink()
        os.close(self._file)


class LedgerReader:
    """Reads a ledger file as it grows.

    Attributes:
        damaged: how many whole lines were not events, or had other bytes before the event.
        torn: whether the file ended, at the last look, in an unfinished line.
        unreadable: why the file could not be read at the last look, if so.
        offset: how many bytes were read.
        limit: nothing after so many bytes is read; None: all is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self.torn = False
        self.unreadable: str | None = None
        self.offset = 0
        self.limit: int | None = None

    def read(self) -> Iterator[Event]:
        """The events that were appended since the last call, each as it is asked for."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                data = stream.read(-1 if self.limit is None else max(0, self.limit - self.offset))
        except FileNotFoundError:
            return
        except OSError as error:
            self.unreadable = (error.strerror or str(error)).lower()
            return
        self.unreadable = None
        end = data.rfind(b"\n") + 1
        self.offset += end
        self.torn = end < len(data)
        for block in _blocks(data[:end]):
            yield from self._decoded(block)

    def _decoded(self, block: bytes) -> list[Event]:
        with contextlib.suppress(*_NO_EVENT):
            found = _decoder.decode_lines(block)
            if len(found) == block.count(b"\n"):
                return found
        events: list[Event] = []
        for line in block.splitlines():
            try:
                events.append(_decoder.decode(line))
            except _NO_EVENT:
                self.damaged += 1
                events += _salvaged(line)
        return events

    def opening(self) -> Opened | None:
        """The first line, if it is written and whole."""
        with contextlib.suppress(OSError), self.path.open("rb") as stream:
            return _opened(stream.readline())
        return None


def _blocks(data: bytes) -> Iterator[bytes]:
    """Some whole lines at a time: what is decoded at once stays in the caches of a processor."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + _BLOCK_BYTES) + 1 or len(data)
        yield data[start:end]
        start = end


def _salvaged(line: bytes) -> list[Event]:
    """The event at the end of a line that begins with something else, such as a torn write."""
    start = line.rfind(_BEGINNING)
    if start > 0:
        with contextlib.suppress(*_NO_EVENT):
            return [_decoder.decode(line[start:])]
    return []


def _opened(line: bytes) -> Opened | None:
    with contextlib.suppress(*_NO_EVENT):
        event = _decoder.decode(line)
        return event if isinstance(event, Opened) else None
    return None


def was_closed(path: Path) -> bool:
    """Whether the last line of a ledger says that its writer came to its end."""
    with contextlib.suppress(OSError, *_NO_EVENT), path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - _TAIL_BYTES))
        line = stream.read().rstrip(b"\n").rpartition(b"\n")[2]
        return isinstance(_decoder.decode(line), Closed)
    return False


def being_written(path: Path) -> bool:
    """Whether a living process on this machine (or, where NFS carries locks, any) writes it."""
    return lock_of(path) == "held"


def lock_of(path: Path) -> Literal["held", "free", "none"]:
    """Whether somebody holds the lock of a file; ``none``: there is no file, or it has no locks."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return "none"
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "held"
    except OSError:
        return "none"
    finally:
        os.close(handle)
    return "free"


def _try_lock(handle: int) -> None:
    """Mark the file as being written; file systems without locks do without the mark."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            raise RunError("another driver writes this ledger") from error

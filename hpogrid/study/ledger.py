"""The ledger: an append-only file of events with one writer and any number of readers.

It needs neither a database nor a lock to be read, and works on NFS and in a tarball. A torn
last line, as a killed writer leaves it, is not an event; a damaged line is counted and skipped.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

import msgspec

from hpogrid.errors import RunError
from hpogrid.files import make_folder
from hpogrid.study.events import Event

SUFFIX = ".jsonl"
_SYNC_SECONDS = 1.0
_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def ledger_name(job: int, attempt: int) -> str:
    """The file of one attempt of one job: sorted by name they are in order of time."""
    return f"job-{job:04d}.{attempt:03d}{SUFFIX}"


def ledger_attempts(folder: Path, job: int) -> list[int]:
    """The attempts of a job that have a ledger file, in order."""
    stem = ledger_name(job, 0).split(".")[0]
    parts = (path.name.split(".")[1] for path in folder.glob(f"{stem}.*{SUFFIX}"))
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
        self._size = 0
        self._synced = time.monotonic()

    def write(self, *events: Event) -> None:
        """Append events: all of them, or, where the disk is full, none.

        Raises:
            RunError: the disk is full or has gone.
        """
        data = b"".join(_encoder.encode(event) + b"\n" for event in events)
        try:
            written = os.write(self._file, data)
            while written < len(data):  # the next attempt tells why that was not all
                written += os.write(self._file, data[written:])
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise RunError(f"cannot write the ledger {self.path}: {error.strerror}") from error
        self._size += len(data)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Hand what was written to the disk, so that other machines see it on NFS."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Write everything out and let go of the file."""
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def discard(self) -> None:
        """Delete the file: nothing was to be written."""
        self.path.unlink()
        os.close(self._file)


class LedgerReader:
    """Reads a ledger file as it grows.

    Attributes:
        damaged: how many whole lines were not events.
        torn: whether the file ended, at the last look, in an unfinished line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self.torn = False
        self._offset = 0

    def read(self) -> list[Event]:
        """The events that were appended since the last call."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        self.torn = end < len(data)
        events: list[Event] = []
        for line in data[:end].splitlines():
            try:
                events.append(_decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.damaged += 1
        return events


def being_written(path: Path) -> bool:
    """Whether a living process on this machine (or, where NFS carries locks, any) writes it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _try_lock(handle: int) -> None:
    """Mark the file as being written; file systems without locks do without the mark."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            raise RunError("another driver writes this ledger") from error

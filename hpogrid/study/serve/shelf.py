"""The files of one task at the server: ledgers, claims and opened shares.

The disk is the truth, also where jobs of this machine or a second server write there too; what
is kept in memory is only what happened since the last look, and when.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hpogrid.files import explained, make_folder, write_new
from hpogrid.study.claims import Claim, make_claim, read_claim, read_claims
from hpogrid.study.exchange import LEASE_SECONDS
from hpogrid.study.ledger import ledger_attempts, ledger_name, was_closed
from hpogrid.study.serve.calls import (
    LEDGER_PATTERN,
    Changes,
    Claimed,
    Claims,
    File,
    Listing,
    Part,
    share_of,
)

_LOOK_SECONDS = 0.25
_KEPT_BYTES = 8 * 2**20
_KEPT_PARTS = 20_000
_PART_BYTES = 2**20
_LEDGER = re.compile(LEDGER_PATTERN)
_OPENED = "opened-"

Taken = Literal["yours", "taken", "held"]


class Conflict(Exception):
    """Bytes do not follow the ones that are there; ``size`` is how many these are."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the ledger has {size} bytes")
        self.size = size


class UnknownLedger(Exception):
    """There is no such ledger."""


class UnknownCursor(Exception):
    """A cursor is another server's, or too old."""


@dataclass
class _Seen:
    """A ledger at the last look; ``changed`` is by the steady clock."""

    size: int
    time: int
    changed: float


class Shelf:
    """What the server does with the files of one task.

    Args:
        folder: of the ledgers.
        n_jobs: among which a finite space is dealt out.
        lease: a job whose ledgers do not change for so many seconds is taken to be dead.
        clock: a steady one.
    """

    def __init__(
        self,
        folder: Path,
        n_jobs: int,
        lease: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._claims = folder / "claims"
        self._n_jobs = n_jobs
        self._lease = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._claiming = threading.Lock()  # not the same: others look while a disk is slow
        self._era = secrets.token_hex(8)
        self._parts: deque[Part] = deque()
        self._kept = 0
        self._first = 0  # the number of the oldest part that is kept
        self._seen: dict[str, _Seen] = {}
        self._looked = -1.0
        self._wanted: set[int] = set()

    # --- ledgers -----------------------------------------------------------------------------

    def listing(self) -> Listing:
        """The ledgers as they are now."""
        with self._lock:
            self._look()
            now = self._clock()
            ledgers = {
                name: File(seen.size, now - seen.changed) for name, seen in self._seen.items()
            }
            return Listing(self._cursor(self._first + len(self._parts)), ledgers)

    def read(self, name: str, start: int) -> bytes:
        """The bytes of a ledger from ``start`` on, at most some MB of them.

        Raises:
            UnknownLedger: there is no such ledger.
        """
        try:
            with (self._folder / name).open("rb") as stream:
                stream.seek(start)
                return stream.read(_KEPT_BYTES)
        except FileNotFoundError as error:
            raise UnknownLedger(name) from error

    def append(self, name: str, at: int, data: bytes) -> int:
        """Append bytes, synced, or touch the ledger; return its size.

        Bytes that are there already, because a call is repeated, change nothing.

        Raises:
            Conflict: the ledger does not end at ``at``.
            UserError: the disk does not take it.
        """
        path = self._folder / name
        with explained(path):
            make_folder(self._folder)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            try:
                free = _lock(handle)
                size = os.fstat(handle).st_size
                if size > at and data and os.pread(handle, len(data), at) == data:
                    return size
                if size != at or (data and not free):
                    raise Conflict(size)
                if data:
                    _write_all(handle, data, size)
                os.utime(handle)
            finally:
                os.close(handle)
            return size + len(data)

    def changes(self, cursor: str, job: int | None) -> Changes:
        """What was written after a cursor.

        Raises:
            UnknownCursor: it is another server's, or too old.
        """
        era, _, number = cursor.partition(".")
        with self._lock:
            self._look(_LOOK_SECONDS)
            last = self._first + len(self._parts)
            if era != self._era or not re.fullmatch("[0-9]{1,16}", number):
                raise UnknownCursor(cursor)
            if not self._first <= int(number) <= last:
                raise UnknownCursor(cursor)
            start = int(number) - self._first
            parts = [self._parts[index] for index in range(start, len(self._parts))]
            return Changes(self._cursor(last), parts, wanted=job in self._wanted)

    def _cursor(self, number: int) -> str:
        return f"{self._era}.{number}"

    def _look(self, at_most: float = 0.0) -> None:
        """See what has changed on the disk, unless the last look is not older than that."""
        now = self._clock()
        if now - self._looked < at_most:
            return
        first, self._looked = self._looked < 0, now
        files = self._files()
        for gone in self._seen.keys() - {name for name, _, _ in files}:
            del self._seen[gone]
        for name, size, stamp in files:
            seen = self._seen.get(name)
            if seen is None:
                seen = self._seen[name] = _Seen(size if first else 0, stamp, now)
                if first or size == 0:
                    continue
            elif (seen.size, seen.time) == (size, stamp):
                continue
            self._note(name, seen.size, size)
            seen.size, seen.time, seen.changed = size, stamp, now

    def _files(self) -> list[tuple[str, int, int]]:
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if _LEDGER.match(entry.name) and entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        found.append((entry.name, status.st_size, status.st_mtime_ns))
        except FileNotFoundError:
            return []
        return found

    def _note(self, name: str, start: int, end: int) -> None:
        """Keep what was appended to a ledger, and of what was kept before only so much."""
        if start >= end:
            self._keep(Part(name, end, b""))
        with (self._folder / name).open("rb") as stream:
            stream.seek(start)
            while start < end and (data := stream.read(min(_PART_BYTES, end - start))):
                self._keep(Part(name, start, data))
                start += len(data)

    def _keep(self, part: Part) -> None:
        self._parts.append(part)
        self._kept += len(part.data)
        while self._kept > _KEPT_BYTES or len(self._parts) > _KEPT_PARTS:
            self._kept -= len(self._parts.popleft().data)
            self._first += 1

    # --- claims ------------------------------------------------------------------------------

    def claims(self) -> Claims:
        """The claims that stand, and whose shares are open."""
        with self._claiming:
            found = read_claims(self._claims)
            opened = (path.name.removeprefix(_OPENED) for path in self._claims.glob(f"{_OPENED}*"))
            return Claims(
                [Claimed(name, *item) for name, item in found.items()],
                sorted(int(job) for job in opened if job.isdecimal()),
            )

    def claim(self, name: str, generation: int, claim: Claim) -> Taken:
        """Make a claim, or find it made; what a living job holds is not given away.

        Raises:
            UserError: the disk does not take it.
        """
        with self._claiming:
            with self._lock:
                self._look()
            standing = read_claim(self._claims, name)
            if standing is not None and standing[1].job == claim.job:
                return "yours"
            following = 0 if standing is None else standing[0] + 1
            if generation < following:
                return "taken"
            holder = share_of(name, self._n_jobs) if standing is None else standing[1].job
            if holder is not None and holder != claim.job and self._holds(holder, standing):
                self._wanted.add(holder)
                return "held"
            made = make_claim(self._claims, name, following, claim)
            return "yours" if made else "taken"

    def open_share(self, job: int) -> None:
        """Let others take of what was a job's own share.

        Raises:
            UserError: the disk does not take it.
        """
        with self._claiming:
            write_new(self._claims / f"{_OPENED}{job}", b"")
            self._wanted.discard(job)

    def _holds(self, job: int, standing: tuple[int, Claim] | None) -> bool:
        """Whether a job may still evaluate what is its own, or what it has claimed."""
        attempts = ledger_attempts(self._folder, job)
        if not attempts:
            return False
        if standing is None and (self._claims / f"{_OPENED}{job}").exists():
            return False
        names = [ledger_name(job, attempt) for attempt in attempts]
        now = self._clock()  # that of a ledger which is newer than the last look
        changed = max(self._seen[name].changed if name in self._seen else now for name in names)
        return now - changed < self._lease and not was_closed(self._folder / names[-1])


def _lock(handle: int) -> bool:
    """Whether nobody else writes: a job of this very folder, or for a moment a second server."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks here
    return True


def _write_all(handle: int, data: bytes, size: int) -> None:
    """Append all of it to the disk, or nothing."""
    try:
        written = 0
        while written < len(data):
            written += os.write(handle, data[written:])
        os.fdatasync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise

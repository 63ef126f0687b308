"""Which driver of a job is the one: where locks can tell, and where they cannot.

On one machine the lock of the ledger tells whether its writer lives. On another machine, or on a
file system without locks, only its silence does: a driver touches its ledger every few seconds
(`BEAT_SECONDS`), so whoever wants to go on watches first (`QUIET_SECONDS`) and refuses if the
file changes meanwhile. A driver that was itself stopped for so long looks, before it writes on,
whether another one has gone on without it. What it may have written in that very moment is void,
because the first line of the new ledger says how much of the old one was read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from hpogrid.identity import boot_id
from hpogrid.study.exchange import Exchange
from hpogrid.study.ledger import LedgerReader, lock_of, was_closed

BEAT_SECONDS = 5.0
"""How often a driver shows that it lives."""

QUIET_SECONDS = 30.0
"""A driver that has not shown itself for so long while it was watched, is taken to be dead."""

LONG_AGO_SECONDS = 600.0
"""A ledger that has not changed for so long is not watched any more."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_time() -> float:
    """Seconds that also pass while the process, or the machine, is suspended."""
    return time.clock_gettime(_CLOCK)


def lives(path: Path, exchange: Exchange) -> bool:
    """Whether a ledger still has its writer; where only time can tell, wait for up to 30 s."""
    lock = lock_of(path)
    if lock == "held":
        return True
    opened = LedgerReader(path).opening()
    if opened is None or was_closed(path):
        return False  # one that has written nothing yet will see that it comes too late
    here = (opened.host, opened.boot) == (socket.gethostname(), boot_id())
    if here and lock == "free" and not exchange.is_copy(path):
        return False
    if exchange.age(path) > LONG_AGO_SECONDS:
        return False
    logging.getLogger(__name__).warning(
        "%s was written on %s and does not say that its job ended: watching it for %g s",
        path, opened.host, QUIET_SECONDS,
    )  # fmt: skip
    return _changes(path, exchange.look)


def _changes(path: Path, look: Callable[[], None]) -> bool:
    """Whether a file changes within `QUIET_SECONDS`."""
    before, end = _state(path), steady_time() + QUIET_SECONDS
    while (left := end - steady_time()) > 0:
        time.sleep(min(left, QUIET_SECONDS / 30))
        look()
        if _state(path) != before:
            return True
    return False


def _state(path: Path) -> tuple[int, int]:
    """Size and time of a file; opened, because then NFS asks the server."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        return status.st_size, status.st_mtime_ns
    return 0, 0

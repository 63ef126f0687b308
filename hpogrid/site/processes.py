"""Processes that outlive the terminal, known by the lock that they hold.

A lock file holds the identity of the process; that it is locked tells that the process lives.
The lock is taken before the process starts and handed to it, so there is no moment between.
Where the disk has no locks, the identity in the file has to do.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from hpogrid.files import read_record
from hpogrid.identity import Identity, boot_id, this_process

_PAUSE = 0.005


def take(path: Path, patience: float = 0.0) -> int | None:
    """Lock ``path`` and return the open file, or None if somebody holds it.

    Args:
        path: of the lock file, made if it is not there.
        patience: seconds to try; who asks whether it is `held` has the lock for a moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    deadline = time.monotonic() + patience
    while not _lock(handle, path):
        if time.monotonic() >= deadline:
            os.close(handle)
            return None
        time.sleep(_PAUSE)
    os.ftruncate(handle, 0)  # the number of an earlier holder
    return handle


def _lock(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return not _may_live(path)
    return True


def _may_live(path: Path) -> bool:
    """Whether the process that a lock file names may live; elsewhere it cannot be seen."""
    found = read_record(path, Identity)
    if found is None:
        return False
    rebooted = found.host == socket.gethostname() and not found.place.startswith(boot_id())
    return found.lives if found.here else not rebooted


def take_several(paths: Sequence[Path], count: int) -> list[int] | None:
    """Lock ``count`` of the paths, or none of them."""
    held: list[int] = []
    for path in paths:
        if len(held) == count:
            break
        handle = take(path)
        if handle is not None:
            held.append(handle)
    if len(held) == count:
        return held
    release(held)
    return None


def release(handles: Sequence[int]) -> None:
    """Let go of locks (of this process's copies)."""
    for handle in handles:
        os.close(handle)


def write_holder(handle: int) -> None:
    """Note in a lock file that its lock is this process's."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, msgspec.json.encode(this_process()), 0)


def held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return _may_live(path)
    finally:
        os.close(handle)
    return False


def holder(path: Path) -> Identity | None:
    """The living process that holds the lock, if it is written already."""
    return read_record(path, Identity) if held(path) else None


def start_detached(
    command: Sequence[str],
    *,
    locks: Sequence[int],
    stdout: Path,
    stderr: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own; it keeps the locks until it ends.

    It gets ``environment`` besides ours. Its identity is written to the locks before it runs:
    whoever starts it may be killed.
    """

    def write_itself() -> None:
        for lock in locks:
            write_holder(lock)

    with stdout.open("ab") as out, stderr.open("ab") as err:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **environment},
            pass_fds=list(locks),
            start_new_session=True,
            preexec_fn=write_itself,
        )

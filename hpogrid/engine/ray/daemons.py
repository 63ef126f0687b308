"""The processes and files that a Ray of our own has on this machine, found by its folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 107
_SOCKET = "/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
_PREFIX = "hpogrid-ray-"
_LOCK = "lock"
_LINES = 15


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for Ray's files; at the end nothing of it is left, neither files nor processes.

    Folders that killed drivers have left go as well.
    """
    parent = short_parent()
    for left in parent.glob(f"{_PREFIX}*"):
        _sweep_dead(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        sweep(folder)
        os.close(lock)


def short_parent() -> Path:
    """A folder below which the paths of Ray's sockets are not too long.

    A socket's path has at most 107 bytes, and batch systems like to set a long ``TMPDIR``.
    """
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108
        length = len(os.fsencode(f"{parent}/{_PREFIX}xxxxxxxx{_SOCKET}"))
        if length <= _LONGEST and os.access(parent, os.W_OK):
            return Path(parent)
    return Path(tempfile.gettempdir())


def last_words(folder: Path) -> str:
    """The ends of the logs below a folder in which there is something to read."""
    parts = []
    for path in sorted(folder.glob("session_2*/logs/*")):
        if path.suffix in (".err", ".out", ".log") and path.is_file():
            with contextlib.suppress(OSError):
                lines = path.read_text(errors="replace").strip().splitlines()[-_LINES:]
                if lines:
                    parts.append("\n".join([f"--- {path.name}", *lines]))
    return "\n".join(parts) or "Ray wrote no logs"


def sweep(folder: Path) -> None:
    """Kill what still runs with files of the folder, and delete the folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                if _uses(entry, folder):
                    os.kill(int(entry.name), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _uses(process: Path, folder: Path) -> bool:
    """Whether the folder is on a process's command line, or a file in it is open.

    Ray's agents write another name over their command line.
    """
    if os.fsencode(folder) in (process / "cmdline").read_bytes():
        return True
    return any(
        Path(os.readlink(link)).is_relative_to(folder) for link in (process / "fd").iterdir()
    )


def _sweep_dead(folder: Path) -> None:
    """Sweep a folder whose driver has gone: nobody holds its lock."""
    with contextlib.suppress(OSError):
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sweep(folder)
        finally:
            os.close(lock)

"""The processes and files that a Ray of our own has on this machine, found by its folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 107
_SOCKET = "/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
_PREFIX = "hpogrid-ray-"
_LOCK = "lock"
_LINES = 15
_ROUNDS, _PAUSE = 50, 0.1


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder with a place ``r`` for Ray's files; at the end no file and no process is left of it.

    Nobody else may look into it (Ray opens ``r`` to everyone). A guard sweeps it where the driver
    is killed; what is left where both were killed goes the next time.
    """
    parent = short_parent()
    for left in parent.glob(f"{_PREFIX}*"):
        _sweep_dead(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _guard(folder):
            yield folder
    finally:
        sweep(folder)
        os.close(lock)


@contextlib.contextmanager
def _guard(folder: Path) -> Iterator[None]:
    """A process that sweeps the folder when this one is gone, however that came."""
    command = [sys.executable, "-P", "-m", __name__, str(folder)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/", start_new_session=True)
    try:
        yield
    finally:
        guard.kill()
        guard.communicate()


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
    for path in sorted(folder.glob("r/session_2*/logs/*")):
        if path.suffix in (".err", ".out", ".log") and path.is_file():
            with contextlib.suppress(OSError):
                lines = path.read_text(errors="replace").strip().splitlines()[-_LINES:]
                if lines:
                    parts.append("\n".join([f"--- {path.name}", *lines]))
    return "\n".join(parts) or "Ray wrote no logs"


def sweep(folder: Path) -> None:
    """Kill what still runs with files of the folder, and delete the folder."""
    for _ in range(_ROUNDS):
        used = [pid for pid in _others() if _uses(Path(f"/proc/{pid}"), folder)]
        if not used:
            break
        for pid in used:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)
    shutil.rmtree(folder, ignore_errors=True)


def _others() -> list[int]:
    """All processes but this one."""
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in found if pid != os.getpid()]


def _uses(process: Path, folder: Path) -> bool:
    """Whether a process has the folder on its command line, in its environment, or a file open.

    Ray's agents write another name over their command line; what a trial started has nothing of
    Ray's but the environment.
    """
    with contextlib.suppress(OSError):
        return _names(process, folder) or _has_open(process, folder)
    return False


def _names(process: Path, folder: Path) -> bool:
    name = os.fsencode(folder)
    return any(name in (process / file).read_bytes() for file in ("cmdline", "environ"))


def _has_open(process: Path, folder: Path) -> bool:
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


def main() -> None:
    """The guard: its input ends with the driver."""
    sys.stdin.buffer.read()
    sweep(Path(sys.argv[1]))


if __name__ == "__main__":
    main()

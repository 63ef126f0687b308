"""The processes and files that a Ray of our own leaves on this machine, found by its folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

_LONGEST = 107
_SOCKET = "/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
_LINES = 15


def short_folder() -> Path:
    """A new folder for temporary files in which the paths of sockets are not too long.

    A socket's path has at most 107 bytes; batch systems like to set long ``TMPDIR``.
    """
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108
        room = _LONGEST - len(_SOCKET) - len(os.fsencode(parent))
        if room > len("/hpogrid-xxxxxxxx") and os.access(parent, os.W_OK):
            return Path(tempfile.mkdtemp(prefix="hpogrid-", dir=parent))
    return Path(tempfile.mkdtemp(prefix="hpogrid-"))


def last_words(folder: Path) -> str:
    """The ends of the logs below a folder in which there is something to read."""
    parts = []
    for path in sorted(folder.glob("session_2*/logs/*")):
        if path.suffix in (".err", ".out", ".log") and path.is_file():
            with contextlib.suppress(OSError):
                lines = path.read_text(errors="replace").strip().splitlines()[-_LINES:]
                if lines:
                    parts.append("\n".join([f"--- {path.name}", *lines]))
    return "\n".join(parts) or f"nothing was written to {folder}"


def sweep(folder: Path) -> None:
    """Kill what still runs with the folder on its command line, and delete the folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                if os.fsencode(folder) in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)

"""Processes that do not outlive those that started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, however that dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_session(leader: int) -> None:
    """Kill every process of the session that ``leader`` began, in whatever group it is."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _session(entry) == leader:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(entry.name), signal.SIGKILL)


def _session(entry: Path) -> int | None:
    try:
        # The name, in brackets, may hold anything; what follows the last one are numbers.
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return int(fields[3])
    except (OSError, IndexError, ValueError):
        return None


def describe_exit(code: int | None) -> str:
    """An exit status in words."""
    if code is None:
        return "was stopped"
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
        return f"was killed by {name}{hint}"
    return f"exited with code {code}"

"""Who a process is: its number means one process only on its host, since its boot, in its
namespace of process numbers, and together with the time at which it began.

User directories are seen by several machines and containers. Whatever is signalled or taken for
dead by its number is compared with its whole identity first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

import msgspec

from hpogrid.trial.guard import stat

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Identity(msgspec.Struct, frozen=True):
    """One process.

    Attributes:
        host: the name of its machine, for people.
        place: within what its number means one process: a boot and a PID namespace.
        pid: its number there.
        begun: when it began, in the kernel's ticks.
    """

    host: str
    place: str
    pid: int
    begun: str

    @property
    def here(self) -> bool:
        """Whether it can be seen, and signalled, from this process."""
        return self.place == _place()

    @property
    def lives(self) -> bool:
        """Whether it has not ended; only for one that is `here`."""
        return _begun(self.pid) == self.begun

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it, and to its group if that is its own; nothing where it has ended."""
        if not (self.here and self.lives):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)


def this_process() -> Identity:
    """The identity of the process that asks."""
    pid = os.getpid()
    return Identity(socket.gethostname(), _place(), pid, _begun(pid) or "")


def boot_id() -> str:
    """What tells this machine, since it was started, from all others; empty: nothing does."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _place() -> str:
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return f"{boot_id()} {namespace}"


def _begun(pid: int) -> str | None:
    """When a process began; None: there is none, or a zombie."""
    fields = stat(pid)
    return None if not fields or fields[0] in ("Z", "X") else fields[19]

"""Runs one command so that nothing of it is left at its end, nor when its starter has gone.

    python -I -S guard.py SIGNAL GRACE COMMAND...

The starter holds the other end of stdin, and closes it to end the command; when the starter dies,
the kernel does. The command then gets SIGNAL, and the processes that it leaves get SIGTERM; what
is there after GRACE seconds is killed. Processes whose parents have died, be it in sessions of
their own, become children of this one (it is a "subreaper"), so none is overlooked: it is over when
there are no children. This process ends as the command did.

It is a script of its own, without imports of hpogrid, so that it starts in milliseconds.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence

_PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""Signals that a terminal or a batch system sends to all processes: the starter decides."""

_PAUSE = 0.01
CANNOT_START = 127


def prctl(option: int, value: int) -> bool:
    """Ask the kernel for something, if that is possible here."""
    try:
        import ctypes

        return not ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return False


class Guard:
    """The command, from its start to the end of the last process that it has left."""

    def __init__(self, command: Sequence[str]) -> None:
        self._status: int | None = None
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        self._woken, waker = os.pipe()
        for handle in (self._woken, waker):
            os.set_blocking(handle, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        me = os.getpid()
        self._command = os.fork()
        if self._command == 0:
            _become(command, me)
        os.closerange(3, min(self._woken, waker))  # what was handed on is the command's

    def wait(self) -> None:
        """Wait until the command has ended, or is to end."""
        while self._reap() and self._status is None:
            if 0 in self._sleep(None, [0]) and not _read(0):
                return

    def end(self, number: int, grace: float) -> None:
        """End the command and all that it has left."""
        deadline = time.monotonic() + grace
        if self._status is None:
            _send(self._command, number)
        while self._reap() and self._status is None and time.monotonic() < deadline:
            self._sleep(_PAUSE)
        end_all(lambda: set(children()) if self._reap() else set(), deadline)

    def leave(self) -> None:
        """End as the command did."""
        status = self._status or 0
        if os.WIFSIGNALED(status):
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            number = os.WTERMSIG(status)
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os._exit(os.WEXITSTATUS(status))

    def _reap(self) -> bool:
        """Take in what has ended; whether any child is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._command:
                    self._status = status
        except ChildProcessError:
            return False

    def _sleep(self, seconds: float | None, handles: Sequence[int] = ()) -> list[int]:
        ready = select.select([self._woken, *handles], [], [], seconds)[0]
        if self._woken in ready:
            _read(self._woken)
        return ready


def end_all(left: Callable[[], set[int]], deadline: float) -> None:
    """End processes, and those that they leave, to the last.

    Args:
        left: those that are there.
        deadline: until then they are only told to end, by the clock `time.monotonic`.
    """
    told: set[int] = set()
    while found := left():
        late = time.monotonic() >= deadline
        for pid in found if late else found - told:
            _send(pid, signal.SIGKILL if late else signal.SIGTERM)
        told |= found
        time.sleep(_PAUSE / 10 if late else _PAUSE)


def _become(command: Sequence[str], guard: int) -> None:
    """Turn into the command, which dies with the guard."""
    try:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (*_IGNORED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.execvp(command[0], list(command))  # noqa: S606 (no shell is wanted)
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {_remedy(command[0], error)}\n".encode())
    finally:
        os._exit(CANNOT_START)


def _remedy(program: str, error: OSError) -> str:
    """Why a program does not start, and what helps."""
    try:
        with open(program, "rb") as stream:
            first = stream.readline(200)
    except OSError:
        return str(error.strerror)
    if error.errno == errno.ENOEXEC and b"\0" in first:
        return "it was made for another kind of machine"
    if error.errno == errno.ENOEXEC:
        return "it has no #! line; give it one, or name what runs it, such as bash"
    if error.errno == errno.ENOENT and not first.startswith(b"#!"):
        return "its loader is not here: it was made for another system"
    if error.errno == errno.ENOENT and first.endswith(b"\r\n"):
        return "its lines end as on Windows, also that with #!; save it with ends of Unix"
    if error.errno == errno.ENOENT:
        return (
            f"there is no {first[2:].decode(errors='replace').strip()}, which its first line names"
        )
    return str(error.strerror)


def children(pid: int | None = None) -> list[int]:
    """The direct children of a process (of this one)."""
    pid = pid or os.getpid()
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as stream:
                found += map(int, stream.read().split())
    except OSError:
        return [child for child, parent in _parents() if parent == pid]
    return found


def stat(pid: int | str) -> list[str]:
    """What the kernel tells of a process after its name: state, parent, ...; empty: it is gone."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as stream:
            # The name, in brackets, may hold anything; what follows the last one are numbers.
            return stream.read().rpartition(")")[2].split()
    except OSError:
        return []


def _parents() -> list[tuple[int, int]]:
    """Every process and its parent, for kernels that do not list children."""
    found = ((name, stat(name)) for name in os.listdir("/proc") if name.isdigit())
    return [(int(name), int(fields[1])) for name, fields in found if fields]


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except BlockingIOError:
        return b"-"
    except OSError:
        return b""


def main(number: int, grace: float, command: Sequence[str]) -> None:
    """Run a command to its end."""
    guard = Guard(command)
    guard.wait()
    guard.end(number, grace)
    guard.leave()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])

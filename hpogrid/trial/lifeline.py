"""Programs that do not outlive those that started them, and how they ended, in words."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from hpogrid.trial import guard

GRACE = 10.0
"""Seconds that a trial has to end once it is told to, unless the hpo config says otherwise."""


class CommandFailed(Exception):
    """A program ended with an error, or could not be started."""


class Program:
    """A program under a `guard`: with it ends all that it has started.

    Args:
        words: its command.
        environment: all of it.
        output: where stdout and stderr go.
        folder: its working directory, if not ours.
        number: the signal that tells it to end.
        grace: seconds from then until it is killed.
        handles: open files that it gets.

    Attributes:
        line: becomes readable when the last of its processes has ended.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        output: int | IO[bytes],
        folder: Path | None = None,
        *,
        number: int = signal.SIGTERM,
        grace: float = GRACE,
        handles: Sequence[int] = (),
    ) -> None:
        start = [sys.executable, "-I", "-S", guard.__file__, str(int(number)), str(grace)]
        self.line, theirs = socket.socketpair()
        with theirs:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                [*start, *words],
                stdin=theirs.fileno(),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
                pass_fds=tuple(handles),
            )

    def end(self) -> None:
        """Tell it to end; do not wait for that."""
        with contextlib.suppress(OSError):
            self.line.shutdown(socket.SHUT_WR)

    def close(self) -> int:
        """End it, wait for that, and return how it ended."""
        self.end()
        self.process.wait()
        self.line.close()
        return int(self.process.returncode)


@contextlib.contextmanager
def program(
    words: Sequence[str],
    environment: Mapping[str, str],
    output: int | IO[bytes] = subprocess.PIPE,
    folder: Path | None = None,
    grace: float = GRACE,
) -> Iterator[Program]:
    """A running `Program`, which ends with all that it has started when the block is left.

    Raises:
        CommandFailed: there is no such program.
    """
    path = environment.get("PATH", os.defpath)
    if _which(words[0], path, folder) is None:
        raise CommandFailed(f"cannot start {words[0]}: {_why_not(words[0], folder)}")
    running = Program(words, environment, output, folder, grace=grace)
    try:
        yield running
    finally:
        running.close()


def _which(word: str, path: str, folder: Path | None) -> str | None:
    import shutil

    if "/" in word:
        word = os.path.join(folder or os.curdir, word)  # with its "/", or PATH would be searched
    return shutil.which(word, path=path)


def _why_not(word: str, folder: Path | None) -> str:
    found = (folder or Path()) / word
    if "/" not in word or not found.exists():
        return os.strerror(errno.ENOENT)
    if found.is_dir():
        return os.strerror(errno.EISDIR)
    return f"it may not be executed; 'chmod +x {word}', or name what runs it, such as bash"


def kill_session(leader: int) -> None:
    """Kill every process of the session that ``leader`` began, in whatever group it is."""
    for pid in _processes():
        if _session(pid) == leader:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def kill_marked(marks: Iterable[str]) -> None:
    """Kill every process with one of these ``NAME=value`` in its environment, to the last."""
    wanted = {mark.encode() for mark in marks}
    found = True
    while found:
        found = False
        for pid in _processes():
            with contextlib.suppress(OSError):
                if wanted & set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")):
                    os.kill(pid, signal.SIGKILL)
                    found = True


def is_zombie(pid: int) -> bool:
    """Whether a process has ended, and only its parent has not asked how."""
    fields = guard.stat(pid)
    return not fields or fields[0] in ("Z", "X")


def _processes() -> list[int]:
    return [
        int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()
    ]


def _session(pid: int) -> int | None:
    fields = guard.stat(pid)
    return int(fields[3]) if fields else None


# --- in words ------------------------------------------------------------------------------


def describe_exit(code: int | None) -> str:
    """An exit status in words."""
    if code is None:
        return "was stopped"
    if code < 0:
        hint = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
        return f"was killed by {signal_name(-code)}{hint}"
    return f"exited with code {code}"


def signal_name(number: int) -> str:
    """``SIGTERM``; the real-time signals have no names."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_BOX = "\u2500-\u257f"
_DRAWN = re.compile(rf"[\s=+*_~#.|-]*|.*[{_BOX}]{{3}}.*")
"""Lines, and the edges of boxes, which may have a title."""

_FRAMED = re.compile(rf"\s*[{_BOX}|](.*)[{_BOX}|]\s*")
_ADVICE = re.compile(
    r"set the environment variable|for (more|further) (information|help)|--help\b|^note:", re.I
)
"""How to find out more, not what went wrong."""

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b(:.*)?")


def meaningful_line(output: Iterable[str]) -> str:
    """The line near the end of a program's output that says why it ended.

    Lines that draw or advise do not count. What stands in a box is taken together, and an
    exception comes before what a program says after it, unless that is about an error too.
    """
    lines = [line.rstrip() for line in output if not _DRAWN.fullmatch(line)]
    lines = [line for line in lines if not _ADVICE.search(line)] or lines
    if not lines:
        return ""
    boxed: list[str] = []
    for line in reversed(lines):
        found = _FRAMED.fullmatch(line)
        if found is None:
            break
        boxed.insert(0, found.group(1).strip())
    if boxed:
        return " ".join(boxed)
    if not re.search("error|exception", lines[-1], re.I):
        exceptions = [line for line in lines if _EXCEPTION.fullmatch(line)]
        return (exceptions or lines)[-1].strip()
    return lines[-1].strip()


def how_it_ended(code: int, output: Iterable[str]) -> str:
    """How a program ended, with what it said about it."""
    how = f"was killed by {signal_name(-code)}" if code < 0 else f"ended with code {code}"
    said = meaningful_line(output)
    return f"{how}: {said}" if said else how

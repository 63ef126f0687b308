"""Running the commands of a site: with a time limit, and never through a shell."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from hpogrid.errors import RunError

SECONDS = 60.0
_MOST_WORDS = 300


class NoAnswer(RunError):
    """A command did not end in time; what it was to do may have been done."""


class NotHere(RunError):
    """There is no such command on this machine."""


class Answer(NamedTuple):
    """What a command said. ``text`` is its stdout."""

    code: int
    text: str
    error: str

    @property
    def all(self) -> str:
        """Everything that it said."""
        return f"{self.text}\n{self.error}"

    @property
    def words(self) -> str:
        """Its complaint in one line: stderr, else stdout, else the exit code."""
        said = " ".join((self.error.strip() or self.text.strip()).split())
        return said[:_MOST_WORDS] or f"exit code {self.code}"


def run_command(command: Sequence[str], what: str, *, seconds: float = SECONDS) -> Answer:
    """Run a command of a site and return what it said.

    Args:
        command: the argument list.
        what: whose it is, for messages (``"Slurm"``).
        seconds: how long to wait.

    Raises:
        NoAnswer: it did not answer in time.
        NotHere: it is not installed.
        RunError: it cannot be run.
    """
    program = command[0]
    if shutil.which(program) is None:
        raise NotHere(
            f"{what} is not on this machine: there is no '{program}' on the PATH; "
            "log in to a machine of the cluster, or load the module that brings it"
        )
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(
            f"{what} does not answer: '{shlex.join(command[:3])}' took longer than {seconds:g} s; "
            "try again later"
        ) from error
    except OSError as error:
        raise RunError(f"{what}: cannot run '{program}': {error.strerror}") from error
    return Answer(done.returncode, done.stdout, done.stderr)

"""Sending a job's ledgers home while it runs, through HTCondor's Chirp.

HTCondor leaves ``.chirp.config`` (host, port, cookie) in the directory of a job that asked for it.
What is said there is a line, answered by a number in a line, and by another one where a file is
opened; files are named from the job's ``initialdir``.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

CONFIG = ".chirp.config"
_SECONDS = 60.0
_BLOCK = 2**20


class Chirp:
    """A connection by which copies at home of growing files are extended.

    Args:
        host, port: who takes it there.
        cookie: what shows that this is the job.

    Attributes:
        problem: why it cannot be used any more, once `extend` has said so.
    """

    def __init__(self, host: str, port: int, cookie: str) -> None:
        self._place = host, port
        self._cookie = cookie
        self._stream: socket.socket | None = None
        self._sent: dict[str, int] = {}
        self.problem = ""

    @classmethod
    def of_this_job(cls) -> Chirp | None:
        """The one of the job in this directory; None: it has none."""
        folder = Path(os.environ.get("_CONDOR_SCRATCH_DIR") or ".")
        with contextlib.suppress(OSError, ValueError):
            host, port, cookie = (folder / CONFIG).read_text().split()
            return cls(host, int(port), cookie)
        return None

    def extend(self, path: Path, name: str) -> bool:
        """Write what is new in a growing file to its copy at home; False: that cannot be done."""
        try:
            with path.open("rb") as stream:
                stream.seek(self._sent.get(name, 0))
                while data := stream.read(_BLOCK):
                    self._write(name, data, self._sent.get(name, 0))
                    self._sent[name] = stream.tell()
        except (OSError, ValueError) as error:
            self.problem = f"HTCondor does not take the ledgers while the job runs ({error})"
            return False
        return True

    def _write(self, name: str, data: bytes, offset: int) -> None:
        file = self._ask(f"open {name} wc {0o666:d}")
        self._line()  # what kind of file it is
        try:
            written = self._ask(f"pwrite {file} {len(data)} {offset}", data)
        finally:
            self._ask(f"close {file}")
        if written != len(data):
            raise OSError(f"{written} of {len(data)} bytes were taken")

    def _ask(self, words: str, data: bytes = b"") -> int:
        """Say something; the number that is answered.

        Raises:
            OSError, ValueError: it was refused, or there is no answer.
        """
        if self._stream is None:
            self._stream = socket.create_connection(self._place, _SECONDS)
            self._ask(f"cookie {self._cookie}")
        self._stream.sendall(f"{words}\n".encode() + data)
        number = int(self._line())
        if number < 0:
            raise OSError(f"'{words.split()[0]}' was answered with {number}")
        return number

    def _line(self) -> bytes:
        """The next line that is answered."""
        assert self._stream is not None
        line = b""
        while not line.endswith(b"\n"):
            block = self._stream.recv(1)
            if not block:
                raise OSError("the connection was closed")
            line += block
        return line

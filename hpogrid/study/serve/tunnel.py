"""The way to a server behind SSH: ``ssh://user@host`` starts it there if need be.

OpenSSH does the rest: keys, agents, jump hosts and what stands in its config file. The tunnel's
end here is a socket in a folder that only this user can enter.
"""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import Damaged, decode
from hpogrid.ssh import HOST, last_line, remote, ssh_command

_SECONDS = 60.0
_OPTIONS = ("ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "StreamLocalBindUnlink=yes")
_PROGRAM = re.compile(r"[\w./+-]+")


class Joined(msgspec.Struct, frozen=True):
    """What ``hpogrid serve --join --with_token`` says: the port, and the owner's token."""

    port: int
    token: str


class Tunnel:
    """A tunnel to a server; opened when it is needed, and again when it broke.

    Args:
        url: ``ssh://[user@]host[:port][/path/of/hpogrid]``.

    Raises:
        UserError: it is no such URL, or there is no ssh.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        program = parts.path if parts.path not in ("", "/") else "hpogrid"
        host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
        if not HOST.fullmatch(host) or not _PROGRAM.fullmatch(program):
            raise UserError(
                f"storage {url}: write ssh://USER@HOST, with the path of hpogrid there behind it "
                "unless that is on its PATH (ssh://USER@HOST/opt/venv/bin/hpogrid)"
            )
        port = [f"Port={parts.port}"] if parts.port else []
        self._command = [*ssh_command(*_OPTIONS, *port), "--", host]
        self._host, self._program = host, program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="hpogrid-"))
        self._joined: Joined | None = None
        atexit.register(self.close)

    def open(self) -> tuple[Path, str]:
        """The socket that leads to the server, and the token for it.

        Raises:
            OSError: there is no way to the server now.
        """
        with self._lock:
            if self._joined is None or self._process is None or self._process.poll() is not None:
                self._joined = self._join()
                self._lead(self._joined.port)
            return self._folder / "socket", self._joined.token

    def broke(self) -> None:
        """The server does not answer at the other end: it may have to be started again."""
        with self._lock:
            self._end()

    def close(self) -> None:
        """End the tunnel; the server lives on."""
        with self._lock:
            self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _join(self) -> Joined:
        command = [*self._command, remote([self._program, "serve", "--join", "--with_token"])]
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"ssh to {self._host} has no end") from error
        if done.returncode != 0:
            said = last_line(done.stderr.decode(errors="replace")) or "it says nothing"
            raise OSError(f"ssh to {self._host}: {said}")
        try:
            return decode(done.stdout.strip().rpartition(b"\n")[2], Joined, "what it says")
        except Damaged as error:
            raise OSError(f"ssh to {self._host}: {self._program} serve: {error}") from error

    def _lead(self, port: int) -> None:
        self._end()
        here = self._folder / "socket"
        forward = f"{here}:127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [*self._command[:-2], "-N", "-L", forward, *self._command[-2:]],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + _SECONDS
        while not here.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                self._end()
                raise OSError(f"ssh makes no tunnel to {self._host}")
            time.sleep(0.05)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        (self._folder / "socket").unlink(missing_ok=True)


@functools.cache  # one for all connections of this process
def tunnel_to(url: str) -> Tunnel:
    """The tunnel to a server."""
    return Tunnel(url)

"""The way to a server behind SSH: ``ssh://user@host`` starts it there if need be.

OpenSSH does the rest: keys, agents, jump hosts and what stands in its config file. The tunnel's
end here is a socket in a folder that only this user can enter.
"""

from __future__ import annotations

import atexit
import functools
import os
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

CONFIG = "HPOGRID_SSH_CONFIG"
"""The environment variable with a config file for ssh, in place of the user's own."""

_SECONDS = 60.0
_OPTIONS = (
    "BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3",
    "ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "StreamLocalBindUnlink=yes",
)  # fmt: skip
_PROGRAM = re.compile(r"[\w./+-]+")
_NAME = re.compile(r"[\w.][\w.@%-]*")


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
        if not _NAME.fullmatch(host) or not _PROGRAM.fullmatch(program):
            raise UserError(
                f"storage {url}: write ssh://USER@HOST, with the path of hpogrid there behind it "
                "unless that is on its PATH (ssh://USER@HOST/opt/venv/bin/hpogrid)"
            )
        ssh = shutil.which("ssh")
        if ssh is None:
            raise UserError(f"storage {url} needs the program ssh where the jobs run")
        config = os.environ.get(CONFIG)
        self._command = [ssh, *(["-F", config] if config else [])]
        for option in _OPTIONS:
            self._command += ["-o", option]
        self._command += ["-p", str(parts.port)] if parts.port else []
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
        command = [*self._command, "-T", self._host]
        command += [self._program, "serve", "--join", "--with_token"]
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"ssh to {self._host} has no end") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
            raise OSError(f"ssh to {self._host}: {said[-1]}")
        try:
            return decode(done.stdout.strip().rpartition(b"\n")[2], Joined, "what it says")
        except Damaged as error:
            raise OSError(f"ssh to {self._host}: {self._program} serve: {error}") from error

    def _lead(self, port: int) -> None:
        self._end()
        here = self._folder / "socket"
        forward = f"{here}:127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [*self._command, "-N", "-T", "-L", forward, self._host],
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

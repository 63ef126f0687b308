"""Other machines, by way of OpenSSH.

Keys, agents, host keys, jump hosts and what stands in its config file are OpenSSH's own business.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hpogrid.errors import RunError, UserError

CONFIG = "HPOGRID_SSH_CONFIG"
"""The environment variable with a config file for ssh, in place of the user's own."""

HOST = re.compile(r"[\w.][\w.@%-]*")
_FOLDER = r"(?:~/)?([^\s\x00-\x1f\x7f\"'\\!:~-][^\x00-\x1f\x7f\"'\\!:]*)"
"""Not all shells agree on quotation marks, backslashes and exclamation marks."""

_PLACE = re.compile(rf"({HOST.pattern})(?::{_FOLDER})?")
_OPTIONS = ("ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3")
_SECONDS = 600.0
_KEPT_SECONDS = 600
_LONGEST_SOCKET = 80
"""The path of a socket has 107 bytes at most, and ssh adds some to it for a moment."""

_FAILED = 255
"""The exit code of ssh where it is ssh that failed."""


class Cut(RunError):
    """The other machine cannot be reached, or the connection broke: nobody knows what it did."""


class Reply(NamedTuple):
    """What a command on another machine did: its exit code, its stdout, and its stderr."""

    code: int
    data: bytes
    error: str

    @property
    def complaint(self) -> str:
        """The last line of its stderr."""
        return last_line(self.error) or f"exit code {self.code}"


def split_place(place: str) -> tuple[str, str]:
    """The host and the folder there, which may be empty, of ``[USER@]HOST[:FOLDER]``.

    Raises:
        UserError: it is none.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise UserError(
            f"host: '{place}' must be [USER@]HOST, or [USER@]HOST:FOLDER for another folder of "
            "tasks there; a port goes into ssh's own config file"
        )
    return match[1], match[2] or ""


def last_line(text: str) -> str:
    """The last line that is not empty; of several, what went wrong stands there."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def remote(words: Sequence[str]) -> str:
    """Words as the shell of another machine takes them apart again: ssh hands it one text."""
    return shlex.join(words)


def ssh_command(*options: str, batch: bool = True) -> list[str]:
    """The beginning of an ssh command, up to the host.

    Args:
        options: further ones, as in its config file (``Port=22``).
        batch: whether it never asks for a password.

    Raises:
        UserError: there is no ssh.
    """
    program = shutil.which("ssh")
    if program is None:
        raise UserError("there is no program 'ssh' on this machine; install the OpenSSH client")
    config = os.environ.get(CONFIG)
    command = [program, "-T", *(["-F", config] if config else [])]
    for option in (*(["BatchMode=yes"] if batch else []), *_OPTIONS, *options):
        command += ["-o", option]
    return command


class Host:
    """Another machine; one connection to it serves all commands, of all processes, for minutes.

    Args:
        name: as ssh knows it, such as ``user@login.node``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, words: Sequence[str], data: bytes = b"") -> Reply:
        """Run a command there with ``data`` as its stdin.

        Raises:
            Cut: there is no way to the machine, or the connection broke.
            UserError: there is no ssh here.
        """
        command = ssh_command(*self.kept(), batch=not sys.stdin.isatty())
        # A file: the process that keeps the connection would hold a pipe open.
        with tempfile.TemporaryFile() as error:
            try:
                done = subprocess.run(
                    [*command, "--", self.name, remote(words)],
                    input=data, stdout=subprocess.PIPE, stderr=error, timeout=_SECONDS, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired as late:
                raise Cut(f"ssh to {self.name} did not end within {_SECONDS:g} s") from late
            error.seek(0)
            said = error.read().decode(errors="replace")
        if done.returncode == _FAILED or done.returncode < 0:
            why = last_line(said) or "the connection broke"
            raise Cut(f"ssh to {self.name}: {why}; 'ssh {self.name}' shows whether it works")
        return Reply(done.returncode, done.stdout, said)

    def kept(self) -> list[str]:
        """The options with which a connection is kept, where there is a place for its socket."""
        key = f"{self.name} {os.environ.get(CONFIG, '')}"
        path = _sockets() / hashlib.sha256(key.encode()).hexdigest()[:12]
        if len(os.fsencode(path)) > _LONGEST_SOCKET or "%" in str(path) or " " in str(path):
            return []
        return [f"ControlPath={path}", "ControlMaster=auto", f"ControlPersist={_KEPT_SECONDS}"]


def _sockets() -> Path:
    """The folder with the sockets of connections that are kept; nobody else can enter it.

    Raises:
        RunError: there is another one in its place.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = runtime if os.path.isdir(runtime) else tempfile.gettempdir()
    folder = Path(parent) / f"hpogrid-ssh-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RunError(f"{folder} is not a folder of yours alone; delete it, or have it deleted")
    return folder

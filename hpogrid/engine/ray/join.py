"""A node that joins the Ray of a job: ``python -m hpogrid.engine.ray.join``, while stdin is open.

The first line of stdin is a `Ticket`. However this ends, no process and no file of Ray is left.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hpogrid.engine.nodes import own_address
from hpogrid.engine.ray.daemons import last_words, temporary_folder
from hpogrid.engine.resources import cpu_count, gpu_ids
from hpogrid.errors import UserError
from hpogrid.signals import handled
from hpogrid.trial.lifeline import Program

START_SECONDS = 120.0
"""How long Ray may take to start, or to be reached, on all nodes."""

OBJECT_STORE = 100 * 2**20
"""Bytes for Ray's object store, of which trials use nothing unless the script does."""

_GRACE = 0.5
"""Seconds that Ray has to end by itself: a batch system waits for few before it kills us too."""

_RAY = "from ray.scripts.scripts import main; main()"


class Ticket(msgspec.Struct, frozen=True):
    """What a node has to know.

    Attributes:
        address: the HOST:PORT of the Ray.
        token: with which it takes work.
        gpus: whether trials need the GPUs of the node.
    """

    address: str
    token: str
    gpus: bool


@contextlib.contextmanager
def own_token(folder: Path, token: str) -> Iterator[None]:
    """Let a Ray of our own, which listens on the network, take work only from who has its token.

    The token is in a file that nobody else may read, not on a command line. Versions of Ray that
    know no tokens pass it over.
    """
    path = folder / "token"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    ours = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path), "RAY_AUTH_TOKEN": None}
    before = {name: os.environ.get(name) for name in ours}
    _set(ours)
    try:
        yield
    finally:
        _set(before)


def _set(environment: dict[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def join(ticket: Ticket) -> int:
    """Be a node of Ray until stdin ends; the exit code tells whether it was one to the end.

    Raises:
        UserError: there is no way from here to the Ray.
    """
    with temporary_folder() as folder, own_token(folder, ticket.token):
        ray = Program(_command(ticket, folder), os.environ, sys.stderr.fileno(), grace=_GRACE)
        try:
            ready, _, _ = select.select([sys.stdin, ray.line], [], [])
        finally:
            ray.close()
        if sys.stdin in ready:
            return 0
        sys.stderr.write(last_words(folder) + "\n")
        return 1


def _command(ticket: Ticket, folder: Path) -> list[str]:
    host = ticket.address.rpartition(":")[0]
    return [
        sys.executable,
        "-c",
        _RAY,
        "start",
        "--block",
        f"--address={ticket.address}",
        f"--node-ip-address={own_address(host)}",
        f"--num-cpus={cpu_count()}",
        f"--num-gpus={len(gpu_ids()) if ticket.gpus else 0}",
        f"--object-store-memory={OBJECT_STORE}",
        f"--temp-dir={folder / 'r'}",
    ]


def main() -> int:
    """Read the ticket, and join."""
    ticket = msgspec.json.decode(sys.stdin.buffer.readline(), type=Ticket)
    try:
        with handled(lambda number, frame: sys.exit(128 + number), signal.SIGTERM, signal.SIGINT):
            return join(ticket)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())

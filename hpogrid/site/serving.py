"""The server for this user directory: its token, and which task is which."""

from __future__ import annotations

import secrets
from pathlib import Path

from hpogrid.config.home import home
from hpogrid.errors import UserError
from hpogrid.files import explained, locked, write_atomic
from hpogrid.site.tasks import Task, find_tasks
from hpogrid.study.server import LedgerServer


def token_path() -> Path:
    """Where the token is: a file that only its owner can read."""
    return home() / "token"


def read_or_make_token() -> str:
    """The token of this user directory; in place of an empty file there is a new one.

    Raises:
        UserError: it cannot be read or written.
    """
    path = token_path()
    with locked(path.parent), explained(path):
        text = path.read_text(errors="replace") if path.exists() else ""
        token = text.strip(" \0\n")
        if not token:
            token = secrets.token_urlsafe(32)
            write_atomic(path, token.encode(), mode=0o600)
    return token


class _Tasks:
    """Finds the ledgers of a task by its key; the table is read again for one that is new."""

    def __init__(self) -> None:
        self._folders: dict[str, Path] = {}

    def __call__(self, key: str) -> Path | None:
        if key not in self._folders:
            self._folders = {task_key(task): task.ledgers for task in find_tasks()}
        return self._folders.get(key)


def task_key(task: Task) -> str:
    """What a job of the task calls it."""
    return f"{task.project_hash}-{task.seed}"


def open_server(host: str, port: int, certificate: Path | None, key: Path | None) -> LedgerServer:
    """A server for the tasks of this user directory, listening.

    Raises:
        UserError: the address cannot be used.
    """
    token = read_or_make_token()
    try:
        return LedgerServer((host, port), token, _Tasks(), certificate, key)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error

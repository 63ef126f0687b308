"""The server for this user directory: which task is which, and one server at a time."""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hpogrid.site.studies import export_task
from hpogrid.site.tasks import Task, find_tasks
from hpogrid.study.serve.app import Calls, Place, make_app
from hpogrid.study.serve.calls import TaskLine
from hpogrid.study.serve.door import Gate, listen, run, tls_context
from hpogrid.study.serve.tokens import list_tokens, read_or_make_token


def task_key(task: Task) -> str:
    """What a job of the task calls it."""
    return f"{task.project_hash}-{task.seed}"


def places() -> dict[str, Place]:
    """The tasks of this user directory, by key."""
    return {task_key(task): _place(task) for task in find_tasks()}


def _place(task: Task) -> Place:
    line = TaskLine(
        task_key(task), task.id, task.name, task.project, task.site, task.n_jobs, task.created
    )
    return Place(line, task.ledgers, functools.partial(_export, task.id))


def _export(number: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return export_task(number, Path(folder) / "task.tar.gz").read_bytes()


@contextlib.contextmanager
def open_server(
    host: str, port: int, certificate: Path | None, key: Path | None
) -> Iterator[tuple[int, Callable[[], None]]]:
    """A server for the tasks of this user directory, listening: its port, and what serves.

    Raises:
        UserError: the address, the certificate or the token cannot be used, or a library of the
            extra ``serve`` is missing.
    """
    read_or_make_token()
    calls = Calls(places)
    make_app(calls, lambda address: None)
    context = tls_context(certificate, key) if certificate is not None else None

    def app(gate: Gate) -> object:
        return make_app(calls, gate.hear)

    with listen(host, port) as listening:
        yield listening.getsockname()[1], lambda: run(app, listening, context)


def token_rows() -> list[dict[str, object]]:
    """The tokens as a table has them, with the numbers of their tasks."""
    numbers = {task_key(task): task.id for task in find_tasks()}
    return [
        {
            "name": token.name,
            "right": token.right,
            "task": "all" if token.task is None else numbers.get(token.task, "gone"),
            "created": _date(token.created),
            "ends": "over" if token.over else "never" if token.ends is None else _date(token.ends),
        }
        for token in list_tokens()
    ]


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))

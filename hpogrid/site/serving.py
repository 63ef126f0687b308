"""The server for this user directory: which task is which, and one server at a time."""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from hpogrid.config.home import home
from hpogrid.errors import RunError
from hpogrid.files import locked, read_record, write_atomic
from hpogrid.site.studies import export_task
from hpogrid.site.tasks import Task, find_tasks
from hpogrid.study.serve.app import Calls, Place, make_app
from hpogrid.study.serve.calls import ROOT, TaskLine
from hpogrid.study.serve.door import Gate, listen, run, tls_context
from hpogrid.study.serve.tokens import list_tokens, read_or_make_token
from hpogrid.study.serve.tunnel import Joined

_ANSWER_SECONDS = 5.0
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


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
    sharing = task.begun_with or task.n_jobs
    return Place(line, task.ledgers, sharing, functools.partial(_export, task.id))


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


class _Running(msgspec.Struct):
    """Where the server listens that runs in the background, and its process.

    The process leads a session of its own: a number that was given away since rarely does.
    """

    port: int
    process: int = 0


def join_server() -> Joined:
    """The server of this user directory that runs in the background; started if there is none.

    Raises:
        RunError: it does not start.
    """
    token, record = read_or_make_token(), home() / "serve.json"
    with locked(home() / "serve"):
        known = read_record(record, _Running)
        if known is None or not _answers(known.port, token):
            known = _start_server(home() / "serve" / "server.log")
            write_atomic(record, msgspec.json.encode(known))
    return Joined(known.port, token)


def stop_server() -> int | None:
    """End the server of this user directory that runs in the background; the port it had.

    Raises:
        RunError: it does not end.
    """
    token, record = read_or_make_token(), home() / "serve.json"
    with locked(home() / "serve"):
        known = read_record(record, _Running)
        if known is None or not _answers(known.port, token):
            return None
        try:
            if not known.process or os.getsid(known.process) != known.process:
                raise ProcessLookupError
            os.kill(known.process, signal.SIGTERM)
        except ProcessLookupError as error:
            raise RunError(
                f"--join did not start the server at port {known.port}: end it where it runs"
            ) from error
        end = time.monotonic() + _STOP_SECONDS
        while _answers(known.port, token):
            if time.monotonic() > end:
                raise RunError(f"process {known.process} does not end: kill it")
            time.sleep(0.05)
        record.unlink()
    return known.port


def _answers(port: int, token: str) -> bool:
    """Whether one of our servers is there, which knows our token."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    with contextlib.closing(link), contextlib.suppress(OSError, http.client.HTTPException):
        link.request("GET", ROOT, headers={"Authorization": f"Bearer {token}"})
        return link.getresponse().status == 200
    return False


def _start_server(log: Path) -> _Running:
    """Start a server that outlives this process."""
    command = [sys.executable, "-m", "hpogrid", "serve", "--port", "0"]
    with log.open("ab") as stream:
        begin = stream.tell()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        said = re.search(rb"http://127.0.0.1:(\d+)\n", log.read_bytes()[begin:])
        if said is not None:
            return _Running(int(said[1]), process.pid)
        time.sleep(0.05)
    process.kill()
    last = log.read_text(errors="replace")[begin:].strip().splitlines() or ["it says nothing"]
    raise RunError(f"the server does not start: {last[-1]}")


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

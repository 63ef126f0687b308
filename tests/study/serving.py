"""A server of `hpogrid serve` in a thread of the test."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

# pytest rewrites the modules of anyio, and CPython 3.11 may not build two syntax trees at once
# (SystemError: AST constructor recursion depth mismatch): they are there before the thread is.
import anyio._backends._asyncio  # noqa: F401
import starlette.applications  # noqa: F401

from hpogrid.study.serve.app import Calls, Place, make_app
from hpogrid.study.serve.calls import TaskLine
from hpogrid.study.serve.door import listen, run, tls_context

KEY = "h-7"
"""The key of the task that the server knows."""


def place(folder: Path, key: str = KEY, number: int = 1, n_jobs: int = 3) -> Place:
    """A task with its ledgers below ``folder``."""
    line = TaskLine(key, number, f"task.{number}", "p", "local", n_jobs, 1.0)
    return Place(line, folder / key, n_jobs, lambda: b"an archive")


@contextlib.contextmanager
def serving(
    folder: Path,
    port: int = 0,
    certificate: Path | None = None,
    key: Path | None = None,
    more: dict[str, Place] | None = None,
) -> Iterator[str]:
    """A server for one task and ``more``; its address."""
    calls = Calls(lambda: {KEY: place(folder), **(more or {})})
    context = tls_context(certificate, key) if certificate else None
    stop = threading.Event()
    with listen("127.0.0.1", port) as listening:
        thread = threading.Thread(
            target=run,
            args=(lambda gate: make_app(calls, gate.hear), listening, context, stop.is_set),
        )
        thread.start()
        try:
            scheme = "https" if certificate else "http"
            yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def certificate_for(folder: Path, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A certificate for an address, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
               "-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}",
               "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key

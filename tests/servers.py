"""Real servers on this machine, for tests that ask them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(url: str, *command: str, cwd: Path, **variables: str) -> Iterator[None]:
    """Run a server, with further variables, until it is no longer needed.

    It has to answer within four minutes: a busy machine takes its time to import a large library.
    """
    log = cwd / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=stream, stderr=stream, env={**os.environ, **variables}
        )
    try:
        deadline = time.monotonic() + 240
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def ask(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def script(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A tracking server with its store in a folder; gives its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (
        script("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"),
    )  # fmt: skip
    lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with server(f"{url}/health", *command, cwd=folder, **lean):
        yield url

"""Asking panda-client in its own process, and one sentence for each way in which that fails."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.errors import RunError
from hpogrid.site.panda.auth import login, redact, server
from hpogrid.site.panda.call import Answer, Request
from hpogrid.site.panda.installed import find_client, without_others


class TimeUp(RunError):
    """The server did not answer in time."""


def time_limit(seconds: float) -> float:
    """How long a request may take: what the user says, or as many seconds as are usual."""
    return float(os.environ.get("HPOGRID_PANDA_TIMEOUT") or seconds)


def ask(
    request: Request, seconds: float, folder: Path | None = None, *, credentials: bool = True
) -> tuple[list[Answer], str]:
    """Hand a request to another process; return its answers and what was printed."""
    client = find_client()
    if credentials:
        login()
    seconds = time_limit(seconds)
    with tempfile.TemporaryDirectory(prefix="hpogrid-") as scratch:
        answer = Path(scratch) / "answer.json"
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hpogrid.site.panda.call", str(answer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder or scratch,
            env={**os.environ, "PYTHONPATH": without_others(client)},
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(msgspec.json.encode(request), seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeUp(
                f"the PanDA server {server()} did not answer within {seconds:g} s"
            ) from error
        finally:
            _end(process)
        said = output.decode(errors="replace")
        try:
            return msgspec.json.decode(answer.read_bytes(), type=list[Answer]), said
        except (OSError, msgspec.DecodeError) as error:
            reason = one_line(redact(said.strip().splitlines()[-1] if said.strip() else "no word"))
            raise RunError(f"panda-client broke off: {reason}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with everything that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def result(answer: Answer, name: str, said: str) -> Any:
    """The second part of the client's ``(transport code, answer)``."""
    code, data = pair(answer.result)
    if answer.error is None and answer.http is None and code == 0:
        return data
    raise RunError(explain(answer, name, said))


def explain(answer: Answer, name: str, said: str) -> str:
    """One sentence for a call that came to nothing."""
    if answer.http is not None:
        code, text, _ = answer.http
        text = one_line(redact(re.sub(r"<[^>]*>", " ", text))).removeprefix("ERROR : ")
        if code in (401, 403):
            return (
                f"the PanDA server {server()} refuses the credentials: {text}; "
                "get new ones ('hpogrid check' shows what is used)"
            )
        if code == 1:
            return f"the PanDA server {server()} cannot be reached: {text}"
        return f"the PanDA server {server()} answered with error {code} to {name}: {text}"
    if answer.error is not None and "JSON" in answer.error:
        return (
            f"what answers at {server()} is no PanDA server (it does not answer in JSON); "
            "check PANDA_URL_SSL"
        )
    if answer.error is not None and answer.error.startswith("EOFError"):
        return f"{name} asks a question that nobody answers: {one_line(redact(said))}"
    if answer.error is not None and answer.error.startswith("exit code"):
        return f"panda-client gives up: {one_line(redact(last_error(said) or answer.error))}"
    if answer.error is not None:
        return f"panda-client fails in {name}: {one_line(redact(answer.error))}"
    return (
        f"the PanDA server {server()} refuses {name}: the task is not your own, or the server does "
        "not know you ('hpogrid check' shows the credentials)"
    )


def last_error(said: str) -> str | None:
    """The complaints among what the client printed."""
    lines = [line.strip() for line in said.splitlines()]
    marked = [line for line in lines if re.match(r"(\w+: )?(error|ERROR)\b", line)]
    texts = [re.sub(r"^(\w+: )?(error|ERROR)\s*:\s*", "", line) for line in marked]
    telling = [text for text in texts if not text.startswith("failed with code=")]
    return "; ".join(dict.fromkeys(telling or texts)) or None


def one_line(text: str, limit: int = 300) -> str:
    """Text without line breaks, cut where it is long."""
    text = " ".join(text.split()).rstrip(". ")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def pair(value: Any) -> tuple[Any, Any]:
    """A list of two; what is something else comes second."""
    return tuple(value) if isinstance(value, list) and len(value) == 2 else (None, value)

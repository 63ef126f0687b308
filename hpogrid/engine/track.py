"""Live tracking: another process reads the job's ledger and writes it to MLflow.

The search never waits for it: a server that is slow, down or wrong is tried again later, and what
has not arrived when the job ends is said, and written by ``report --to_mlflow``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from hpogrid.config.project import Project
from hpogrid.study.address import without_secret
from hpogrid.text import tell

GRACE_SECONDS = 10.0
"""After the search: so long goes what fails on being tried, until the rest is left for later."""
MOST_SECONDS = 120.0
"""After the search: so long in all."""


class Tracking(msgspec.Struct):
    """What the tracking process is told: where to write, what to read, and as what."""

    uri: str
    experiment: str
    project: str
    task: str
    job: int
    ledgers: str
    grace: float
    most: float


@contextmanager
def live_tracking(
    project: Project, task: str, job: int, ledgers: Path, logs: Path, hurry: Callable[[], bool]
) -> Iterator[None]:
    """Track a job while the block runs, where its config says so.

    Args:
        project, job, ledgers: of the job.
        task: its name; "": it is none to be tracked.
        logs: the folder for ``mlflow.log``.
        hurry: whether there is no time to wait at the end.
    """
    config = project.hpo_config
    if config.mlflow is None or not task:
        yield
        return
    told = Tracking(
        config.mlflow,
        config.mlflow_experiment or project.name,
        project.name,
        task,
        job,
        str(ledgers),
        GRACE_SECONDS,
        MOST_SECONDS,
    )
    tracker = _start(told, logs)
    try:
        yield
    finally:
        _finish(tracker, told, 2.0 if hurry() else told.most + 5)


def _start(told: Tracking, logs: Path) -> subprocess.Popen[bytes] | None:
    try:
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "mlflow.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hpogrid.engine.mlflow_live"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(told) + b"\n")
        process.stdin.flush()
    except OSError as error:
        _say(told, f"the process that writes to it cannot be started: {error}")
        return None
    return process


def _environment() -> dict[str, str]:
    """One try a time, and a short one: what fails is tried again by the process itself."""
    usual = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    return {**usual, **os.environ}


def _finish(tracker: subprocess.Popen[bytes] | None, told: Tracking, wait: float) -> None:
    """Let it write what is left; an end of its input is the sign."""
    if tracker is None:
        return
    try:
        said, _ = tracker.communicate(timeout=wait)
    except subprocess.TimeoutExpired:
        tracker.kill()
        with suppress(OSError):
            tracker.communicate()
        said = b""
    except OSError as error:
        said = str(error).encode()
    if tracker.returncode:
        _say(told, said.decode(errors="replace").strip() or "not every trial has arrived")


def _say(told: Tracking, what: str) -> None:
    """One sentence on stderr: a search that went well is no failure for it."""
    address = without_secret(told.uri)
    tell(
        f"hpogrid: MLflow at {address}: {what}; 'hpogrid report {told.project} --to_mlflow' "
        "writes what is missing"
    )

"""A job of a task whose folder this machine sees.

``python -m hpogrid.job.here FOLDER JOB`` is what sites with a shared file system start.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hpogrid.engine.run import Run
from hpogrid.errors import UserError
from hpogrid.job.again import exit_code
from hpogrid.job.run import JobResult, run_job
from hpogrid.job.settings import ONWARD, TaskFolder, read_settings, waiting_marks
from hpogrid.text import counted

_SECONDS = 60.0


def run_in_folder(
    task: TaskFolder, job: int, progress: Callable[[Run], None] = lambda run: None
) -> JobResult:
    """Run one job of a task in its folder (see `run_job`)."""
    settings = read_settings(task.path / TaskFolder.RECORD)
    return run_job(
        task.bundle,
        task.job(job),
        job=job,
        seed=settings.seed,
        ledgers=task.ledgers,
        shared=settings.shared,
        n_jobs=settings.n_jobs,
        prep=task.prep,
        added=settings.added,
        begun_with=settings.begun_with,
        requests=task.requests,
        progress=progress,
    )


def main(folder: str, job: str) -> int:
    """Run the job; what it is worth saying goes to its stdout and stderr."""
    try:
        result = run_in_folder(TaskFolder(Path(folder)), int(job))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{counted(result.finished, 'trial')} finished: {result.reason}\n")
    _go_on()
    return exit_code(TaskFolder(Path(folder)), int(job), result)


def _go_on() -> None:
    """Submit what waits for this job to end; where a node cannot do that, others will."""
    command = shlex.split(os.environ.get(ONWARD, ""))
    if command and waiting_marks():  # to start it costs as much as many a job
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(command, timeout=_SECONDS, capture_output=True, check=False)


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    # A user's script may have left threads behind that would keep the process alive.
    os._exit(code)

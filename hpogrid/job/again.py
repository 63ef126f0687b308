"""A job whose time is up before its budget is spent, and which goes on by itself.

The script of the job says how often (`ATTEMPTS`), and by what command its batch system queues it
again (`COMMAND`); without one, the exit code `Exit.AGAIN` has it do so.
"""

from __future__ import annotations

import os
import shlex
import subprocess

import msgspec

from hpogrid.engine.requests import STOP
from hpogrid.errors import Exit
from hpogrid.job.run import JobResult, write_result
from hpogrid.job.settings import TaskFolder

ATTEMPTS = "HPOGRID_MAX_ATTEMPTS"
COMMAND = "HPOGRID_AGAIN"
_SECONDS = 60.0


def exit_code(task: TaskFolder, job: int, result: JobResult) -> Exit:
    """The exit code of a job that has ended so; one that is to go on is queued again."""
    if result.state == "interrupted":
        return Exit.INTERRUPTED
    if not _goes_on(task, result):
        return Exit.OK
    most = os.environ[ATTEMPTS]
    reason = f"{result.reason}; it goes on by itself (attempt {result.attempt} of {most})"
    on = msgspec.structs.replace(result, state="interrupted", reason=reason)
    write_result(task.job(job), on)  # before: the batch system ends this job at once
    command = shlex.split(os.environ.get(COMMAND, ""))
    if command and not _done(command):
        write_result(task.job(job), result)
        return Exit.OK
    return Exit.AGAIN


def _goes_on(task: TaskFolder, result: JobResult) -> bool:
    most = os.environ.get(ATTEMPTS, "")
    if result.state != "unfinished" or not most.isdecimal() or result.attempt >= int(most):
        return False
    return not (task.requests / STOP).exists()


def _done(command: list[str]) -> bool:
    """Whether the batch system took the job; it may end the job, and the command, at once."""
    try:
        return subprocess.run(command, timeout=_SECONDS, check=False).returncode <= 0
    except (OSError, subprocess.TimeoutExpired):
        return False

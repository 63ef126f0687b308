"""A job of this machine in a container: ``python -m hpogrid.job.contained SCRIPT JOB``.

This process stands for the job: it holds its locks, which are not handed on, since helpers of a
container runtime may outlive the job. However it dies, all of its session dies with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType

from hpogrid.trial.lifeline import kill_session


def _wait(number: int, frame: FrameType | None) -> None:
    """Signals go to the whole group: the job ends in good order, and then this process."""


def _watch() -> None:
    """Have a process outside of our session kill what is left of it when we have gone."""
    leader = os.getsid(0)
    ours, _theirs = os.pipe()
    if os.fork():
        os.close(ours)
        return
    os.setsid()
    os.dup2(ours, 0)
    os.closerange(1, os.sysconf("SC_OPEN_MAX"))  # the locks are not for this process
    os.read(0, 1)  # nothing ever comes; it ends when ``_theirs`` is closed
    kill_session(leader)
    os._exit(0)


def main(script: str, job: str) -> int:
    """Run the script of a container for one job; return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _wait)
    if os.getsid(0) == os.getpid():
        _watch()
    code = subprocess.run(["/bin/sh", script, job], check=False).returncode
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""A job of this machine in a container: ``python -m hpogrid.site.contained SCRIPT JOB``.

This process stands for the job: it holds its locks, which are not handed on, since helpers of a
container runtime may outlive the job. When it dies, however, the container dies with it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType

from hpogrid.trial.lifeline import die_with_parent


def _wait(number: int, frame: FrameType | None) -> None:
    """Signals go to the whole group: the job ends in good order, and then this process."""


def main(script: str, job: str) -> int:
    """Run the script of a container for one job; return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _wait)
    process = subprocess.Popen(["/bin/sh", script, job], preexec_fn=die_with_parent)
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""``python -m tests.study.driver FOLDER HOST``: a driver that takes itself to be on another host.

The file system has no locks for it. It says ``runs``, then the name of each trial that it has
finished, one every twentieth of a second; or why it does not.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import hpogrid.engine.records as records
import hpogrid.study.takeover as takeover
from hpogrid.engine.run import Run
from hpogrid.errors import RunError
from tests.engine.searches import search, spec

QUIET_SECONDS = 1.0


def pretend(host: str) -> None:
    """Be on another machine, which shares nothing with others but the files."""

    def refuse(*args: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = refuse
    socket.gethostname = lambda: host
    for module in (takeover, records):
        module.boot_id = lambda: f"of {host}"  # type: ignore[attr-defined]
        module.BEAT_SECONDS = QUIET_SECONDS / 10  # type: ignore[attr-defined]
        module.QUIET_SECONDS = QUIET_SECONDS  # type: ignore[attr-defined]


def main(folder: Path) -> None:
    """Evaluate trials for ever."""
    run = Run(search(10**6), spec(folder))
    print("runs", flush=True)
    while (assignment := run.next()) is not None:
        time.sleep(0.05)
        run.report(assignment.trial, {"loss": assignment.config["x"]})
        run.finish(assignment.trial)
        print(assignment.trial, flush=True)


if __name__ == "__main__":
    pretend(sys.argv[2])
    try:
        main(Path(sys.argv[1]))
    except RunError as error:
        print(error, flush=True)

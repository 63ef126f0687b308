"""What a user asks of running jobs: files in a folder that the jobs of a task see.

Nothing listens, and a job that does not run when it is asked sees the request when it starts.
"""

from __future__ import annotations

import os
from pathlib import Path

from hpogrid.study.takeover import steady_time

STOP = "stop"
"""The request to start no further trial."""

UNWANTED = "ended by 'hpogrid tasks kill --trial'"
"""Why a trial failed that a user did not want any more."""

_KILL = "kill-"
_LOOK_SECONDS = 5.0


def kill_request(trial: str) -> str:
    """The name of the request to end a trial."""
    return f"{_KILL}{trial}"


class Requests:
    """The requests of one task, looked at every few seconds.

    Args:
        folder: with them; None: nobody can ask for anything.

    Attributes:
        stop: whether no further trial is to be started.
        unwanted: the trials that are to end.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._looked = float("-inf")
        self.stop = False
        self.unwanted: frozenset[str] = frozenset()

    def look(self) -> None:
        """See what there is, if the last look was long enough ago."""
        if self._folder is None or steady_time() - self._looked < _LOOK_SECONDS:
            return
        self._looked = steady_time()
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        self.stop = STOP in names
        self.unwanted = frozenset(
            name.removeprefix(_KILL) for name in names if name.startswith(_KILL)
        )

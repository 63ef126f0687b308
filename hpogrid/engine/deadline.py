"""The time of a job, and when the batch system will end it.

Signals are hints that not every batch system gives; the clock decides.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping

from hpogrid.study.takeover import steady_time

END_VARIABLES = ("HPOGRID_END_TIME", "SLURM_JOB_END_TIME")
"""Environment variables that may hold the job's end, in seconds since 1970."""

_MARGIN = 0.05
_MARGIN_SECONDS = (5.0, 60.0)


def end_time(environment: Mapping[str, str]) -> float | None:
    """When the job has to be over, in seconds since 1970; None: nobody says."""
    texts = (environment.get(name, "").strip() for name in END_VARIABLES)
    return min((float(text) for text in texts if text.isdecimal()), default=None)


class Clock:
    """The time of day as it was at the beginning, and what has passed since.

    A clock that is set meanwhile lengthens no trial and ends no job.
    """

    def __init__(self) -> None:
        self._beginning = time.time() - steady_time()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._beginning + steady_time()


class Deadline:
    """The end of this job.

    Args:
        end: in seconds since 1970, or None for a job without an end.
        clock: of the job.
    """

    def __init__(self, end: float | None, clock: Clock) -> None:
        self._now = clock.now
        self._stop = end
        if end is not None:
            whole = max(0.0, end - self._now())
            margin = min(max(whole * _MARGIN, _MARGIN_SECONDS[0]), _MARGIN_SECONDS[1], whole / 2)
            self._stop = end - margin

    @classmethod
    def of_this_job(cls, clock: Clock) -> Deadline:
        """As the environment tells."""
        return cls(end_time(os.environ), clock)

    @property
    def reached(self) -> bool:
        """Whether the time has come to stop what runs and to write the results."""
        return self.left <= 0

    @property
    def left(self) -> float:
        """Seconds until then; infinity without an end."""
        return math.inf if self._stop is None else self._stop - self._now()

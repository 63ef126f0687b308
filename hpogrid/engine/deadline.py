"""When the batch system will end this job.

Signals are hints that not every batch system gives; the clock decides.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping

END_VARIABLES = ("HPOGRID_END_TIME", "SLURM_JOB_END_TIME")
"""Environment variables that may hold the job's end, in seconds since 1970."""

_MARGIN = 0.05
_MARGIN_SECONDS = (5.0, 60.0)


def end_time(environment: Mapping[str, str]) -> float | None:
    """When the job has to be over, in seconds since 1970; None: nobody says."""
    texts = (environment.get(name, "").strip() for name in END_VARIABLES)
    return min((float(text) for text in texts if text.isdecimal()), default=None)


class Deadline:
    """The end of this job.

    Args:
        end: in seconds since 1970, or None for a job without an end.
    """

    def __init__(self, end: float | None) -> None:
        self._end = end
        self._stop = end
        if end is not None:
            whole = max(0.0, end - time.time())
            margin = min(max(whole * _MARGIN, _MARGIN_SECONDS[0]), _MARGIN_SECONDS[1], whole / 2)
            self._stop = end - margin

    @classmethod
    def of_this_job(cls) -> Deadline:
        """As the environment tells."""
        return cls(end_time(os.environ))

    @property
    def reached(self) -> bool:
        """Whether the time has come to stop what runs and to write the results."""
        return self.left <= 0

    @property
    def left(self) -> float:
        """Seconds until then; infinity without an end."""
        return math.inf if self._stop is None else self._stop - time.time()

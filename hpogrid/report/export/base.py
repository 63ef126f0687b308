"""The contract of an exporter."""

from __future__ import annotations

import hashlib
from typing import Protocol

from hpogrid.report.results import Origin, Results
from hpogrid.study.study import Trial


class Exporter(Protocol):
    """Writes results where another tool reads them.

    What is there already, from an earlier export of the same trials, is kept; trials that have
    ended since are brought up to date.
    """

    def export(self, results: Results, target: str) -> str:
        """Write to a place that the tool knows; return a sentence that says what was done.

        Raises:
            UserError: the place cannot be used.
        """


def trial_key(results: Results, task: Origin, trial: Trial) -> str:
    """The identity of a trial wherever it is exported to."""
    return f"{results.name}/{task.key or task.name or task.id or task.folder}/{trial.id}"


def short_key(key: str) -> str:
    """The same in sixteen letters."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]

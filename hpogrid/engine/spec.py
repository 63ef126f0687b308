"""Which job this is, and what it is told to evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class JobSpec:
    """Which job this is.

    Attributes:
        job: its index in the task, from 0.
        seed: of the task; each job and trial derives its own.
        ledgers: the folder of the task's ledgers.
        trials: the folder of the trials' own folders (logs, checkpoints).
        shared: whether the jobs of the task are one search.
        n_jobs: how many jobs the task has.
        prep: the folder in which what trials need is prepared; of all jobs that share a disk.
        after: numbers of trials begin after this one; earlier attempts, of which no ledger is
            here, may have given those up to it.
        added: trials that the budget has beyond that of the project as it was submitted.
    """

    job: int
    seed: int
    ledgers: Path
    trials: Path
    shared: bool = True
    n_jobs: int = 1
    after: int = 0
    prep: Path | None = None
    added: int = 0


@dataclass(frozen=True)
class Assignment:
    """A trial to evaluate; it goes on from ``restore``, saved before report ``from_step``.

    ``spent`` is how many seconds of ``trial_timeout`` its earlier stretches took.
    """

    trial: str
    config: dict[str, Any]
    seed: int
    attempt: int = 1
    from_step: int = 0
    restore: Path | None = None
    spent: float = 0.0

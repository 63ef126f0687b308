"""Which job it is, and what it is given to evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hpogrid.space.space import Point
from hpogrid.space.value import Values
from hpogrid.study.events import Ended, Started


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
        begun_with: how many it had at first, which share the points to try first, and a finite
            space where they cannot ask each other; 0: the same.
        requests: the folder in which users ask for something while the job runs.
        prep: the folder in which what trials need is prepared; of all jobs that share a disk.
        after: numbers of trials begin after this one; earlier attempts, of which no ledger is
            here, may have given those up to it.
        added: trials that the budget has beyond that of the project as it was submitted.
        trial_seed: of every trial; None: each derives its own from the task's.
    """

    job: int
    seed: int
    ledgers: Path
    trials: Path
    shared: bool = True
    n_jobs: int = 1
    begun_with: int = 0
    requests: Path | None = None
    after: int = 0
    prep: Path | None = None
    added: int = 0
    trial_seed: int | None = None

    @property
    def sharing(self) -> int:
        """How many jobs deal out among themselves what is dealt out: those of the beginning."""
        return self.begun_with or self.n_jobs

    def share(self, first: Sequence[Point]) -> Sequence[Point]:
        """Those of the points to try first that are this job's; one that was added has none."""
        if not self.shared:
            return first
        return first[self.job :: self.sharing] if self.job < self.sharing else []


@dataclass(frozen=True, slots=True)
class Start:
    """A trial that is to be started.

    Attributes:
        source: whose newest checkpoint it goes on from: its own, or that of a better one.
        reported: the last report of that one; checkpoints that were saved later do not count.
        asks: whether other jobs may have taken the configuration, so that it is claimed first.
    """

    trial: str
    point: Point
    seed: int
    attempt: int = 1
    group: str | None = None
    source: str | None = None
    reported: int = 0
    asks: bool = False

    def event(self, now: float, step: int = 0) -> Started:
        """The start as the ledger has it; it goes on after report ``step``."""
        suggested, applied = self.point.suggested, self.point.applied
        return Started(
            time=now,
            trial=self.trial,
            seed=self.seed,
            suggested=suggested,
            applied=None if applied == suggested else applied,
            attempt=self.attempt,
            from_step=step,
            parent=None if self.source == self.trial else self.source,
            group=self.group,
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial to evaluate; it goes on from ``restore``, saved before report ``from_step``.

    ``spent`` is how many seconds of ``trial_timeout`` its earlier stretches took.
    """

    trial: str
    config: Values
    seed: int
    attempt: int = 1
    from_step: int = 0
    restore: Path | None = None
    spent: float = 0.0


Step = Start | Ended | Literal["look"]
"""What comes next: start a trial, write that a paused one has ended, or look what jobs that have
died left behind (see `SearchState.offer`)."""

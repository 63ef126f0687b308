"""What a job runs next: what it was cut off from, then repetitions, then new configurations."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from hpogrid.engine.books import Books, unless_same
from hpogrid.engine.pauses import Pauses
from hpogrid.engine.spec import Assignment, JobSpec
from hpogrid.search.base import derive_seed
from hpogrid.space.space import Point
from hpogrid.study.events import Ended, Started
from hpogrid.study.study import Trial


class Queue:
    """The trials to come.

    Args:
        spec: which job it is.
        seed: of the job.
        books: in which trials begin.
        pauses: the trials that are paused.
        own: the trials of the job's earlier attempts.

    Attributes:
        again: interrupted trials that shall run again.
    """

    def __init__(
        self, spec: JobSpec, seed: int, books: Books, pauses: Pauses, own: Sequence[Trial]
    ) -> None:
        self._spec = spec
        self._seed = seed
        self._books = books
        self._records = books.records
        self._learning = books.learning
        cut_off = [trial for trial in own if not trial.finished and trial.id not in pauses]
        self.again = deque(trial for trial in cut_off if self._is_ours(trial))
        self._orphans = deque(self._records.exchange.orphans())
        self._repeats = deque(self._learning.repetitions.missing(own))
        self._number = max(spec.after, self._records.study.last_number(spec.job))

    def _is_ours(self, trial: Trial) -> bool:
        """Whether no other job evaluates the configuration of a trial that was cut off."""
        if self._records.exchange.still_mine(trial):
            return True
        if trial.state == "running":
            reason = "its job was silent for long: another one took the configuration over"
            self._records.write(
                Ended(time=time.time(), trial=trial.id, state="interrupted", reason=reason)
            )
        return False

    def repetition(self) -> Assignment | None:
        """Begin the next repetition of a configuration, if one is due."""
        return self.begin(*self._repeats.popleft()) if self._repeats else None

    def begin(self, point: Point, group: str | None = None) -> Assignment:
        """Begin a new trial: of a new configuration, or a repetition of one."""
        repetitions = self._learning.repetitions
        self._number += 1
        self._learning.budget.start()
        trial = f"{self._spec.job}-{self._number}"
        if group is None and (group := repetitions.group(trial)) is not None:
            self._repeats.extend(repetitions.others(point, group))
        return self._books.begin(
            Started(
                time=time.time(),
                trial=trial,
                seed=derive_seed(self._seed, "trial", self._number),
                suggested=point.suggested,
                applied=unless_same(point.applied, point.suggested),
                group=group,
            )
        )

    def claimed_point(self) -> Point | None:
        """A configuration that no other job evaluates; None: there is none just now."""
        if self._orphans:
            return self._orphans.popleft()
        while (point := self._learning.proposer.ask()) is not None:
            if self._records.exchange.claim(point):
                return point
        return None

"""Repetitions: a configuration run with several seeds, of which the algorithm sees the mean."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable

from hpogrid.search.base import FAILED, Outcome
from hpogrid.space.space import Point
from hpogrid.study.study import Trial


class Repetitions:
    """Gathers the outcomes of groups of trials.

    Args:
        count: how often each configuration is run.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._outcomes: dict[str, dict[str, Outcome]] = defaultdict(dict)

    def outcome(self, trial: Trial, outcome: Outcome) -> Outcome | None:
        """What to tell the algorithm when a trial has ended; None: nothing yet.

        Failed repetitions do not count; if all failed, so has the configuration.
        """
        if trial.group is None:
            return outcome
        group = self._outcomes[trial.group]
        group[trial.id] = outcome
        if len(group) < self._count:
            return None
        values = [item.values for item in group.values() if item.values is not None]
        if not values:
            return FAILED
        return Outcome(tuple(map(statistics.fmean, zip(*values, strict=True))))

    def group(self, trial: str) -> str | None:
        """The group of a trial that is the first of its configuration."""
        return trial if self._count > 1 else None

    def others(self, point: Point, group: str) -> list[tuple[Point, str]]:
        """The repetitions that follow the first one."""
        return [(point, group)] * (self._count - 1)

    def missing(self, trials: Iterable[Trial]) -> list[tuple[Point, str]]:
        """The repetitions that a killed job had not begun."""
        begun: dict[str, list[Trial]] = defaultdict(list)
        for trial in trials:
            if trial.group is not None:
                begun[trial.group].append(trial)
        return [
            (Point(members[0].suggested, members[0].applied), group)
            for group, members in begun.items()
            for _ in range(self._count - len(members))
        ]

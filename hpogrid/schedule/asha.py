"""Asynchronous successive halving, the stopping variant (Li et al. 2018, arXiv:1810.05934)."""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass, field

from hpogrid.schedule.base import BaseScheduler, Decision, ScheduleOptions, reaches
from hpogrid.search.base import Problem


class AshaOptions(ScheduleOptions, frozen=True, kw_only=True):
    """``max_t``: the resource after which a trial ends; ``grace_period``: it runs at least so long.

    At ``grace_period * reduction_factor ** k`` only the best of ``reduction_factor`` go on.
    """

    max_t: float = 100
    grace_period: float = 1
    reduction_factor: float = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.grace_period <= self.max_t:
            raise ValueError("it takes 0 < grace_period <= max_t")
        if self.reduction_factor <= 1:
            raise ValueError(f"reduction_factor {self.reduction_factor:g} is not above 1")


@dataclass
class _Rung:
    """A resource at which trials are compared, and the losses of those that came there."""

    level: float
    trials: set[str] = field(default_factory=set)
    losses: list[float] = field(default_factory=list)

    def cutoff(self, factor: float) -> float | None:
        """The loss that one in ``factor`` of the trials reach, interpolated between two of them."""
        if not self.losses:
            return None
        place, part = divmod((len(self.losses) - 1) / factor, 1)
        below, *above = self.losses[int(place) : int(place) + 2]
        return below + part * (above[0] - below) if above else below


class AshaScheduler(BaseScheduler):
    """Compares a trial at each rung with all that came there before it, and never waits.

    It decides as Ray Tune's ``AsyncHyperBandScheduler``: the trial itself is not in the quantile,
    and a report counts at the highest rung that its trial has come to and does not stand in yet.
    """

    Settings = AshaOptions

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        grace, factor, most = (
            self.options.grace_period,
            self.options.reduction_factor,
            self.options.max_t,
        )
        levels = (grace * factor**power for power in itertools.count())
        below = itertools.takewhile(lambda level: not reaches(level, most), levels)
        self._rungs = [_Rung(level) for level in below]
        self.rungs = (*(rung.level for rung in self._rungs), most)

    def on_report(self, trial: str, resource: float, loss: float) -> Decision:
        """Stop a trial at a rung where it is not among the best; at ``max_t`` it is complete."""
        decision: Decision = "continue"
        for rung in reversed(self._rungs):
            if reaches(resource, rung.level) and trial not in rung.trials:
                cutoff = rung.cutoff(self.options.reduction_factor)
                if cutoff is not None and loss > cutoff:
                    decision = "stop"
                rung.trials.add(trial)
                bisect.insort(rung.losses, loss)
                break
        return "complete" if reaches(resource, self.options.max_t) else decision

"""Asynchronous successive halving, the stopping variant (Li et al. 2018, arXiv:1810.05934)."""

from __future__ import annotations

import bisect

from hpogrid.schedule.base import BaseScheduler, Decision, ScheduleOptions
from hpogrid.search.base import Problem


class AshaOptions(ScheduleOptions, frozen=True, kw_only=True):
    """``max_t``: the resource after which a trial ends; ``grace_period``: it runs at least so long.

    At ``grace_period * reduction_factor ** k`` only the best of ``reduction_factor`` go on.
    """

    max_t: int = 100
    grace_period: int = 1
    reduction_factor: float = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.grace_period <= self.max_t:
            raise ValueError("it takes 1 <= grace_period <= max_t")
        if self.reduction_factor <= 1:
            raise ValueError(f"reduction_factor {self.reduction_factor:g} is not above 1")


class AshaScheduler(BaseScheduler):
    """Compares a trial at each rung with all that came there before it, and never waits."""

    Settings = AshaOptions

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        self._rungs: list[tuple[int, list[float]]] = []
        resource = float(self.options.grace_period)
        while resource < self.options.max_t:
            self._rungs.append((round(resource), []))
            resource *= self.options.reduction_factor
        self.rungs = (*(resource for resource, _ in self._rungs), self.options.max_t)
        self._reached: dict[str, int] = {}

    def on_report(self, trial: str, step: int, loss: float) -> Decision:
        """Stop a trial at a rung where it is not among the best; at ``max_t`` it is complete."""
        reached = self._reached.get(trial, 0)
        decision: Decision = "continue"
        while reached < len(self._rungs) and step >= self._rungs[reached][0]:
            losses = self._rungs[reached][1]
            bisect.insort(losses, loss)
            allowed = max(1, int(len(losses) / self.options.reduction_factor))
            if len(losses) >= self.options.reduction_factor and loss > losses[allowed - 1]:
                decision = "stop"
            reached += 1
        self._reached[trial] = reached
        return "complete" if step >= self.options.max_t else decision

"""HyperBand as BOHB uses it (Falkner et al. 2018, arXiv:1807.01774): brackets that wait.

Each bracket gives many trials a little, keeps the best of them, and gives those more. A trial
that has come to a rung is paused until all of its bracket have; the best then go on from their
checkpoints, and the others have ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hpogrid.schedule.base import BaseScheduler, Decision, Release, ScheduleOptions, reaches
from hpogrid.schedule.standing import best_first
from hpogrid.search.base import Problem
from hpogrid.space.space import Point
from hpogrid.study.values import Losses

_ROUNDING = 1e-9
"""By so much a power or logarithm of a fraction may be off."""


class HyperBandOptions(ScheduleOptions, frozen=True, kw_only=True):
    """``max_t``: the resource that the best trials get; one in ``reduction_factor`` goes on.

    The smallest resource is 1, as in the paper.
    """

    max_t: float = 81
    reduction_factor: float = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_t < 1:
            raise ValueError(f"max_t {self.max_t:g} is below 1")
        if self.reduction_factor <= 1:
            raise ValueError(f"reduction_factor {self.reduction_factor:g} is not above 1")


@dataclass
class _Member:
    """A trial in a bracket: the rung it runs to or waits at."""

    rung: int = 0
    paused_at: float | None = None
    waits: bool = False
    losses: Losses | None = None
    over: bool = False


@dataclass
class _Bracket:
    """``size`` trials are compared at each of the rungs."""

    size: int
    rungs: list[float]
    members: dict[str, _Member] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return len(self.members) >= self.size


class HyperBandScheduler(BaseScheduler):
    """Fills one bracket after another, from many short trials to few long ones, and again."""

    Settings = HyperBandOptions
    pauses = True

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        shapes = bracket_shapes(self.options.max_t, self.options.reduction_factor)
        self.rungs = tuple(sorted({rung for _, rungs in shapes for rung in rungs}))
        self._shapes = shapes
        self._brackets: list[_Bracket] = []
        self._of: dict[str, _Bracket] = {}
        self._decided: list[Release] = []

    def on_start(self, trial: str, point: Point, resource: float) -> None:
        """Give a new trial a place in the bracket that is being filled."""
        if trial in self._of:
            return
        if not self._brackets or self._brackets[-1].full:
            size, rungs = self._shapes[len(self._brackets) % len(self._shapes)]
            self._brackets.append(_Bracket(size, rungs))
        self._of[trial] = self._brackets[-1]
        self._brackets[-1].members[trial] = _Member()

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        """Pause a trial at its rung; at the last one it is complete."""
        if trial not in self._of:
            return "continue"
        rungs, member = self._of[trial].rungs, self._of[trial].members[trial]
        if member.paused_at is not None:
            if resource <= member.paused_at:
                return "pause"
            _promote(member)  # so the ledger tells, from which this is being made anew
        if not reaches(resource, rungs[member.rung]):
            return "continue"
        if member.rung == len(rungs) - 1:
            return "complete"
        member.paused_at, member.losses = resource, losses
        return "pause"

    def on_pause(self, trial: str) -> None:
        """It waits for the others of its bracket."""
        self._of[trial].members[trial].waits = True

    def on_end(self, trial: str) -> None:
        """Wait for it no longer."""
        if trial in self._of:
            self._of[trial].members[trial].over = True

    def release(self, fresh: bool) -> Release | None:
        """Decide on rungs that everyone has come to who will."""
        for bracket in self._brackets:
            if bracket.full or not fresh:
                self._decide(bracket)
        return self._decided.pop(0) if self._decided else None

    def _decide(self, bracket: _Bracket) -> None:
        alive = {name: member for name, member in bracket.members.items() if not member.over}
        rung = min((member.rung for member in alive.values()), default=0)
        group = {name: member for name, member in alive.items() if member.rung == rung}
        if not group or not all(member.waits for member in group.values()):
            return
        gone = sum(member.rung > rung for member in bracket.members.values())
        keep = places(len(bracket.members), self.options.reduction_factor, rung + 1) - gone
        known = {name: member.losses for name, member in group.items() if member.losses is not None}
        ranked = [*best_first(known), *(name for name in group if name not in known)]
        for place, name in enumerate(ranked):
            go_on = place < keep
            self._decided.append(Release(name, go_on))
            if go_on:
                _promote(group[name])
            else:
                group[name].over = True


def _promote(member: _Member) -> None:
    member.rung += 1
    member.paused_at, member.waits = None, False


def places(size: int, factor: float, halvings: int) -> int:
    """How many trials of a bracket go on after so many comparisons."""
    return max(1, math.floor(size / factor**halvings + _ROUNDING))


def bracket_shapes(max_t: float, factor: float) -> list[tuple[int, list[float]]]:
    """For each bracket the number of trials, and the resources at which they are compared.

    They are those of Li et al. (arXiv:1603.06560), fractions included: a trial is compared at its
    first report that comes to them.
    """
    most = int(math.log(max_t) / math.log(factor) + _ROUNDING)
    shapes = []
    for halvings in range(most, -1, -1):
        size = math.ceil((most + 1) / (halvings + 1) * factor**halvings - _ROUNDING)
        rungs = [max_t / factor**left for left in range(halvings, -1, -1)]
        shapes.append((size, rungs))
    return shapes

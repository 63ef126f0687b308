"""Population based training (Jaderberg et al. 2017, arXiv:1711.09846), asynchronous.

The trials of the job are the population. Every ``perturbation_interval`` a trial among the worst
copies a trial among the best: it goes on from that one's checkpoint, with its configuration a
little changed.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import cast

from hpogrid.schedule.base import BaseScheduler, Decision, Release, ScheduleOptions, reaches
from hpogrid.schedule.standing import best_first
from hpogrid.search.base import Problem, derive_seed
from hpogrid.space.latent import Category, IntegerRange, Unit
from hpogrid.space.parameter import Ordinal, Parameter
from hpogrid.space.space import Point, Space
from hpogrid.study.values import Losses

_HALVINGS = 60
"""After so many halvings of the unit interval nothing is left to halve."""


class PbtOptions(ScheduleOptions, frozen=True, kw_only=True):
    """Parameters, by the names that Ray Tune gave them.

    Trials are compared at the multiples of ``perturbation_interval``, which counts the resource
    as ``burn_in_period`` does: before that nothing is copied. The worst ``quantile_fraction``
    copy from the best. A changed parameter is drawn anew with ``resample_probability``; else a
    number is multiplied by one of ``perturbation_factors``, and a choice stays.
    """

    perturbation_interval: float = 4
    burn_in_period: float = 0
    quantile_fraction: float = 0.25
    resample_probability: float = 0.25
    perturbation_factors: tuple[float, float] = (1.2, 0.8)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.perturbation_interval <= 0:
            raise ValueError(f"perturbation_interval {self.perturbation_interval:g} is not above 0")
        if not 0 < self.quantile_fraction <= 0.5:
            raise ValueError(f"quantile_fraction {self.quantile_fraction:g} is not in 0 to 0.5")
        if not 0 <= self.resample_probability <= 1:
            raise ValueError(f"resample_probability {self.resample_probability:g} is not in 0 to 1")


@dataclass
class _Member:
    """A trial of the population: how far it is, and when it is looked at next."""

    point: Point
    resource: float
    next_look: float
    losses: Losses | None = None
    paused: bool = False
    over: bool = False


class PbtScheduler(BaseScheduler):
    """Pauses trials at each interval, so that all of the population get their turn."""

    Settings = PbtOptions
    algorithms = ("random", "tune", "grid")
    pauses = True
    needs_checkpoints = True

    def __init__(
        self, options: ScheduleOptions | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(options, problem)
        self._members: dict[str, _Member] = {}

    def on_start(self, trial: str, point: Point, resource: float) -> None:
        """Take a trial into the population, or note with what it goes on."""
        self._members[trial] = _Member(point, resource, self._after(resource))

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        """Pause a trial when others wait for their turn, or when it is to copy another."""
        member = self._members.get(trial)
        if member is None:
            return "continue"
        member.resource, member.losses, member.paused = resource, losses, False
        if not reaches(resource, member.next_look):
            return "continue"
        member.next_look = self._after(resource)
        return "pause" if self._others_wait() or trial in self._quantiles()[1] else "continue"

    def on_pause(self, trial: str) -> None:
        """It waits for its turn."""
        self._members[trial].paused = True

    def on_end(self, trial: str) -> None:
        """Take a trial out of the population."""
        if trial in self._members:
            self._members[trial].over = True

    def release(self, fresh: bool) -> Release | None:
        """Let the paused trial go on that is least far; new trials go first."""
        paused = [
            name for name, member in self._members.items() if member.paused and not member.over
        ]
        if fresh or not paused:
            return None
        trial = min(paused, key=lambda name: self._members[name].resource)
        member = self._members[trial]
        member.paused = False
        best, worst = self._quantiles()
        if trial not in worst or not reaches(member.resource, self.options.burn_in_period):
            return Release(trial)
        assert self.problem is not None
        rng = random.Random(derive_seed(self.problem.seed, "pbt", trial, member.resource))
        source = rng.choice(best)
        point = explore(self.problem.space, self._members[source].point, self.options, rng)
        return Release(trial, source=source, point=point)

    def _after(self, resource: float) -> float:
        """The next multiple of the interval."""
        interval: float = self.options.perturbation_interval
        following = interval * (math.floor(resource / interval) + 1)
        return following + interval if reaches(resource, following) else following

    def _others_wait(self) -> bool:
        population = self.problem.trials if self.problem is not None else None
        unborn = population is not None and len(self._members) < population
        return unborn or any(member.paused and not member.over for member in self._members.values())

    def _quantiles(self) -> tuple[list[str], list[str]]:
        """The best and the worst of the trials that have reported and are not over."""
        ranked = best_first(
            {
                name: member.losses
                for name, member in self._members.items()
                if member.losses is not None and not member.over
            }
        )
        count = min(math.ceil(len(ranked) * self.options.quantile_fraction), len(ranked) // 2)
        return ranked[:count], ranked[len(ranked) - count :]


def explore(space: Space, point: Point, options: PbtOptions, rng: random.Random) -> Point:
    """A configuration near ``point`` that lies in the space, conditions and links included."""
    latents = space.encode(point.suggested)
    for name, axis in space.axes.items():
        if name not in point.suggested or rng.random() < options.resample_probability:
            latents[name] = axis.sample(rng)
        elif not isinstance(axis, Category):
            factor = rng.choice(options.perturbation_factors)
            latents[name] = _multiplied(space.parameters[name], axis, latents[name], factor)
    return space.decode(latents, {name: point.suggested[name] for name in space.crossed})


def _multiplied(
    parameter: Parameter, axis: Unit | IntegerRange, latent: float | int, factor: float
) -> float | int:
    """The latent of ``factor`` times the value, or, on a lattice, of the next value beyond that.

    Values with an order that are no numbers move to a neighbour. Bounds hold.
    """
    if isinstance(parameter, Ordinal) and isinstance(axis, IntegerRange):
        return min(max(int(latent) + (1 if factor > 1 else -1), axis.low), axis.high)

    def value(latent: float | int) -> float:
        return cast(float, parameter.decode(latent))

    target = value(latent) * factor
    up = target > value(latent)
    if isinstance(axis, IntegerRange):
        lattice = range(axis.low, axis.high + 1)
        place = (
            bisect_left(lattice, target, key=value)
            if up
            else bisect_right(lattice, target, key=value) - 1
        )
        return lattice[min(max(place, 0), len(lattice) - 1)]
    below, above = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        if value(middle) < target or (value(middle) == target and not up):
            below = middle
        else:
            above = middle
    return above if up else below

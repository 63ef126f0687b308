"""The contract of a scheduler: who stops or pauses a trial early."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from hpogrid.search.base import Options, Problem
from hpogrid.space.space import Point

Decision = Literal["continue", "stop", "complete", "pause"]
"""``stop``: it is among the worse; ``complete``: it has had all that a trial gets; ``pause``: it
waits as its newest checkpoint, until `Scheduler.release` decides on it."""


@dataclass(frozen=True)
class Release:
    """What becomes of a paused trial.

    Attributes:
        trial: its id.
        go_on: whether it runs again; else it has ended.
        source: the trial from whose newest checkpoint it goes on (None: from its own).
        point: the configuration with which it goes on (None: its own).
    """

    trial: str
    go_on: bool = True
    source: str | None = None
    point: Point | None = None


class Scheduler(Protocol):
    """Told every report of every trial of the study, also of those that run elsewhere.

    Only the trials of its own job are started (`on_start`), paused and released. A resource is a
    number of any kind: epochs and tenths of them, seconds, tokens; it may jump. One may come again
    when a trial was interrupted. What a scheduler knows is made anew from the ledger when a job is
    resumed: trials in the order of their numbers, then the reports of each.
    """

    Settings: ClassVar[type[Options]]
    algorithms: ClassVar[tuple[str, ...] | None]
    """The algorithms that it goes with; None: all."""
    pauses: ClassVar[bool]
    """Whether it pauses trials at all."""
    judges: ClassVar[bool]
    """Whether what others report may end a trial."""
    ends_late: ClassVar[bool]
    """Whether most paused trials have ended with the search only."""
    needs_checkpoints: ClassVar[bool]
    """Whether a trial without checkpoints cannot be served."""
    rungs: tuple[float, ...]
    """The resources, in rising order, at which results of different trials are compared."""

    def on_start(self, trial: str, point: Point, resource: float) -> None:
        """A trial of this job begins, or goes on from ``resource`` with another configuration."""

    def on_report(self, trial: str, resource: float, *losses: float) -> Decision:
        """Take in a report and decide.

        Args:
            trial: its id.
            resource: what was spent so far (reports, or the scheduler's ``time_attr``).
            losses: the values of all objectives at this resource; smaller is better.
        """

    def on_pause(self, trial: str) -> None:
        """A trial that was told to pause has ended its evaluation, and can go on from now."""

    def on_end(self, trial: str) -> None:
        """A trial came to its end, however it did: it will report no more."""

    def release(self, fresh: bool) -> Release | None:
        """Decide on one paused trial; None: on none now.

        Args:
            fresh: whether trials that were never started are still to come.
        """


def reaches(resource: float, level: float) -> bool:
    """Whether a resource has come to a level, be it but for rounding: ten times 0.1 reaches 1."""
    return resource >= level or math.isclose(resource, level)


class ScheduleOptions(Options, frozen=True, kw_only=True):
    """The ``scheduler_param`` that every scheduler takes.

    ``max_concurrent`` trials run at once in a job; ``time_attr`` is the reported metric that
    counts the resource (``training_iteration`` counts reports).
    """

    max_concurrent: int = 4
    time_attr: str = "training_iteration"

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name}: {value:g} is not a finite number")
        if self.max_concurrent < 1:
            raise ValueError(f"max_concurrent {self.max_concurrent} is not above 0")

    def settled(self, learns: bool) -> ScheduleOptions:
        """The same with what follows from whether the algorithm proposes by what was found."""
        return self


class BaseScheduler:
    """Keeps the options, and pauses nothing; a subclass decides on reports."""

    Settings: ClassVar[type[Options]] = ScheduleOptions
    algorithms: ClassVar[tuple[str, ...] | None] = None
    pauses: ClassVar[bool] = False
    judges: ClassVar[bool] = True
    ends_late: ClassVar[bool] = False
    needs_checkpoints: ClassVar[bool] = False
    rungs: tuple[float, ...] = ()

    def __init__(self, options: Options | None = None, problem: Problem | None = None) -> None:
        self.options: Any = options if options is not None else self.Settings()
        self.problem = problem

    def on_start(self, trial: str, point: Point, resource: float) -> None:
        """Nothing to note (see `Scheduler`)."""

    def on_pause(self, trial: str) -> None:
        """Nothing to note (see `Scheduler`)."""

    def on_end(self, trial: str) -> None:
        """Nothing to note (see `Scheduler`)."""

    def release(self, fresh: bool) -> Release | None:
        """None: nothing is paused (see `Scheduler`)."""
        return None

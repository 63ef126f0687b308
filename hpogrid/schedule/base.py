"""The contract of a scheduler: who stops a trial early."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol

from hpogrid.search.base import Options

Decision = Literal["continue", "stop"]


class Scheduler(Protocol):
    """Told every report of every trial of the study, also of those that run elsewhere."""

    Settings: ClassVar[type[Options]]

    def on_report(self, trial: str, step: int, loss: float) -> Decision:
        """Take in a report and decide.

        Args:
            trial: its id.
            step: the resource spent so far (reports, or the scheduler's ``time_attr``).
            loss: the objective value at this step; smaller is better.
        """


class ScheduleOptions(Options, frozen=True, kw_only=True):
    """The ``scheduler_param`` that every scheduler takes.

    ``max_concurrent`` trials run at once in a job; ``time_attr`` is the reported metric that
    counts the resource (``training_iteration`` counts reports).
    """

    max_concurrent: int = 4
    time_attr: str = "training_iteration"

    def __post_init__(self) -> None:
        if self.max_concurrent < 1:
            raise ValueError(f"max_concurrent {self.max_concurrent} is not above 0")


class BaseScheduler:
    """Keeps the options; a subclass decides."""

    Settings: ClassVar[type[Options]] = ScheduleOptions

    def __init__(self, options: Options | None = None) -> None:
        self.options: Any = options if options is not None else self.Settings()

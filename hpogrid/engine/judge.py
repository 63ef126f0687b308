"""The judge: tells reports to the scheduler, and at its rungs to the algorithm as well."""

from __future__ import annotations

from typing import Any

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.results import loss, objectives
from hpogrid.schedule import make_scheduler
from hpogrid.schedule.base import Decision, Release, reaches
from hpogrid.search.base import BaseSearcher, Outcome, Problem
from hpogrid.search.proposer import Proposer
from hpogrid.space.space import Point
from hpogrid.study.study import Trial
from hpogrid.study.values import number

REPORTS = "training_iteration"
"""The metric that counts reports, without that a script has to report it."""


class Judge:
    """Decides how reporting trials go on.

    Args:
        config: names the scheduler, its parameters and the objectives.
        task: what is searched.
        proposer: told what the trials of all jobs reached at the scheduler's rungs; so the budget
            of BOHB comes to its model.
    """

    def __init__(self, config: HpoConfig, task: Problem, proposer: Proposer) -> None:
        self._config = config
        self._proposer = proposer
        self._scheduler = make_scheduler(
            config.scheduler, config.scheduler_param, task, config.stop
        )
        self._attr = config.scheduler_param.get("time_attr", REPORTS)
        listens = type(proposer.searcher).report is not BaseSearcher.report
        self._rungs = self._scheduler.rungs if listens else ()
        self._told: dict[str, float] = {}

    @property
    def needs_checkpoints(self) -> bool:
        """Whether the scheduler can only go on with trials that save checkpoints."""
        return self._scheduler.needs_checkpoints

    def start(self, trial: Trial) -> None:
        """A trial of this job begins, or goes on with other values."""
        point, copied = Point(trial.suggested, trial.applied), trial.copied
        begins = self._resource(trial.changed_at, copied.metrics) if copied is not None else None
        self._scheduler.on_start(trial.id, point, begins or 0.0)

    def report(self, trial: Trial, step: int, metrics: dict[str, Any]) -> Decision:
        """Take in report number ``step`` of a trial of any job, and decide."""
        value, resource = loss(self._config, metrics), self._resource(step, metrics)
        if value is None or resource is None or step <= trial.changed_at:
            return "continue"
        self._tell(trial, resource, metrics)
        return self._scheduler.on_report(trial.id, resource, value)

    def _resource(self, step: int, metrics: dict[str, Any]) -> float | None:
        """The resource after a report; None: the report does not say, and counts as nothing."""
        return number({REPORTS: step, **metrics}.get(self._attr))

    def _tell(self, trial: Trial, resource: float, metrics: dict[str, Any]) -> None:
        """Tell the algorithm when a trial has come to the next rung."""
        rung = max((level for level in self._rungs if reaches(resource, level)), default=0.0)
        if rung > self._told.get(trial.id, 0):
            self._told[trial.id] = rung
            outcome = Outcome(objectives(self._config, metrics))
            self._proposer.report(trial.suggested, outcome, rung)

    def pause(self, trial: Trial) -> None:
        """A trial of this job that was told to pause waits from now on."""
        self._scheduler.on_pause(trial.id)

    def end(self, trial: Trial) -> None:
        """A trial of this job has ended."""
        self._scheduler.on_end(trial.id)

    def release(self, fresh: bool) -> Release | None:
        """What becomes of one of the paused trials (see `Scheduler.release`)."""
        return self._scheduler.release(fresh)

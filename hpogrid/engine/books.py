"""The books of running trials: how each begins, and that it has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpogrid.engine.learning import Learning
from hpogrid.engine.records import Records
from hpogrid.engine.spec import Assignment
from hpogrid.study.events import Ended, Reported, Started, State
from hpogrid.study.study import Copied, Trial
from hpogrid.study.values import number
from hpogrid.trial.checkpoints import go_back, take_lent

SECONDS = "time_total_s"
"""The metric that counts the seconds of a trial, without that a script has to report it."""


@dataclass
class Running:
    """A trial that is being evaluated, and the reports of its present configuration.

    Attributes:
        step: the number of its last report.
        unwritten: reports that are not in the ledger yet.
        prepared: seconds of its attempt that went into preparing what it needs.
        verdict: its state if it ends now.
        before: seconds of training in the state from which it goes on.
    """

    step: int
    reports: list[dict[str, Any]] = field(default_factory=list)
    unwritten: list[Reported] = field(default_factory=list)
    prepared: float = 0
    verdict: State = "complete"
    before: float = 0


class Books:
    """Begins trials and ends them: in the ledger, before everyone else is told.

    Args:
        records: where that is written.
        learning: who is told.
        trials: the folder of the trials' own folders.

    Attributes:
        running: the trials that run at the moment, by id.
    """

    def __init__(self, records: Records, learning: Learning, trials: Path) -> None:
        self.records = records
        self.learning = learning
        self.trials = trials
        self.running: dict[str, Running] = {}

    def begin(self, event: Started, restore: Path | None = None) -> Assignment:
        """Start a trial, for the first time or again from the checkpoint ``restore``."""
        self.records.write(event)
        trial = self.records.study.trials[event.trial]
        self.records.exchange.publish(trial)
        if event.attempt == 1 or event.parent is not None:
            self.learning.judge.start(trial)
        step = event.from_step
        self.running[event.trial] = Running(
            step, present_reports(trial), before=_seconds(trial, step)
        )
        spent = trial.before if step else 0.0
        return Assignment(
            event.trial, trial.applied, event.seed, event.attempt, step, restore, spent
        )

    def restart(self, trial: Trial) -> Assignment:
        """Run an interrupted trial again, from its newest checkpoint that was reported."""
        folder = self.trials / trial.id
        take_lent(folder, trial.attempt)
        reported = max((report.step for report in trial.reports), default=0)
        step, path = go_back(folder, max(reported, trial.changed_at)) or (0, None)
        event = Started(
            time=time.time(),
            trial=trial.id,
            seed=trial.seed,
            suggested=trial.suggested,
            applied=unless_same(trial.applied, trial.suggested),
            attempt=trial.attempt + 1,
            from_step=step,
            group=trial.group,
        )
        return self.begin(event, path)

    def take_over(self, trial: Trial, source: Copied) -> None:
        """A trial is what it copied: it had nothing left to do with its changed values."""
        self.records.write(
            Started(
                time=time.time(),
                trial=trial.id,
                seed=trial.seed,
                suggested=source.suggested,
                applied=unless_same(source.applied, source.suggested),
                attempt=trial.attempt + 1,
                from_step=trial.changed_at,
                group=trial.group,
            )
        )

    def write_reports(self, running: Running) -> None:
        """Put the reports of a trial that are not there yet into the ledger."""
        self.records.write(*running.unwritten)
        running.unwritten.clear()

    def settle(self, event: Ended) -> None:
        """Write that a trial is finished, and tell everyone."""
        self.records.write(event)
        trial = self.records.study.trials[event.trial]
        self.records.exchange.publish(trial)
        self.learning.tell(trial)
        self.learning.account(trial)


def present_reports(trial: Trial) -> list[dict[str, Any]]:
    """What a trial reported with the configuration that it has now."""
    return [dict(report.metrics) for report in trial.reports if report.step > trial.changed_at]


def _seconds(trial: Trial, step: int) -> float:
    """How long the state after report ``step`` of a trial was trained."""
    if not step:
        return 0.0
    if trial.copied is not None and step == trial.changed_at:
        metrics = trial.copied.metrics
    else:
        metrics = next((item.metrics for item in trial.reports if item.step == step), {})
    known = number(metrics.get(SECONDS))
    return trial.before if known is None else known


def unless_same(applied: dict[str, Any], suggested: dict[str, Any]) -> dict[str, Any] | None:
    """The applied values as a `Started` event has them."""
    return None if applied == suggested else applied

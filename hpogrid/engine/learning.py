"""What is made of results: the algorithm, the scheduler and the budget are told of them."""

from __future__ import annotations

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.budget import Budget
from hpogrid.engine.judge import Judge
from hpogrid.engine.repeat import Repetitions
from hpogrid.engine.results import loss, objectives
from hpogrid.schedule.base import Decision
from hpogrid.search.base import FAILED, Outcome
from hpogrid.search.proposer import Proposer
from hpogrid.study.study import Trial
from hpogrid.study.values import counting_step
from hpogrid.trial.checkpoints import Keeper


class Learning:
    """Passes on what trials reported and how they ended.

    Args:
        config: names the objectives.
        proposer: of points; it tells the algorithm.
        judge: of running trials; it tells the scheduler.
        budget: of the job.
        keeper: of the checkpoints of the job's trials.
    """

    def __init__(
        self, config: HpoConfig, proposer: Proposer, judge: Judge, budget: Budget, keeper: Keeper
    ) -> None:
        self._config = config
        self.proposer = proposer
        self.judge = judge
        self.budget = budget
        self.keeper = keeper
        self.repetitions = Repetitions(config.repeat)
        self._judged: dict[str, int] = {}

    def learn(self, trial: Trial) -> Decision:
        """Take in what another process, or an earlier attempt, found out about a trial."""
        decision: Decision = "continue"
        seen = self._judged.get(trial.id, 0)
        for report in trial.reports:
            if report.step > seen:
                decision = self.judge.report(trial, report.step, report.metrics)
                self._judged[trial.id] = report.step
        if trial.finished:
            if not trial.reports:
                self.judge.report(trial, 1, trial.metrics)
            self.tell(trial)
        return decision

    def tell(self, trial: Trial) -> None:
        """Tell the algorithm of a finished trial, or of the last of its repetitions."""
        outcome = self.repetitions.outcome(trial, self._outcome(trial))
        if outcome is not None:
            self.proposer.tell(trial.suggested, outcome)

    def account(self, trial: Trial) -> None:
        """A trial of this job is finished, now or in an earlier attempt."""
        self.judge.end(trial)
        self.budget.count([trial])
        failed = trial.state == "failed"
        value = None if failed else loss(self._config, trial.metrics)
        self.keeper.ended(trial.id, value, self.counting(trial))

    def counting(self, trial: Trial) -> int | None:
        """The report whose value is the trial's (see `counting_step`)."""
        config = self._config
        present = (item for item in trial.reports if item.step > trial.changed_at)
        return counting_step(present, config.metrics[0], config.modes[0], config.aggregate)

    def _outcome(self, trial: Trial) -> Outcome:
        if trial.state == "failed":
            return FAILED
        return Outcome(objectives(self._config, trial.metrics))

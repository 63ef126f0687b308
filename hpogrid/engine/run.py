"""One attempt of one job: what to run next, what was reported, how it ended.

An engine evaluates; a `Run` decides and writes. Everything that has to survive a ``kill -9``
is in the ledger before the next step, and a new attempt is made from the ledgers alone.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from typing import Any

from hpogrid.config.prep import fixed_values
from hpogrid.config.project import Project
from hpogrid.engine.books import Books
from hpogrid.engine.budget import Budget, reached
from hpogrid.engine.deadline import Deadline
from hpogrid.engine.judge import Judge
from hpogrid.engine.learning import Learning
from hpogrid.engine.messages import PrepSetup
from hpogrid.engine.pauses import Pauses
from hpogrid.engine.queue import Queue
from hpogrid.engine.records import Records, RunningAlready
from hpogrid.engine.results import result, what_is_missing
from hpogrid.engine.spec import Assignment, JobSpec
from hpogrid.errors import RunError
from hpogrid.schedule.base import Decision
from hpogrid.search import make_searcher
from hpogrid.search.base import Outcome, Problem, derive_seed
from hpogrid.search.proposer import Proposer
from hpogrid.space.space import Point, Space
from hpogrid.study.events import Ended, Reported, State
from hpogrid.study.exchange import LEASE_SECONDS
from hpogrid.study.history import Past
from hpogrid.study.study import Trial, number_of
from hpogrid.trial.checkpoints import Keeper, latest

EVERYTHING_TRIED = "every configuration was tried"
"""Why a run is over on a space of which nothing is left."""

_VERDICTS: dict[Decision, State] = {
    "continue": "complete",
    "complete": "complete",
    "stop": "pruned",
    "pause": "interrupted",
}
"""What a trial has come to when it ends after a decision."""


class Run:
    """One attempt of one job.

    Args:
        project: what to search, and how.
        spec: which job it is.
        first: points to evaluate before the algorithm's own; the jobs of a shared search
            deal them out among themselves.
        past: results of earlier searches that the algorithm is told at the start.

    Raises:
        RunningAlready: another process is running this job.
    """

    def __init__(
        self,
        project: Project,
        spec: JobSpec,
        first: Sequence[Point] = (),
        past: Sequence[Past] = (),
    ) -> None:
        self.project = project
        self.config = project.hpo_config
        self.spec = spec
        self.stopped: str | None = None
        self.interrupted = False
        self.expired = False
        self._dry = False
        space = project.space
        self._records = Records(project, space, spec, LEASE_SECONDS)
        self.study = self._records.study
        self.attempt = self._records.attempt
        self._exchange = self._records.exchange
        seed = derive_seed(spec.seed, spec.job)
        task = Problem(space, self.config.modes, seed, self.config.trials)
        searcher = make_searcher(self.config.algorithm, task, self.config.algorithm_param)
        self._proposer = Proposer(space, searcher, self._mine(first, space))
        self._judge = Judge(self.config, task, self._proposer)
        self._keeper = Keeper(spec.trials, self.config.keep_checkpoints)
        self._deadline = Deadline.of_this_job()
        self.budget = Budget(self.config, self._deadline)
        self._learning = Learning(
            self.config, self._proposer, self._judge, self.budget, self._keeper
        )
        self._books = Books(self._records, self._learning, spec.trials)
        self._pauses = Pauses(self.config, self._books)
        self._records.open()
        self._writer = self._records.writer
        for item in past:
            self._proposer.tell(item.suggested, Outcome(item.values))
        own = self._replay()
        self._queue = Queue(spec, seed, self._books, self._pauses, own)

    def _mine(self, first: Sequence[Point], space: Space) -> list[Point]:
        """This job's share of the points to evaluate first, less those that were begun."""
        begun = {space.identify(trial.applied) for trial in self.study} if first else set()
        share = first[self.spec.job :: self.spec.n_jobs] if self.spec.shared else first
        return [point for point in share if point.key not in begun]

    @property
    def prep(self) -> PrepSetup | None:
        """What is to be prepared before trials, if anything."""
        model = self.project.model_config
        if not model.prep or self.spec.prep is None:
            return None
        fixed = fixed_values(self.project.space, model.param)
        return PrepSetup(model.prep, str(self.spec.prep), fixed)

    def _replay(self) -> list[Trial]:
        """Bring everything back that the ledgers tell; return this job's trials as they ended."""
        trials = sorted(self.study, key=lambda trial: trial.ended or math.inf)
        own = [trial for trial in trials if trial.job == self.spec.job]
        for trial in sorted(own, key=lambda trial: number_of(trial.id)):
            self._judge.start(trial)
        for trial in trials:
            self._proposer.take(trial.applied)
            decision = self._learning.learn(trial)
            if trial.finished and trial.job == self.spec.job:
                self._learning.account(trial)
            elif trial.finished:
                self.budget.see(trial)
            elif trial.job == self.spec.job:
                self._proposer.begun(trial.suggested)
                if decision == "pause":
                    self._pauses.add(trial)
        self.budget.started = len(own)
        return own

    @property
    def own(self) -> list[Trial]:
        """The trials of this job, of all attempts."""
        return self._records.own

    @property
    def running(self) -> int:
        """How many trials run at the moment."""
        return len(self._books.running)

    # --- what the engine asks and tells ----------------------------------------------------

    def next(self) -> Assignment | None:
        """The next trial to evaluate, already in the ledger; None: start no further one."""
        if self.over:
            return None
        self.poll()
        if self._queue.again:
            return self._books.restart(self._queue.again.popleft())
        fresh = bool(self._left) and not self._dry
        if (released := self._pauses.release(fresh=fresh)) is not None:
            return released
        if not self._left:
            return None
        if (repetition := self._queue.repetition()) is not None:
            return repetition
        point = self._point()
        self._dry = point is None
        if point is not None:
            return self._queue.begin(point)
        if (released := self._pauses.release(fresh=False)) is None and not self.running:
            self.stopped = EVERYTHING_TRIED
        return released

    def _point(self) -> Point | None:
        """A configuration that no other job evaluates, or that one has left behind."""
        if (point := self._queue.claimed_point()) is not None:
            return point
        self.poll(now=True)
        return next(self._exchange.abandoned(), None)

    def report(self, trial: str, metrics: dict[str, Any]) -> Decision:
        """Take in a report of a running trial, and say whether the trial goes on.

        Unless it does, the engine ends the evaluation and calls `finish`.
        """
        running = self._books.running[trial]
        running.step += 1
        running.reports.append(metrics)
        now = time.time()
        running.unwritten.append(
            Reported(time=now, trial=trial, step=running.step, metrics=metrics)
        )
        # The only report of a trial stands in its last line, unless there is a checkpoint of it.
        if running.step > 1 or latest(self.spec.trials / trial) is not None:
            self._books.write_reports(running)
            self._keeper.reported(trial)
            self._exchange.reported(self.study.trials[trial])
        record = self.study.trials[trial]
        spent = record.before + now - record.started - running.prepared
        counted = {"training_iteration": running.step, "time_total_s": spent, **metrics}
        decision = self._judge.report(record, running.step, counted)
        if reached(self.config, counted):
            self._judge.end(record)
            return "complete"
        if decision == "pause" and (self.stopped or self.budget.spent):
            decision = "stop"
        running.verdict = _VERDICTS[decision]
        return decision

    def prepared(self, trial: str, seconds: float) -> None:
        """What a running trial needs is there: its own time begins after so many seconds."""
        self._books.running[trial].prepared = seconds

    def finish(self, trial: str, failure: str | None = None) -> None:
        """A running trial ended by itself or as it was told; ``failure`` is why it failed.

        What fails while the run is being cut off, was cut off with it.
        """
        if failure is not None and self.interrupted:
            self.interrupt(trial, self.stopped or failure)
            return
        running = self._books.running.pop(trial)
        metrics = result(self.config, running.reports or self._inherited(trial))
        reason = failure or what_is_missing(self.config, metrics)
        if reason is None and running.verdict == "interrupted":
            reason = self._pauses.pause(trial, running)
            if reason is None:
                return
        self._books.settle(
            Ended(
                time=time.time(),
                trial=trial,
                state=running.verdict if reason is None else "failed",
                metrics=metrics,
                steps=max(1, running.step),
                reason=reason,
                prepared=running.prepared,
            )
        )

    def _inherited(self, trial: str) -> list[dict[str, Any]]:
        """What stands for a trial that copied another one when there was nothing left to do."""
        record = self.study.trials[trial]
        source = self.study.trials.get(record.parent or "")
        reports = source.reports if source else ()
        return [dict(item.metrics) for item in reports if item.step == record.changed_at]

    def interrupt(self, trial: str, reason: str) -> None:
        """A running trial was cut off through no fault of its own, and shall run again."""
        running = self._books.running.pop(trial)
        event = Ended(
            time=time.time(),
            trial=trial,
            state="interrupted",
            reason=reason,
            prepared=running.prepared,
        )
        with contextlib.suppress(RunError):  # a full disk: what has no end is run again as well
            self._records.write(event)
        self._queue.again.append(self.study.trials[trial])

    def poll(self, *, now: bool = False) -> None:
        """Take in what other jobs have written meanwhile: now and then, or ``now``.

        Called a few times a second, it also ends the run when the time of the job is up.
        """
        if self._deadline.reached and not self.interrupted:
            self.expired = True
            self.stop("the time of the job is up", interrupt=True)
        self._records.beat()
        for trial in self._exchange.poll(now=now):
            self._proposer.take(trial.applied)
            self._learning.learn(trial)
            if trial.finished:
                self.budget.see(trial)

    # --- the end ---------------------------------------------------------------------------

    @property
    def remark(self) -> str:
        """What the user should know about the algorithm; mostly empty."""
        return self._proposer.searcher.remark

    @property
    def over(self) -> bool:
        """Whether no further trial is going to be started."""
        return bool(self.stopped or self.budget.spent or not self.open)

    @property
    def open(self) -> int:
        """How many trials may be started or go on, now or later, while no other one ends."""
        return self._left + len(self._pauses)

    @property
    def _left(self) -> int:
        """How many trials that are not paused may be started."""
        return self.budget.left(self.running + len(self._pauses))

    def stop(self, reason: str, *, interrupt: bool = False) -> None:
        """Start no further trial; with ``interrupt``, cut the running ones off as well."""
        self.stopped = self.stopped or reason
        self.interrupted = self.interrupted or interrupt

    def end_paused(self) -> None:
        """The search is over for good: trials that are still paused end where they are."""
        self._pauses.end()

    def leave(self) -> None:
        """Another process goes on with the job: write nothing more."""
        self._records.leave()

    def close(self) -> str:
        """Write the last line if that is possible; return why the run ended."""
        reason = self.stopped or self.budget.spent or "nothing is left to try"
        over = self.stopped == EVERYTHING_TRIED or self.budget.satisfied is not None
        self._records.close(reason, over=over)
        return reason

    def hand_over(self) -> None:
        """After the last line: wait for a while if a server or storage is out of reach."""
        self._exchange.hand_over()


__all__ = ["Assignment", "JobSpec", "Run", "RunningAlready"]

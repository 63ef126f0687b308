"""The books of one job: what to run next, what was reported, how it ended.

An engine evaluates; a `Run` decides and writes. Everything that has to survive a ``kill -9``
is in the ledger before the next step, and a new attempt is made from the ledgers alone.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpogrid._version import VERSION
from hpogrid.config.project import Project
from hpogrid.engine.budget import Budget, reached
from hpogrid.engine.deadline import Deadline
from hpogrid.engine.judge import Judge
from hpogrid.engine.messages import PrepSetup
from hpogrid.engine.repeat import Repetitions
from hpogrid.engine.results import loss, objectives, result, what_is_missing
from hpogrid.errors import RunError
from hpogrid.schedule.base import Decision
from hpogrid.search import make_searcher
from hpogrid.search.base import FAILED, Outcome, Task, derive_seed
from hpogrid.search.proposer import Proposer
from hpogrid.space.space import Point, Space
from hpogrid.study.events import Closed, Ended, Event, Opened, Reported, Started, State
from hpogrid.study.exchange import LEASE_SECONDS, Exchange
from hpogrid.study.history import Past
from hpogrid.study.ledger import LedgerWriter, being_written, ledger_attempts, ledger_name
from hpogrid.study.study import Source, Trial, number_of
from hpogrid.trial.checkpoints import Keeper, go_back, latest, lend, take_lent
from hpogrid.trial.prep import fixed_values

_VERDICTS: dict[Decision, State] = {
    "continue": "complete",
    "complete": "complete",
    "stop": "pruned",
    "pause": "interrupted",
}
"""What a trial has come to when it ends after a decision."""


class RunningAlready(RunError):
    """Another process is running the job."""


@dataclass(frozen=True)
class JobSpec:
    """Which job this is.

    Attributes:
        job: its index in the task, from 0.
        seed: of the task; each job and trial derives its own.
        ledgers: the folder of the task's ledgers.
        trials: the folder of the trials' own folders (logs, checkpoints).
        shared: whether the jobs of the task are one search.
        n_jobs: how many jobs the task has.
        prep: the folder in which what trials need is prepared; of all jobs that share a disk.
        after: numbers of trials begin after this one; earlier attempts, of which no ledger is
            here, may have given those up to it.
    """

    job: int
    seed: int
    ledgers: Path
    trials: Path
    shared: bool = True
    n_jobs: int = 1
    after: int = 0
    prep: Path | None = None


@dataclass(frozen=True)
class Assignment:
    """A trial to evaluate; it goes on from ``restore``, saved before report ``from_step``."""

    trial: str
    config: dict[str, Any]
    seed: int
    attempt: int = 1
    from_step: int = 0
    restore: Path | None = None


@dataclass
class _Running:
    """A trial that is being evaluated, and the reports of its present configuration."""

    step: int
    reports: list[dict[str, Any]] = field(default_factory=list)
    unwritten: list[Reported] = field(default_factory=list)
    prepared: float = 0.0
    verdict: State = "complete"


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
        space = project.space
        self._exchange = make_exchange(project, space, spec)
        self.study = self._exchange.study
        self.attempt = max(ledger_attempts(spec.ledgers, spec.job), default=0) + 1
        seed = derive_seed(spec.seed, spec.job)
        self._seed = seed
        task = Task(space, self.config.modes, seed, self.config.trials)
        searcher = make_searcher(self.config.algorithm, task, self.config.algorithm_param)
        self._proposer = Proposer(space, searcher, self._mine(first, space))
        self._repetitions = Repetitions(self.config.repeat)
        self._judge = Judge(self.config, task, self._proposer)
        self._keeper = Keeper(spec.trials, self.config.keep_checkpoints)
        self._running: dict[str, _Running] = {}
        self._paused: set[str] = set()
        self._dry = False
        self._judged: dict[str, int] = {}
        self.stopped: str | None = None
        self.interrupted = False
        self.expired = False
        self._deadline = Deadline.of_this_job()
        self.budget = Budget(self.config, self._deadline)
        self._writer = self._open()
        for item in past:
            self._proposer.tell(item.suggested, Outcome(item.values))
        self._replay()

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

    @property
    def own(self) -> list[Trial]:
        """The trials of this job, of all attempts."""
        return [trial for trial in self.study if trial.job == self.spec.job]

    @property
    def running(self) -> int:
        """How many trials run at the moment."""
        return len(self._running)

    # --- opening: everything comes back from the ledgers -----------------------------------

    def _open(self) -> LedgerWriter:
        spec = self.spec
        self._refuse_second()
        writer = LedgerWriter(spec.ledgers / ledger_name(spec.job, self.attempt))
        try:
            self._refuse_second()  # two drivers may have come so far at the same moment
        except RunningAlready:
            writer.discard()
            raise
        self._exchange.write_to(writer.path)
        self._source = Source(socket.gethostname())
        opened = Opened(
            time=time.time(),
            job=spec.job,
            attempt=self.attempt,
            host=self._source.host,
            pid=os.getpid(),
            version=VERSION,
            project=self.project.hash,
            seed=spec.seed,
        )
        writer.write(opened)
        self.study.apply(opened, self._source)
        return writer

    def _refuse_second(self) -> None:
        spec = self.spec
        for attempt in ledger_attempts(spec.ledgers, spec.job):
            path = spec.ledgers / ledger_name(spec.job, attempt)
            if attempt != self.attempt and being_written(path):
                raise RunningAlready(f"job {spec.job} is running already: it is writing {path}")

    def _replay(self) -> None:
        trials = sorted(self.study, key=lambda trial: trial.ended or math.inf)
        own = [trial for trial in trials if trial.job == self.spec.job]
        for trial in sorted(own, key=lambda trial: number_of(trial.id)):
            self._judge.start(trial)
        for trial in trials:
            self._proposer.take(trial.applied)
            decision = self._learn(trial)
            if trial.finished and trial.job == self.spec.job:
                self._account(trial)
            elif trial.finished:
                self.budget.see(trial)
            elif trial.job == self.spec.job:
                self._proposer.begun(trial.suggested)
                if decision == "pause":
                    self._paused.add(trial.id)
                    self._judge.pause(trial)
        self.budget.started = len(own)
        self._again = deque(
            trial
            for trial in own
            if not trial.finished
            and trial.id not in self._paused
            and self._exchange.still_mine(trial)
        )
        self._waiting = deque(self._exchange.orphans())
        self._repeats = deque(self._repetitions.missing(own))
        self._number = max(self.spec.after, self.study.last_number(self.spec.job))

    def _learn(self, trial: Trial) -> Decision:
        """Tell the algorithm and the scheduler what another process found out."""
        decision: Decision = "continue"
        seen = self._judged.get(trial.id, 0)
        for report in trial.reports:
            if report.step > seen:
                decision = self._judge.report(trial, report.step, report.metrics)
                self._judged[trial.id] = report.step
        if trial.finished:
            if not trial.reports:
                self._judge.report(trial, 1, trial.metrics)
            self._tell(trial)
        return decision

    def _account(self, trial: Trial) -> None:
        """A trial of this job is finished, now or in an earlier attempt."""
        self._judge.end(trial)
        self.budget.count([trial])
        failed = trial.state == "failed"
        self._keeper.ended(trial.id, None if failed else loss(self.config, trial.metrics))

    def _tell(self, trial: Trial) -> None:
        """Tell the algorithm of a finished trial, or of the last of its repetitions."""
        outcome = self._repetitions.outcome(trial, self._outcome(trial))
        if outcome is not None:
            self._proposer.tell(trial.suggested, outcome)

    def _outcome(self, trial: Trial) -> Outcome:
        if trial.state == "failed":
            return FAILED
        return Outcome(objectives(self.config, trial.metrics))

    # --- what the engine asks and tells ----------------------------------------------------

    def next(self) -> Assignment | None:
        """The next trial to evaluate, already in the ledger; None: start no further one."""
        if self.over:
            return None
        self.poll()
        if self._again:
            return self._restart(self._again.popleft())
        if (released := self._release(fresh=bool(self._left) and not self._dry)) is not None:
            return released
        if not self._left:
            return None
        if self._repeats:
            return self._begin(*self._repeats.popleft())
        point = self._point()
        self._dry = point is None
        if point is not None:
            return self._begin(point)
        if (released := self._release(fresh=False)) is None and not self.running:
            self.stopped = "every configuration was tried"
        return released

    def _begin(self, point: Point, group: str | None = None) -> Assignment:
        """Start a new trial: of a new configuration, or a repetition of one."""
        self._number += 1
        self.budget.start()
        trial = f"{self.spec.job}-{self._number}"
        if group is None and (group := self._repetitions.group(trial)) is not None:
            self._repeats.extend(self._repetitions.others(point, group))
        return self._start(
            Started(
                time=time.time(),
                trial=trial,
                seed=derive_seed(self._seed, "trial", self._number),
                suggested=point.suggested,
                applied=_unless_same(point.applied, point.suggested),
                group=group,
            )
        )

    def _point(self) -> Point | None:
        """A configuration that no other job evaluates."""
        if self._waiting:
            return self._waiting.popleft()
        while (point := self._proposer.ask()) is not None:
            if self._exchange.claim(point):
                return point
        self.poll(now=True)
        return next(self._exchange.abandoned(), None)

    def _restart(self, trial: Trial) -> Assignment:
        """Run an interrupted trial again, from its newest checkpoint that was reported."""
        folder = self.spec.trials / trial.id
        take_lent(folder, trial.attempt)
        reported = max((report.step for report in trial.reports), default=0)
        step, path = go_back(folder, max(reported, trial.changed_at)) or (0, None)
        event = Started(
            time=time.time(),
            trial=trial.id,
            seed=trial.seed,
            suggested=trial.suggested,
            applied=_unless_same(trial.applied, trial.suggested),
            attempt=trial.attempt + 1,
            from_step=step,
            group=trial.group,
        )
        return self._start(event, path)

    def _start(self, event: Started, restore: Path | None = None) -> Assignment:
        self._write(event)
        trial = self.study.trials[event.trial]
        self._exchange.publish(trial)
        if event.attempt == 1 or event.parent is not None:
            self._judge.start(trial)
        self._running[event.trial] = _Running(event.from_step, _present(trial))
        return Assignment(
            event.trial, trial.applied, event.seed, event.attempt, event.from_step, restore
        )

    def report(self, trial: str, metrics: dict[str, Any]) -> Decision:
        """Take in a report of a running trial, and say whether the trial goes on.

        Unless it does, the engine ends the evaluation and calls `finish`.
        """
        running = self._running[trial]
        running.step += 1
        running.reports.append(metrics)
        now = time.time()
        running.unwritten.append(
            Reported(time=now, trial=trial, step=running.step, metrics=metrics)
        )
        # The only report of a trial stands in its last line, unless there is a checkpoint of it.
        if running.step > 1 or (self.spec.trials / trial).is_dir():
            self._write_reports(running)
            self._keeper.reported(trial)
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
        self._running[trial].prepared = seconds

    def _write_reports(self, running: _Running) -> None:
        self._write(*running.unwritten)
        running.unwritten.clear()

    def finish(self, trial: str, failure: str | None = None) -> None:
        """A running trial ended by itself or as it was told; ``failure`` is why it failed.

        What fails while the run is being cut off, was cut off with it.
        """
        if failure is not None and self.interrupted:
            self.interrupt(trial, self.stopped or failure)
            return
        running = self._running.pop(trial)
        metrics = result(self.config, running.reports or self._inherited(trial))
        reason = failure or what_is_missing(self.config, metrics)
        if reason is None and running.verdict == "interrupted":
            reason = self._pause(trial, running)
            if reason is None:
                return
        self._settle(
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

    def _settle(self, event: Ended) -> None:
        """Write that a trial is finished, and tell everyone."""
        self._write(event)
        trial = self.study.trials[event.trial]
        self._exchange.publish(trial)
        self._tell(trial)
        self._account(trial)

    def interrupt(self, trial: str, reason: str) -> None:
        """A running trial was cut off through no fault of its own, and shall run again."""
        self._running.pop(trial)
        with contextlib.suppress(RunError):  # a full disk: what has no end is run again as well
            self._write(Ended(time=time.time(), trial=trial, state="interrupted", reason=reason))
        self._again.append(self.study.trials[trial])

    # --- paused trials ---------------------------------------------------------------------

    def _pause(self, trial: str, running: _Running) -> str | None:
        """Let a trial wait as its newest checkpoint; return why that cannot be, or None."""
        if self._judge.needs_checkpoints and latest(self.spec.trials / trial) is None:
            return (
                f"scheduler {self.config.scheduler} needs checkpoints and this trial saved none; "
                "save one before each report (hpogrid.checkpoint, or save_checkpoint in a class)"
            )
        self._write_reports(running)
        why = f"paused by {self.config.scheduler} after report {running.step}"
        self._write(Ended(time=time.time(), trial=trial, state="interrupted", reason=why))
        self._paused.add(trial)
        self._judge.pause(self.study.trials[trial])
        return None

    def _release(self, fresh: bool) -> Assignment | None:
        """Ask the scheduler about paused trials, until one goes on or it has no more to say."""
        while self._paused and (release := self._judge.release(fresh)) is not None:
            self._paused.remove(release.trial)
            trial = self.study.trials[release.trial]
            if not release.go_on:
                self._drop(trial)
            elif release.source is None:
                return self._restart(trial)
            else:
                return self._follow(trial, release.source, release.point)
        return None

    def _drop(self, trial: Trial, reason: str | None = None) -> None:
        """End a paused trial, at the time when it was paused."""
        self._settle(
            Ended(
                time=trial.ended or time.time(),
                trial=trial.id,
                state="pruned",
                metrics=result(self.config, _present(trial)),
                steps=trial.reports[-1].step,
                reason=reason,
            )
        )

    def _follow(self, trial: Trial, source: str, point: Point | None) -> Assignment:
        """Go on from another trial's checkpoint, with another configuration."""
        reports = self.study.trials[source].reports
        found = latest(self.spec.trials / source, reports[-1].step if reports else 0)
        if found is None or point is None:
            return self._restart(trial)
        step, path = found
        folder, attempt = self.spec.trials / trial.id, trial.attempt + 1
        lend(path, folder, attempt)
        event = Started(
            time=time.time(),
            trial=trial.id,
            seed=derive_seed(trial.seed, attempt),
            suggested=point.suggested,
            applied=_unless_same(point.applied, point.suggested),
            attempt=attempt,
            from_step=step,
            group=trial.group,
            parent=source,
        )
        assignment = self._start(event, folder / path.name)
        take_lent(folder, attempt)
        return assignment

    def end_paused(self) -> None:
        """The search is over for good: trials that are still paused end where they are."""
        for name in sorted(self._paused, key=number_of):
            self._drop(self.study.trials[name], "the search ended while it was paused")
        self._paused.clear()

    # --- the end ---------------------------------------------------------------------------

    def stop(self, reason: str, *, interrupt: bool = False) -> None:
        """Start no further trial; with ``interrupt``, cut the running ones off as well."""
        self.stopped = self.stopped or reason
        self.interrupted = self.interrupted or interrupt

    @property
    def over(self) -> bool:
        """Whether no further trial is going to be started."""
        return bool(self.stopped or self.budget.spent or not self.open)

    @property
    def open(self) -> int:
        """How many trials may be started or go on, now or later, while no other one ends."""
        return self._left + len(self._paused)

    @property
    def _left(self) -> int:
        """How many trials that are not paused may be started."""
        return self.budget.left(self.running + len(self._paused))

    def close(self) -> str:
        """Write the last line if that is possible; return why the run ended."""
        reason = self.stopped or self.budget.spent or "nothing is left to try"
        with contextlib.suppress(RunError):
            self._writer.write(Closed(time=time.time(), reason=reason))
        self._writer.close()
        self._exchange.close()
        return reason

    def poll(self, *, now: bool = False) -> None:
        """Take in what other jobs have written meanwhile: now and then, or ``now``.

        Called a few times a second, it also ends the run when the time of the job is up.
        """
        if self._deadline.reached and not self.interrupted:
            self.expired = True
            self.stop("the time of the job is up", interrupt=True)
        for trial in self._exchange.poll(now=now):
            self._proposer.take(trial.applied)
            self._learn(trial)
            if trial.finished:
                self.budget.see(trial)

    def _write(self, *events: Event) -> None:
        self._writer.write(*events)
        for event in events:
            self.study.apply(event, self._source)


def make_exchange(project: Project, space: Space, spec: JobSpec) -> Exchange:
    """How the job sees the others of its task: by their ledgers, or through a storage."""
    config = project.hpo_config
    if config.storage is None or not spec.shared:
        return Exchange(spec.ledgers, space, spec.job, shared=spec.shared, lease=LEASE_SECONDS)
    task = f"{project.hash}-{spec.seed}"
    from hpogrid.study.storage import StorageExchange, check_url, is_server

    if is_server(config.storage):
        from hpogrid.study.remote import RemoteExchange

        return RemoteExchange(
            spec.ledgers, space, spec.job, url=config.storage, task=task, lease=LEASE_SECONDS
        )
    check_url(config.storage, spec.n_jobs)
    return StorageExchange(
        spec.ledgers,
        space,
        spec.job,
        url=config.storage,
        study_name=config.study_name or project.name,
        task=task,
        metrics=config.metrics,
        modes=config.modes,
    )


def _present(trial: Trial) -> list[dict[str, Any]]:
    """What a trial reported with the configuration that it has now."""
    return [dict(report.metrics) for report in trial.reports if report.step > trial.changed_at]


def _unless_same(applied: dict[str, Any], suggested: dict[str, Any]) -> dict[str, Any] | None:
    return None if applied == suggested else applied

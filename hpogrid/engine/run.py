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
from hpogrid.engine.repeat import Repetitions
from hpogrid.errors import RunError
from hpogrid.schedule import make_scheduler
from hpogrid.schedule.base import Decision
from hpogrid.search import make_searcher
from hpogrid.search.base import FAILED, Outcome, Task, derive_seed
from hpogrid.search.proposer import Proposer
from hpogrid.space.space import Point, Space
from hpogrid.study.events import Closed, Ended, Event, Opened, Reported, Started, State
from hpogrid.study.exchange import LEASE_SECONDS, Exchange
from hpogrid.study.history import Past
from hpogrid.study.ledger import LedgerWriter, being_written, ledger_attempts, ledger_name
from hpogrid.study.study import Source, Trial
from hpogrid.trial.checkpoints import Keeper, go_back


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
    """

    job: int
    seed: int
    ledgers: Path
    trials: Path
    shared: bool = True
    n_jobs: int = 1


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
    """A trial that is being evaluated."""

    step: int
    reports: list[dict[str, Any]] = field(default_factory=list)
    unwritten: list[Reported] = field(default_factory=list)
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
        RunError: another process is running this job.
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
        self._scheduler = make_scheduler(self.config.scheduler, self.config.scheduler_param)
        self._keeper = Keeper(spec.trials, self.config.keep_checkpoints)
        self._running: dict[str, _Running] = {}
        self._judged: dict[str, int] = {}
        self.stopped: str | None = None
        self.interrupted = False
        self.budget = Budget(self.config)
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
        except RunError:
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
                raise RunError(f"job {spec.job} is running already: it is writing {path}")

    def _replay(self) -> None:
        trials = sorted(self.study, key=lambda trial: trial.ended or math.inf)
        for trial in trials:
            self._proposer.take(trial.applied)
            self._learn(trial)
        own = [trial for trial in trials if trial.job == self.spec.job]
        for trial in trials:
            if trial.finished and trial.job == self.spec.job:
                self.budget.count([trial])
                self._keeper.ended(trial.id, self._final_loss(trial))
            elif trial.finished:
                self.budget.see(trial)
        self.budget.started = len(own)
        self._again = deque(
            trial for trial in own if not trial.finished and self._exchange.still_mine(trial)
        )
        self._waiting = deque(self._exchange.orphans())
        self._repeats = deque(self._repetitions.missing(own))
        self._number = self.study.last_number(self.spec.job)

    def _learn(self, trial: Trial) -> None:
        """Tell the algorithm and the scheduler what another process found out."""
        seen = self._judged.get(trial.id, 0)
        for report in trial.reports[seen:]:
            self._judge(trial.id, report.step, report.metrics)
        self._judged[trial.id] = len(trial.reports)
        if trial.finished:
            if not trial.reports:
                self._judge(trial.id, 1, trial.metrics)
            self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        """Tell the algorithm of a finished trial, or of the last of its repetitions."""
        outcome = self._repetitions.outcome(trial, self._outcome(trial))
        if outcome is not None:
            self._proposer.tell(trial.suggested, outcome)

    def _outcome(self, trial: Trial) -> Outcome:
        if trial.state == "failed":
            return FAILED
        values = [trial.metrics.get(name) for name in self.config.metrics]
        return Outcome(tuple(values)) if all(map(_is_number, values)) else FAILED  # type: ignore[arg-type]

    # --- what the engine asks and tells ----------------------------------------------------

    def next(self) -> Assignment | None:
        """The next trial to evaluate, already in the ledger; None: start no further one."""
        if self.over:
            return None
        self.poll()
        if self._again:
            return self._restart(self._again.popleft())
        if self._repeats:
            return self._begin(*self._repeats.popleft())
        point = self._point()
        if point is None:
            if not self.running:
                self.stopped = "every configuration was tried"
            return None
        return self._begin(point)

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
        reported = max((report.step for report in trial.reports), default=0)
        step, path = go_back(self.spec.trials / trial.id, reported) or (0, None)
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
        earlier = [dict(report.metrics) for report in trial.reports]
        self._running[event.trial] = _Running(event.from_step, earlier)
        return Assignment(
            event.trial, trial.applied, event.seed, event.attempt, event.from_step, restore
        )

    def report(self, trial: str, metrics: dict[str, Any]) -> Decision:
        """Take in a report of a running trial, and say whether the trial goes on."""
        running = self._running[trial]
        running.step += 1
        running.reports.append(metrics)
        now = time.time()
        running.unwritten.append(
            Reported(time=now, trial=trial, step=running.step, metrics=metrics)
        )
        # The only report of a trial stands in its last line, unless there is a checkpoint of it.
        if running.step > 1 or (self.spec.trials / trial).is_dir():
            self._write(*running.unwritten)
            running.unwritten.clear()
            self._keeper.reported(trial)
        spent = now - self.study.trials[trial].started
        counted = {"training_iteration": running.step, "time_total_s": spent, **metrics}
        if reached(self.config, counted):
            return "stop"
        decision = self._judge(trial, running.step, counted)
        if decision == "stop":
            running.verdict = "pruned"
        return decision

    def _judge(self, trial: str, step: int, metrics: dict[str, Any]) -> Decision:
        loss = self._loss(metrics)
        attr = self.config.scheduler_param.get("time_attr", "training_iteration")
        resource = metrics.get(attr, step)
        if loss is None or not _is_number(resource):
            return "continue"
        return self._scheduler.on_report(trial, int(resource), loss)

    def _loss(self, metrics: dict[str, Any]) -> float | None:
        """The first objective so that smaller is better; None: it is not there."""
        value: Any = metrics.get(self.config.metrics[0])
        if not _is_number(value):
            return None
        return float(value if self.config.modes[0] == "min" else -value)

    def _final_loss(self, trial: Trial) -> float | None:
        return self._loss(trial.metrics) if trial.state != "failed" else None

    def finish(self, trial: str, failure: str | None = None) -> None:
        """A running trial ended by itself or as it was told; ``failure`` is why it failed."""
        running = self._running.pop(trial)
        state = running.verdict
        metrics = self._result(running.reports)
        reason = failure or self._what_is_missing(metrics)
        if reason is not None:
            state = "failed"
        self._write(
            Ended(
                time=time.time(),
                trial=trial,
                state=state,
                metrics=metrics,
                steps=max(1, running.step),
                reason=reason,
            )
        )
        record = self.study.trials[trial]
        self.budget.count([record])
        self._exchange.publish(record)
        self._tell(record)
        self._keeper.ended(trial, self._final_loss(record))

    def interrupt(self, trial: str, reason: str) -> None:
        """A running trial was cut off, and shall run again when the job is resumed."""
        self._running.pop(trial)
        self._write(Ended(time=time.time(), trial=trial, state="interrupted", reason=reason))

    def stop(self, reason: str, *, interrupt: bool = False) -> None:
        """Start no further trial; with ``interrupt``, cut the running ones off as well."""
        self.stopped = self.stopped or reason
        self.interrupted = self.interrupted or interrupt

    @property
    def over(self) -> bool:
        """Whether no further trial is going to be started."""
        return bool(self.stopped or self.budget.spent or not self.budget.left(self.running))

    def close(self) -> str:
        """Write the last line if that is possible; return why the run ended."""
        reason = self.stopped or self.budget.spent or "nothing is left to try"
        with contextlib.suppress(RunError):
            self._writer.write(Closed(time=time.time(), reason=reason))
        self._writer.close()
        return reason

    def poll(self, *, now: bool = False) -> None:
        """Take in what other jobs have written meanwhile: now and then, or ``now``."""
        for trial in self._exchange.poll(now=now):
            self._proposer.take(trial.applied)
            self._learn(trial)
            if trial.finished:
                self.budget.see(trial)

    # --- results ---------------------------------------------------------------------------

    def _result(self, reports: list[dict[str, Any]]) -> dict[str, Any]:
        """One value for every metric: the last, and for the objectives what the config says."""
        result: dict[str, Any] = {}
        for metrics in reports:
            result.update(metrics)
        if len(reports) > 1 and self.config.aggregate != "last":
            for name, mode in zip(self.config.metrics, self.config.modes, strict=True):
                values = [metrics[name] for metrics in reports if _is_number(metrics.get(name))]
                if values:
                    result[name] = _aggregate(self.config.aggregate, values, mode)
        return result

    def _what_is_missing(self, metrics: dict[str, Any]) -> str | None:
        for name in self.config.metrics:
            if name not in metrics:
                seen = ", ".join(sorted(metrics)) or "none"
                return f"the metric '{name}' was not reported; metrics seen: {seen}"
            if not _is_number(metrics[name]):
                return f"the metric '{name}' is {metrics[name]}, not a finite number"
        return None

    def _write(self, *events: Event) -> None:
        self._writer.write(*events)
        for event in events:
            self.study.apply(event, self._source)


def make_exchange(project: Project, space: Space, spec: JobSpec) -> Exchange:
    """How the job sees the others of its task: by their ledgers, or through a storage."""
    config = project.hpo_config
    if config.storage is None or not spec.shared:
        return Exchange(spec.ledgers, space, spec.job, shared=spec.shared, lease=LEASE_SECONDS)
    from hpogrid.study.storage import StorageExchange, check_url

    check_url(config.storage, spec.n_jobs)
    return StorageExchange(
        spec.ledgers,
        space,
        spec.job,
        url=config.storage,
        study_name=config.study_name or project.name,
        task=f"{project.hash}-{spec.seed}",
        metrics=config.metrics,
        modes=config.modes,
    )


def _aggregate(rule: str, values: list[float], mode: str) -> float:
    if rule == "best":
        return min(values) if mode == "min" else max(values)
    last = values[-int(rule.removeprefix("mean:")) :]
    return sum(last) / len(last)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _unless_same(applied: dict[str, Any], suggested: dict[str, Any]) -> dict[str, Any] | None:
    return None if applied == suggested else applied

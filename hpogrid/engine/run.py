"""One attempt of one job: what to run next, what was reported, how it ended.

An engine evaluates; the search state decides; a `Run` stands between them and the world: it knows
the time, writes the ledger, looks at checkpoints, and asks and tells the other jobs. Everything
that has to survive a ``kill -9`` is in the ledger before the next step.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hpogrid.config.prep import fixed_values
from hpogrid.config.project import Project
from hpogrid.engine.assignment import Assignment, JobSpec, Start
from hpogrid.engine.deadline import Clock, Deadline
from hpogrid.engine.messages import PrepSetup
from hpogrid.engine.records import Records, RunningAlready
from hpogrid.engine.requests import Requests
from hpogrid.engine.search_state import SearchState
from hpogrid.engine.surroundings import environment_of
from hpogrid.errors import RunError
from hpogrid.schedule.base import Decision
from hpogrid.space.space import Point
from hpogrid.space.value import Values
from hpogrid.study.events import Ended, Event, Found, Started
from hpogrid.study.exchange import LEASE_SECONDS
from hpogrid.study.history import Past
from hpogrid.study.study import Trial
from hpogrid.trial.checkpoints import Keeper, go_back, latest, lend, take_lent

_REST_SECONDS = 0.5
"""How long not to look again, where everything is left to others for the moment."""
_HEAR_SECONDS = 0.2
"""How often reports are compared with what others have reported meanwhile, at most."""


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
        self.interrupted = False
        self.expired = False
        self.told_to_stop = False
        space = project.space
        self._clock = Clock()
        self._records = Records(project, space, spec, LEASE_SECONDS, self._clock)
        self.study = self._records.study
        self.attempt = self._records.attempt
        self._exchange = self._records.exchange
        self.state = SearchState(
            self.config, space, spec, self.study, host=self._records.host,
            attempt=self.attempt, first=first, past=past, may_take=self._exchange.may_take,
        )  # fmt: skip
        self.budget = self.state.budget
        self._trials = str(spec.trials)
        self._keeper = Keeper(spec.trials, self.config.keep_checkpoints)
        self._began = self._heard = time.monotonic()
        self._deadline = Deadline.of_this_job(self._clock)
        self._requests = Requests(spec.requests)
        self.budget.whole = self._deadline.left
        self._told = 0
        self._rest_until = 0.0
        self._records.open()
        self._writer = self._records.writer
        self._go_on()

    def _go_on(self) -> None:
        """Bring everything back that the ledgers tell."""
        for trial in self.study:
            if trial.finished and trial.job == self.spec.job:
                self._keep(trial)
        self._write(*self.state.replay(self._clock.now()))
        for trial in self.state.cut_off:
            if not self._exchange.still_mine(trial):
                self._write(*self.state.lose(trial, self._clock.now()))
        self.state.claimed.extend(self._exchange.orphans())

    @property
    def prep(self) -> PrepSetup | None:
        """What is to be prepared before trials, if anything."""
        model = self.project.model_config
        if not model.prep or self.spec.prep is None:
            return None
        fixed = fixed_values(self.project.space, model.param)
        return PrepSetup(model.prep, str(self.spec.prep), fixed)

    def found(self, told: Values) -> None:
        """Write down in what the trials run; what their Python tells is not to be believed blindly.

        Args:
            told: the fields of `hpogrid.trial.surroundings.Surroundings`.
        """
        with contextlib.suppress(msgspec.ValidationError):
            environment = environment_of(told, self.project.git)
            self._records.write(Found(time=self._clock.now(), environment=environment))

    @property
    def own(self) -> list[Trial]:
        """The trials of this job, of all attempts."""
        return self.state.own

    @property
    def running(self) -> int:
        """How many trials run at the moment."""
        return len(self.state.running)

    # --- what the engine asks and tells ----------------------------------------------------

    def next(self) -> Assignment | None:
        """The next trial to evaluate, already in the ledger; None: start no further one."""
        if self.over:
            return None
        self.poll(now=True)
        if time.monotonic() < self._rest_until:
            return None
        while True:
            step = self.state.next()
            if step is None:
                if not self._wait():
                    return None
            elif isinstance(step, Start):
                said = self._exchange.claim(step.point) if step.asks else "mine"
                if said == "mine":
                    return self._start(step)
                if said == "later":
                    self.state.postpone(step.point)
            elif isinstance(step, Ended):
                self._write(step)
            else:
                self.poll(now=True)
                point = next(self._exchange.abandoned(), None)
                points = [] if point is None else [point]
                self.state.offer(points, more=self._exchange.waits)

    def _wait(self) -> bool:
        """Nothing can be taken now: whether to look further; else there is a rest."""
        if not self.state.waiting:
            return False
        if self._exchange.look_further():
            return True
        self._rest_until = time.monotonic() + _REST_SECONDS
        if (why := self._exchange.gave_up) is not None and not self.running:
            self.stop(why)
        return False

    def _start(self, start: Start) -> Assignment:
        """Begin a trial, for the first time or again from a checkpoint."""
        found: tuple[int, Path] | None = None
        if start.source == start.trial:
            folder = self.spec.trials / start.trial
            take_lent(folder, start.attempt - 1)
            found = go_back(folder, start.reported)
        elif start.source is not None:
            found = latest(self.spec.trials / start.source, start.reported)
            if found is None:
                return self._start(self.state.restart(start.trial))
            lend(found[1], self.spec.trials / start.trial, start.attempt)
        step, path = found or (0, None)
        event = start.event(self._clock.now(), step)
        self._write(event)
        if event.parent is not None and path is not None:
            folder = self.spec.trials / start.trial
            take_lent(folder, start.attempt)
            path = folder / path.name
        spent = self.study.trials[start.trial].before if step else 0.0
        applied = start.point.applied
        return Assignment(start.trial, applied, start.seed, start.attempt, step, path, spent)

    def report(self, trial: str, metrics: Values) -> Decision:
        """Take in a report of a running trial, and say whether the trial goes on.

        Unless it does, the engine ends the evaluation and calls `finish`.
        """
        self._tick()
        if self.state.judges and time.monotonic() - self._heard > _HEAR_SECONDS:
            self._heard = time.monotonic()
            self.state.learn(self._exchange.poll(now=True))
        decision = self.state.report(trial, metrics, self._clock.now())
        reports = self.state.unwritten(trial)
        # The only report of a trial stands in its last line, unless there is a checkpoint of it.
        if reports and (reports[-1].step > 1 or latest(f"{self._trials}/{trial}") is not None):
            self._write(*reports)
            record = self.study.trials[trial]
            self._keeper.reported(trial, self.state.counting(record))
            self._exchange.reported(record)
        return decision

    def prepared(self, trial: str, seconds: float) -> None:
        """What a running trial needs is there: its own time begins after so many seconds."""
        self.state.prepared(trial, seconds)

    def finish(self, trial: str, failure: str | None = None) -> None:
        """A running trial ended by itself or as it was told; ``failure`` is why it failed.

        What fails while the run is being cut off, was cut off with it; what fails because the
        disk is full, runs again when there is room.

        Raises:
            RunError: the disk is full.
        """
        if failure is not None and self.interrupted:
            self.interrupt(trial, self.stopped or failure)
            return
        if failure is not None and (full := self._records.full_disk(failure)) is not None:
            self.interrupt(trial, full)
            raise RunError(full)
        needed = self.state.needs_checkpoint(trial)
        saved = not needed or latest(self.spec.trials / trial) is not None
        self._write(*self.state.finish(trial, failure, self._clock.now(), saved=saved))

    def interrupt(self, trial: str, reason: str) -> None:
        """A running trial was cut off through no fault of its own, and shall run again."""
        events = self.state.interrupt(trial, reason, self._clock.now())
        with contextlib.suppress(RunError):  # a full disk: what has no end is run again as well
            self._records.write(*events)
        for event in events:
            self.state.apply(event)

    def poll(self, *, now: bool = False) -> None:
        """Take in what other jobs have written meanwhile: now and then, or ``now``.

        Called a few times a second, it also ends the run when the time of the job is up.
        """
        if self._deadline.reached and not self.interrupted:
            self.expire("the time of the job is up")
        self._requests.look()
        if self._requests.stop and self.stopped is None:
            self.told_to_stop = True
            self.stop("stopped by 'hpogrid tasks stop'")
        self._records.beat()
        self.state.learn(self._exchange.poll(now=now))

    @property
    def unwanted(self) -> frozenset[str]:
        """The running trials that a user wants to end."""
        return self._requests.unwanted

    def _write(self, *events: Event) -> None:
        """Put events into the ledger; then everyone is told."""
        if not events:
            return
        self._records.write(*events)
        for event in events:
            trial = self.state.apply(event)
            if trial is None:
                continue
            if isinstance(event, Started):
                self._exchange.publish(trial)
            elif trial.finished:
                self._exchange.publish(trial)
                self._keep(trial)
        for note in self.state.notes[self._told :]:
            logging.getLogger(__name__).warning("%s", note)
        self._told = len(self.state.notes)

    def _keep(self, trial: Trial) -> None:
        """Say that a trial is finished to who keeps the checkpoints."""
        loss = None if trial.state == "failed" else self.state.loss(trial.metrics)
        self._keeper.ended(trial.id, loss, self.state.counting(trial))

    # --- the end ---------------------------------------------------------------------------

    @property
    def remark(self) -> str:
        """What the user should know about the algorithm; mostly empty."""
        return self.state.proposer.searcher.remark

    @property
    def stopped(self) -> str | None:
        """Why the run was stopped, if it was."""
        return self.state.stopped

    @property
    def over(self) -> bool:
        """Whether no further trial is going to be started."""
        self._tick()
        return self.state.over

    def _tick(self) -> None:
        self.budget.elapsed = time.monotonic() - self._began
        self.budget.seconds_left = self._deadline.left

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to start now that may be later, whatever ends here."""
        return self.state.waiting and not self.over

    @property
    def out_of_time(self) -> bool:
        """Whether the job ends before its budget is spent: another attempt goes on."""
        late = self.expired or (self.stopped is None and self.budget.too_late)
        return (late or self.told_to_stop) and self.budget.met is None

    @property
    def open(self) -> int:
        """How many trials may be started or go on, now or later, while no other one ends."""
        return self.state.open

    def stop(self, reason: str, *, interrupt: bool = False) -> None:
        """Start no further trial; with ``interrupt``, cut the running ones off as well."""
        self.state.stopped = self.state.stopped or reason
        self.interrupted = self.interrupted or interrupt

    def expire(self, reason: str) -> None:
        """The time of the job is up: cut off what runs; another attempt goes on."""
        self.expired = True
        self.stop(reason, interrupt=True)

    def end_paused(self) -> None:
        """The search is over for good: trials that are still paused end where they are."""
        self._write(*self.state.end_paused())

    def leave(self) -> None:
        """Another process goes on with the job: write nothing more."""
        self._records.leave()

    def close(self) -> str:
        """Write the last line if that is possible; return why the run ended."""
        self.state.notes += self._exchange.account()
        reason = self.state.reason
        self._records.close(reason, over=self.state.satisfied)
        return reason

    def hand_over(self) -> None:
        """After the last line: wait for a while if a server or storage is out of reach."""
        self._exchange.hand_over()


__all__ = ["Assignment", "JobSpec", "Run", "RunningAlready"]

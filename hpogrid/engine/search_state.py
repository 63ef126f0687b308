"""The search state: all that a job knows of its search, and what follows from it.

No clock, disk, network or process is in it. What happens comes in as calls, with the time where it
matters; what is to be done comes out: `Start` (evaluate this), a `Decision` on a report, and the
ledger's events. Each event is written first and then handed to `SearchState.apply`, so that a job
that is killed between any two goes on from its ledger (`SearchState.replay`) as if it had lived.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.assignment import JobSpec, Start, Step
from hpogrid.engine.budget import Budget
from hpogrid.engine.earlier import Earlier
from hpogrid.engine.first_look import FirstLook
from hpogrid.engine.outcomes import REPORTS, SECONDS, curve_of, mean_outcome
from hpogrid.schedule import make_scheduler
from hpogrid.schedule.base import Decision, reaches
from hpogrid.search import make_searcher
from hpogrid.search.base import FAILED, Outcome, Problem, derive_seed
from hpogrid.search.prior import read_prior
from hpogrid.search.proposer import Proposer
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Value
from hpogrid.study.events import Ended, Event, Metrics, Reported, Started, State
from hpogrid.study.history import Past
from hpogrid.study.study import Copied, Report, Source, Study, Trial, deaths, number_of
from hpogrid.study.values import (
    aggregated,
    as_loss,
    counting_step,
    number,
    objectives,
    what_is_missing,
)
from hpogrid.trial.session import VERDICT

_VERDICTS: dict[Decision, State] = {
    "continue": "complete",
    "complete": "complete",
    "stop": "pruned",
    "pause": "interrupted",
}
"""What a trial has come to when it ends after a decision."""

_ALL_TRIED = "every configuration was tried"

_TOO_DEADLY = (
    "its job was killed twice while it ran and came no further (out of memory, a lost node, a kill)"
)


@dataclass(slots=True)
class _Running:
    """A trial that is being evaluated, and the reports of its present configuration.

    Attributes:
        step: the number of its last report.
        unwritten: reports that are not in the ledger yet.
        before: seconds of training in the state from which it goes on.
        prepared: seconds of its attempt that went into preparing what it needs.
        state: what it has come to if it ends now.
        reason: why, where there is something to say.
    """

    step: int
    reports: list[Metrics]
    before: float = 0
    unwritten: list[Reported] = field(default_factory=list)
    prepared: float = 0
    state: State = "complete"
    reason: str | None = None


class SearchState:
    """What one attempt of a job knows.

    Args:
        config: of the search.
        space: what is searched.
        spec: which job it is.
        study: the trials of all jobs, as far as they are known.
        host, attempt: where it runs, and how often its job was started.
        first: points to evaluate before the algorithm's own; the jobs of a shared search deal
            them out among themselves.
        past: results of earlier searches, of which the algorithm is told (see `Earlier`).
        may_take: whether a point may be taken now that may be later.

    Attributes:
        budget: what the job may still do.
        running: the trials that run at the moment, by id.
        claimed: configurations that are this job's already, and no trials yet.
        stopped: why no further trial is started, if somebody said so.
        notes: what the user should know about the search, a sentence each.
    """

    def __init__(
        self,
        config: HpoConfig,
        space: Space,
        spec: JobSpec,
        study: Study,
        *,
        host: str = "",
        attempt: int = 0,
        first: Sequence[Point] = (),
        past: Sequence[Past] = (),
        may_take: Callable[[Point], bool] = lambda point: True,
    ) -> None:
        self.config = config
        self._metrics, self._modes = config.metrics, config.modes
        self.study = study
        self._space = space
        self.budget = Budget(config)
        self.running: dict[str, _Running] = {}
        self.stopped: str | None = None
        self.notes: list[str] = []
        self._job = spec.job
        self._source = Source(host, spec.job, attempt)
        self._seed = derive_seed(spec.seed, spec.job)
        self._trial_seed = spec.trial_seed
        prior = read_prior(config.prior, space)
        problem = Problem(space, self._modes, self._seed, config.trials, prior, len(past))
        searcher = make_searcher(config.algorithm, problem, config.algorithm_param)
        self._earlier = Earlier(past if searcher.learns else (), space, self._modes)
        first = [*prior.first, *first, *self._earlier.again]
        begun = {space.identify(trial.applied) for trial in study} if first else set()
        mine = spec.share(first)
        queue = [one for one in mine if one.key not in begun]
        self.proposer = Proposer(space, searcher, queue, may_take)
        self._scheduler = make_scheduler(
            config.scheduler, config.scheduler_param, problem, config.stop, searcher.learns
        )
        self._attr = str(config.scheduler_param.get("time_attr", REPORTS))
        self._counts_seconds = SECONDS in (self._attr, *config.stop)
        self._rungs = self._scheduler.rungs if searcher.multifidelity else ()
        self._told: dict[str, float] = {}  # the last rung of a trial that the searcher heard of
        self._judged: dict[str, int] = {}  # the last report of another's trial that was judged
        self._standing: dict[str, Metrics] = {}  # of each trial the objectives as last reported
        self._groups: dict[str, dict[str, Outcome]] = defaultdict(dict)
        self._number = max(spec.after, study.last_number(spec.job))
        self._again: deque[str] = deque()  # cut off: they run before all else
        self._suspects: deque[str] = deque()  # their job died with them: one at a time, at the end
        self._paused: set[str] = set()
        self._repeats: deque[tuple[Point, str]] = deque()
        self.claimed: deque[Point] = deque()
        self._looked = False
        self._more = False
        self._first_look = FirstLook(config, self._attr, judges=self._scheduler.judges)
        for item in past:
            if item.same or not searcher.learns:  # some evaluate nothing twice
                self.proposer.tell(item.suggested, Outcome(item.values))

    # --- how it stands -----------------------------------------------------------------------

    @property
    def own(self) -> list[Trial]:
        """The trials of this job, of all attempts."""
        return [trial for trial in self.study if trial.job == self._job]

    @property
    def judges(self) -> bool:
        """Whether reports of others may make a difference to a trial of this job."""
        return self._scheduler.judges

    @property
    def over(self) -> bool:
        """Whether no further trial is going to be started."""
        return bool(self.stopped or self.budget.spent or not self.open)

    @property
    def open(self) -> int:
        """How many trials may be started or go on, now or later, while no other one ends."""
        return self._left + len(self._paused) + len(self._again) + len(self._suspects)

    @property
    def _left(self) -> int:
        """How many trials that were never started may be."""
        begun = len(self.running) + len(self._paused) + len(self._again) + len(self._suspects)
        return self.budget.left(begun)

    @property
    def satisfied(self) -> bool:
        """Whether the search has what it was for, or the whole space, whatever budget were left."""
        return self.stopped == _ALL_TRIED or self.budget.satisfied is not None

    @property
    def reason(self) -> str:
        """Why no further trial is started, with all that there is to say."""
        why = self.stopped or self.budget.spent or self.budget.all_begun or "nothing is left to try"
        return "; ".join(filter(None, [why, self._earlier.remark, *self.notes]))

    # --- what has happened before ------------------------------------------------------------

    def replay(self, now: float) -> list[Event]:
        """Bring everything back that the ledgers tell; return what is still to be written."""
        trials = sorted(self.study, key=lambda trial: trial.ended or float("inf"))
        own = [trial for trial in trials if trial.job == self._job]
        for trial in sorted(own, key=lambda trial: number_of(trial.id)):
            self._schedule(trial)
        lost = self._lost_before(own)
        events: list[Event] = []
        for trial in trials:
            self.proposer.take(trial.applied)
            decision = self._learn(trial)
            if trial.job != self._job:
                continue
            if trial.finished:
                self._account(trial)
            elif trial.id in lost:
                self._scheduler.on_end(trial.id)
            else:
                self.proposer.begun(trial.suggested)
                events += self._cut_off(trial, decision, now)
        self.budget.started = len(own)
        self._repeats.extend(self._missing(trial for trial in own if trial.id not in lost))
        return events

    def _lost_before(self, own: Iterable[Trial]) -> set[str]:
        """Trials whose configuration another job took over, and left to this one again later.

        It is evaluated by a new trial since then.
        """
        if not self._space.finite:
            return set()
        newest: dict[bytes, str] = {}
        groups: dict[str, tuple[bytes, str]] = {}
        for trial in sorted(own, key=lambda trial: number_of(trial.id)):
            if trial.parent is None:  # else its values are a copy's, and not its own alone
                key = self._space.identify(trial.applied)
                newest[key] = trial.group or trial.id
                groups[trial.id] = key, newest[key]
        return {name for name, (key, group) in groups.items() if newest[key] != group}

    def _cut_off(self, trial: Trial, decision: Decision, now: float) -> list[Event]:
        """See what becomes of a trial that had begun when the last attempt ended."""
        if trial.paused:
            self._paused.add(trial.id)
            self._scheduler.on_pause(trial.id)
        elif decision == "pause" and trial.state == "running":
            return [self._pause(trial.id, trial.reports[-1].step, now)]
        elif deaths(trial) == 1:
            self._suspects.append(trial.id)
        else:
            self._again.append(trial.id)
        return []

    def _missing(self, own: Iterable[Trial]) -> Iterable[tuple[Point, str]]:
        """The repetitions that a killed job had not begun."""
        groups: dict[str, list[Trial]] = defaultdict(list)
        for trial in own:
            if trial.group is not None:
                groups[trial.group].append(trial)
        for group, members in groups.items():
            yield from [(_point(members[0]), group)] * (self.config.repeat - len(members))

    @property
    def cut_off(self) -> list[Trial]:
        """The trials of this job that shall go on with a configuration that it has claimed.

        The values of a copy are another trial's: whose they are says nothing.
        """
        names = (*self._again, *self._suspects, *self._paused)
        trials = map(self.study.trials.__getitem__, names)
        return [trial for trial in trials if trial.parent is None]

    def lose(self, trial: Trial, now: float) -> list[Event]:
        """Another job evaluates the configuration of a trial that was cut off, all repetitions."""
        self._waits_no_more(trial.id)
        self._repeats = deque(one for one in self._repeats if one[1] != trial.group)
        self._scheduler.on_end(trial.id)
        reason = "its job was silent for long: another one took the configuration over"
        waits = trial.paused or trial.state == "running"
        return [_interrupted(trial.id, reason, now)] if waits else []

    def learn(self, trials: Iterable[Trial]) -> None:
        """Take in what other jobs have done meanwhile."""
        for trial in trials:
            self.proposer.take(trial.applied)
            self._learn(trial)

    def offer(self, points: Iterable[Point], *, more: bool = False) -> None:
        """The answer to ``look``: points that dead jobs have left, and this one has claimed now.

        With ``more``, others have points that may yet be left.
        """
        self.claimed.extend(points)
        self._looked, self._more = True, more

    @property
    def waiting(self) -> bool:
        """Whether nothing can be taken now, and something may be later."""
        return self.proposer.waiting or self._more

    def postpone(self, point: Point) -> None:
        """A point could not be claimed, and nobody else has it for certain."""
        self.proposer.postpone(point)

    # --- what comes next ---------------------------------------------------------------------

    def next(self) -> Step | None:
        """What to do now, while there is room for another trial; None: nothing."""
        if self._again:
            trial = self.study.trials[self._again[0]]
            return self._deadly(trial) if deaths(trial) > 1 else self.restart(trial.id)
        fresh = self._left > 0
        if (step := self._released(fresh=fresh)) is not None:
            return step
        if not fresh:
            return self._suspect()
        if self._repeats:
            return self._new(*self._repeats[0])
        looked, self._looked = self._looked, False
        if self.claimed:
            return self._new(self.claimed.popleft())
        if not looked:
            self._more = False
            point = self.proposer.ask()
            return "look" if point is None else self._new(point, asks=True)
        step = self._released(fresh=False) or self._suspect()
        if step is None and not (self.running or self.waiting):
            self.stopped = self.stopped or _ALL_TRIED
        return step

    def _new(self, point: Point, group: str | None = None, *, asks: bool = False) -> Start:
        count = self._number + 1
        name = f"{self._job}-{count}"
        if self.config.repeat > 1:
            group = group or name
        seed = self._trial_seed
        if seed is None:
            seed = derive_seed(self._seed, "trial", count)
        return Start(name, point, seed, group=group, asks=asks)

    def restart(self, name: str) -> Start:
        """Run a trial again, from its newest checkpoint that was reported."""
        trial = self.study.trials[name]
        last = max((report.step for report in trial.reports), default=0)
        reported = max(last, trial.changed_at)
        attempt = trial.attempt + 1
        return Start(name, _point(trial), trial.seed, attempt, trial.group, name, reported)

    def _suspect(self) -> Start | None:
        """Whose job died with it is tried again when all else is done, and without another such.

        So the others have their results, and it is known which one it was.
        """
        if not self._suspects or any(self.study.trials[name].deaths for name in self.running):
            return None
        return self.restart(self._suspects[0])

    def _deadly(self, trial: Trial) -> Ended:
        """Give up a trial whose job has died with it again."""
        last = trial.reports[-1] if trial.reports else Report(1, trial.started, {})
        return Ended(
            time=last.time,
            trial=trial.id,
            state="failed",
            metrics=self._result(_present(trial)),
            steps=last.step,
            reason=_TOO_DEADLY,
        )

    def _released(self, *, fresh: bool) -> Start | Ended | None:
        """Ask the scheduler about paused trials."""
        release = self._scheduler.release(fresh) if self._paused else None
        if release is None:
            return None
        trial = self.study.trials[release.trial]
        if not release.go_on:
            return self._drop(trial)
        if release.source is None or release.point is None:
            return self.restart(trial.id)
        reports = self.study.trials[release.source].reports
        attempt = trial.attempt + 1
        return Start(
            trial.id,
            release.point,
            derive_seed(trial.seed, attempt),
            attempt,
            trial.group,
            release.source,
            reports[-1].step if reports else 0,
        )

    def _drop(self, trial: Trial, reason: str | None = None) -> Ended:
        """End a paused trial, at the time when it was paused."""
        metrics = self._result(_present(trial))
        missing = what_is_missing(self._metrics, metrics)
        return Ended(
            time=trial.ended or trial.started,
            trial=trial.id,
            state="failed" if missing else "pruned",
            metrics=metrics,
            steps=trial.reports[-1].step,
            reason=missing or reason,
        )

    def end_paused(self) -> list[Event]:
        """The search is over for good: trials that are still paused end where they are."""
        why = "the search ended while it was paused"
        names = sorted(self._paused, key=number_of)
        return [self._drop(self.study.trials[name], why) for name in names]

    # --- what running trials do --------------------------------------------------------------

    def prepared(self, name: str, seconds: float) -> None:
        """What a running trial needs is there: its own time begins after so many seconds."""
        self.running[name].prepared = seconds

    def report(self, name: str, metrics: Metrics, now: float) -> Decision:
        """Take in a report of a running trial, and say whether the trial goes on."""
        running, trial = self.running[name], self.study.trials[name]
        verdict = _verdict(metrics) or metrics.get(VERDICT)
        if VERDICT in metrics:
            metrics = {key: value for key, value in metrics.items() if key != VERDICT}
        decision: Decision = "continue"
        if metrics:
            if self._counts_seconds:  # what decides has to be in the ledger, for whoever reads it
                spent = running.before + now - trial.started - running.prepared
                metrics = {SECONDS: round(spent, 6), **metrics}
            running.step += 1
            running.reports.append(metrics)
            running.unwritten.append(
                Reported(time=now, trial=name, step=running.step, metrics=metrics)
            )
            decision = self._decide(trial, running.step, metrics)
        if verdict is not None:
            decision = "complete"
        if verdict == "fail":
            running.state, running.reason = "failed", "the script itself says that it failed"
        elif verdict == "pruned":
            running.state, running.reason = "pruned", "the script itself ended it early"
        elif verdict is None and self._first_look.lacks_the_metric:
            missing = what_is_missing(self._metrics, metrics)
            reason = f"{missing} (the first report needs it, unless max_failures is set)"
            running.state, running.reason = "failed", reason
            decision = "complete"
        else:
            running.state = _VERDICTS[decision]
        if decision == "complete":
            self._scheduler.on_end(name)  # at once: nobody is to wait for it, or to copy it
        return decision

    def _decide(self, trial: Trial, step: int, metrics: Metrics) -> Decision:
        self._first_look.see(metrics)
        decision = self._judge(trial, step, metrics)
        if self.budget.reached({REPORTS: step, **metrics}):
            return "complete"
        if decision == "pause" and (self.stopped or self.budget.spent):
            return "stop"
        return decision

    def unwritten(self, name: str) -> list[Reported]:
        """The reports of a running trial that are not in the ledger yet."""
        return self.running[name].unwritten

    def needs_checkpoint(self, name: str) -> bool:
        """Whether a running trial that ends now can only go on from a checkpoint."""
        return self._scheduler.needs_checkpoints and self.running[name].state == "interrupted"

    def finish(
        self, name: str, failure: str | None, now: float, *, saved: bool = True
    ) -> list[Event]:
        """A running trial ended by itself, or as it was told.

        Args:
            name: its id.
            failure: why it failed, if it did.
            now: when.
            saved: whether there is a checkpoint of it, if it needs one.
        """
        running = self.running[name]
        events, reports = list[Event](), running.reports
        copied = self.study.trials[name].copied
        if failure is None and not reports and copied is not None:
            events, reports = self._taken_over(name, copied, now), [copied.metrics]
        metrics = self._result(reports)
        state, reason = running.state, running.reason
        if failure is not None:
            state, reason = "failed", failure
        elif reason is None:
            reason = what_is_missing(self._metrics, metrics)
            if reason is None and state == "interrupted":
                if saved:
                    return [*running.unwritten, self._pause(name, running.step, now)]
                reason = self._needs_checkpoints()
            state = state if reason is None else "failed"
        end = Ended(
            time=now,
            trial=name,
            state=state,
            metrics=metrics,
            steps=max(1, running.step),
            reason=reason,
            prepared=0 if events else running.prepared,
        )
        return [*events, end]

    def interrupt(self, name: str, reason: str, now: float) -> list[Event]:
        """A running trial was cut off through no fault of its own, and shall run again."""
        running = self.running[name]
        if running.state == "interrupted":  # it was told to wait, and would have
            return [*running.unwritten, self._pause(name, running.step, now)]
        return [_interrupted(name, reason, now, running.prepared)]

    def _pause(self, name: str, step: int, now: float) -> Ended:
        running = self.running.get(name)
        return Ended(
            time=now,
            trial=name,
            state="interrupted",
            reason=f"paused by {self.config.scheduler} after report {step}",
            prepared=running.prepared if running else 0,
            paused=True,
        )

    def _needs_checkpoints(self) -> str:
        return (
            f"scheduler {self.config.scheduler} needs checkpoints and this trial saved none; "
            "save one before each report (hpogrid.checkpoint, or save_checkpoint in a class)"
        )

    def _taken_over(self, name: str, copied: Copied, now: float) -> list[Event]:
        """A trial is what it copied: it had nothing left to do with its changed values."""
        trial, prepared = self.study.trials[name], self.running[name].prepared
        point, attempt = Point(copied.suggested, copied.applied), trial.attempt + 1
        start = Start(name, point, trial.seed, attempt, trial.group, name)
        why = "nothing was left to do with the changed values: it is what it copied"
        return [_interrupted(name, why, now, prepared), start.event(now, trial.changed_at)]

    def _result(self, reports: Sequence[Metrics]) -> Metrics:
        return aggregated(reports, self._metrics, self._modes, self.config.aggregate)

    # --- what was written --------------------------------------------------------------------

    def apply(self, event: Event) -> Trial | None:
        """Take in an event of this job that is in the ledger now; return the trial it changed."""
        trial = self.study.apply(event, self._source)
        if trial is None:
            return None
        if isinstance(event, Started):
            self._began(event, trial)
        elif isinstance(event, Reported):
            running = self.running.get(trial.id)
            if running is not None:
                running.unwritten.clear()
        elif isinstance(event, Ended):
            self._ended(event, trial)
        return trial

    def _began(self, event: Started, trial: Trial) -> None:
        self.running[trial.id] = _Running(
            event.from_step, _present(trial), _seconds(trial, event.from_step)
        )
        self._standing[trial.id] = {}  # what it reported after its checkpoint counts no more
        for metrics in _present(trial):
            self._values_of(trial.id, metrics)
        self.proposer.take(trial.applied)
        if event.attempt == 1 or event.parent is not None:
            self._schedule(trial)
        if event.attempt > 1:
            self._waits_no_more(trial.id)
            return
        self._number = number_of(trial.id)
        self.budget.started += 1
        if trial.group == trial.id:
            self._repeats.extend([(_point(trial), trial.id)] * (self.config.repeat - 1))
        elif trial.group is not None:
            self._repeats.popleft()

    def _ended(self, event: Ended, trial: Trial) -> None:
        running = self.running.pop(trial.id, None)
        if event.paused:
            self._paused.add(trial.id)
            self._scheduler.on_pause(trial.id)
        elif trial.finished:
            self._waits_no_more(trial.id)
            self._tell(trial)
            self._account(trial)
            if running is not None:
                self.notes += self._first_look.remarks(trial, running.reports)
                all_failed = self.budget.failures == self.budget.finished
                why = self._first_look.hopeless(trial, all_failed=all_failed)
                self.stopped = self.stopped or why
        elif running is not None:
            (self._suspects if trial.deaths else self._again).append(trial.id)

    def _waits_no_more(self, name: str) -> None:
        self._paused.discard(name)
        for waiting in (self._again, self._suspects):
            if name in waiting:
                waiting.remove(name)

    # --- what is made of it ------------------------------------------------------------------

    def _learn(self, trial: Trial) -> Decision:
        """Take in what another process, or an earlier attempt, found out about a trial."""
        decision: Decision = "continue"
        seen = self._judged.get(trial.id, 0)
        for report in trial.reports:
            if report.step > seen:
                self._first_look.see(report.metrics)
                decision = self._judge(trial, report.step, report.metrics)
                self._judged[trial.id] = report.step
        if trial.finished:
            self._first_look.see(trial.metrics)
            if not trial.reports:
                self._judge(trial, 1, trial.metrics)
            self._tell(trial)
            if trial.job != self._job:
                self.budget.see(trial)
        return decision

    def _judge(self, trial: Trial, step: int, metrics: Mapping[str, Value]) -> Decision:
        """Tell the scheduler of a report, and at its rungs the algorithm; return what follows."""
        if step <= trial.changed_at:
            return "continue"
        values, resource = self._values_of(trial.id, metrics), self._resource(step, metrics)
        if values is None or resource is None:
            return "continue"
        rung = max((level for level in self._rungs if reaches(resource, level)), default=0.0)
        if rung > self._told.get(trial.id, 0):
            self._told[trial.id] = rung
            self.proposer.report(trial.suggested, Outcome(values), rung)
        losses = map(as_loss, values, self._modes)
        return self._scheduler.on_report(trial.id, resource, *losses)

    def _values_of(self, name: str, metrics: Mapping[str, Value]) -> tuple[float, ...] | None:
        """The objectives after a report; one that it leaves out is as it was last reported.

        None: it has none of them, which counts as nothing, or one is not known yet.
        """
        found = {metric: metrics[metric] for metric in self._metrics if metric in metrics}
        self._standing.setdefault(name, {}).update(found)
        return objectives(self._metrics, self._standing[name]) if found else None

    def _resource(self, step: int, metrics: Mapping[str, Value]) -> float | None:
        """The resource after a report; None: the report does not say, and counts as nothing."""
        return number({REPORTS: step, **metrics}.get(self._attr))

    def _schedule(self, trial: Trial) -> None:
        """A trial of this job begins, or goes on with other values."""
        copied = trial.copied
        begins = self._resource(trial.changed_at, copied.metrics) if copied is not None else None
        self._scheduler.on_start(trial.id, _point(trial), begins or 0.0)

    def counting(self, trial: Trial) -> int | None:
        """The report whose value is the trial's (see `counting_step`)."""
        present = (item for item in trial.reports if item.step > trial.changed_at)
        return counting_step(present, self._metrics[0], self._modes[0], self.config.aggregate)

    def loss(self, metrics: Mapping[str, Value]) -> float | None:
        """The first objective so that smaller is better; None: it is not there."""
        value = number(metrics.get(self._metrics[0]))
        return None if value is None else as_loss(value, self._modes[0])

    def _tell(self, trial: Trial) -> None:
        """Tell the algorithm of a finished trial, or of the last of its repetitions."""
        outcome = self._outcome(trial)
        if trial.group is not None:
            group = self._groups[trial.group]
            group[trial.id] = outcome
            if len(group) < self.config.repeat:
                return
            outcome = mean_outcome(group.values())
        self.proposer.tell(trial.suggested, outcome)
        if self._earlier.undecided:
            for item in self._earlier.learn(self._space.identify(trial.applied), outcome):
                self.proposer.tell(item.suggested, Outcome(item.values))

    def _outcome(self, trial: Trial) -> Outcome:
        """How a trial ended, and where it stood at the resources that it came to."""
        if trial.state == "failed":
            return FAILED
        # A single report stands in the end of its trial.
        reports = _current(trial) if trial.reports else [Report(1, trial.started, trial.metrics)]
        present = [report.metrics for report in reports]
        curve = curve_of(
            (self._resource(report.step, report.metrics) for report in reports),
            self._scheduler.rungs,
            lambda count: objectives(self._metrics, self._result(present[:count])),
        )
        return Outcome(objectives(self._metrics, trial.metrics), curve, trial.state == "pruned")

    def _account(self, trial: Trial) -> None:
        """A trial of this job is finished, now or in an earlier attempt."""
        self._scheduler.on_end(trial.id)
        self.budget.count(trial)


def _point(trial: Trial) -> Point:
    return Point(trial.suggested, trial.applied)


def _current(trial: Trial) -> list[Report]:
    """The reports of a trial with the configuration that it has now."""
    return [report for report in trial.reports if report.step > trial.changed_at]


def _present(trial: Trial) -> list[Metrics]:
    """What a trial reported with the configuration that it has now."""
    return [report.metrics for report in _current(trial)]


def _interrupted(name: str, reason: str, now: float, prepared: float = 0) -> Ended:
    return Ended(time=now, trial=name, state="interrupted", reason=reason, prepared=prepared)


def _verdict(metrics: Metrics) -> str | None:
    """What a script says of its own result, in the words of Hyperopt."""
    return "fail" if metrics.get("status") == "fail" else None


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

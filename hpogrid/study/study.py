"""What happened: the trials of a study, merged from any number of ledger files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

import msgspec

from hpogrid.space.value import Values
from hpogrid.study.events import (
    FINISHED,
    Closed,
    Ended,
    Environment,
    Event,
    Found,
    Metrics,
    Opened,
    Reported,
    Started,
    State,
)
from hpogrid.study.ledger import SUFFIX, LedgerReader, ledger_attempts, ledger_name

_MOST_DIGITS = 19


class Report(NamedTuple):
    """One report of a trial: its number from 1, when, and what."""

    step: int
    time: float
    metrics: Metrics


class Copied(NamedTuple):
    """A trial at one of its reports: the values that it had, and what it reported with them."""

    suggested: Values
    applied: Values
    metrics: Metrics


class Trial(msgspec.Struct, gc=False):
    """One trial, as far as the ledgers tell.

    Attributes:
        id: ``<job>-<number>``, unique in its study and never given twice.
        state: see `State`.
        suggested: the values that the algorithm chose.
        applied: the values that the objective got.
        metrics: the result, empty before the end and for most failures.
        started, ended: seconds since the epoch; ``ended`` is None while it runs.
        reason: why it failed or was stopped.
        attempt: how often it was started.
        group: the first trial of the repetitions that it belongs to, if it does.
        reports: the reports before the end, in order.
        parent: the trial from whose checkpoint it went on last (population based training).
        changed_at: the report after which it has its present values; 0: from the beginning.
        copied: what the other trial had come to where it went on from that one's checkpoint.
        before: seconds that its earlier attempts took, as far as they are known.
        paused: whether it waits for a scheduler, at the report where its last attempt ended.
        deaths: how often its job died while it ran, since it last came further than before.
        reached: its last report when that happened.
        run: the attempt of its job that ran it last; 0: not known.
    """

    id: str
    state: State
    suggested: Values
    applied: Values
    seed: int
    job: int
    host: str
    started: float
    ended: float | None = None
    metrics: Metrics = {}
    reason: str | None = None
    attempt: int = 1
    group: str | None = None
    reports: tuple[Report, ...] | list[Report] = ()
    parent: str | None = None
    changed_at: int = 0
    copied: Copied | None = None
    before: float = 0.0
    paused: bool = False
    deaths: int = 0
    reached: int = 0
    run: int = 0

    @property
    def finished(self) -> bool:
        """Whether it has come to its end and will not run again."""
        return self.state in FINISHED

    @property
    def duration(self) -> float:
        """Seconds from start to end, without what lay between attempts.

        0 while it runs, and where a clock was set back below its start.
        """
        if self.ended is None:
            return 0.0
        return self.before + max(0.0, self.ended - self.started)


def deaths(trial: Trial) -> int:
    """How often the job of a trial that shall run again died with it, the last time included.

    Who came further than before is not counted: it is not what ended its job each time.
    """
    if trial.state != "running":
        return trial.deaths
    return 1 + (trial.deaths if _last_step(trial) <= trial.reached else 0)


def _last_step(trial: Trial) -> int:
    return trial.reports[-1].step if trial.reports else 0


def job_of(trial: str) -> int:
    """The job in the id of a trial, ``<job>-<number>``."""
    return _whole(trial.partition("-")[0])


def number_of(trial: str) -> int:
    """The number in the id of a trial, ``<job>-<number>``."""
    return _whole(trial.partition("-")[2])


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else 0


class Source(msgspec.Struct):
    """Who wrote the events that come next: the first line of a file tells."""

    host: str = ""
    job: int = -1
    attempt: int = 0


class Study:
    """Trials by id. Feed it events in any order of files; a finished trial stays finished.

    Attributes:
        trials: by id.
        environments: by job and its attempt.
    """

    def __init__(self) -> None:
        self.trials: dict[str, Trial] = {}
        self.environments: dict[tuple[int, int], Environment] = {}
        self._ahead: dict[str, Ended] = {}
        self._over: set[int] = set()

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials.values())

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def finished(self) -> list[Trial]:
        """The trials that have come to their end, in the order in which they started."""
        return [trial for trial in self if trial.finished]

    def last_number(self, job: int) -> int:
        """The highest number that a trial of the job has, also if its start is damaged."""
        ids = (*self.trials, *self._ahead)
        return max((number_of(name) for name in ids if job_of(name) == job), default=0)

    def apply(self, event: Event, source: Source) -> Trial | None:
        """Take in one event of a file; return the trial that it changed."""
        if isinstance(event, Ended):
            return self._end(event)
        if isinstance(event, Started):
            return self._start(event, source)
        if isinstance(event, Reported):
            return self._report(event)
        if isinstance(event, Opened):
            source.host, source.job, source.attempt = event.host, event.job, event.attempt
            self._over.discard(event.job)
        elif isinstance(event, Found):
            self.environments[source.job, source.attempt] = event.environment
        elif event.over:
            self._over.add(source.job)
        return None

    def is_over(self, jobs: Set[int]) -> bool:
        """Whether the search of each of these jobs had what it was for, or the whole space."""
        return jobs <= self._over

    def _start(self, event: Started, source: Source) -> Trial | None:
        known = self.trials.get(event.trial)
        if known is not None and (known.finished or known.attempt >= event.attempt):
            return None
        trial = Trial(
            event.trial,
            "running",
            event.suggested,
            event.suggested if event.applied is None else event.applied,
            event.seed,
            job_of(event.trial),
            source.host,
            event.time,
            attempt=event.attempt,
            group=event.group,
            run=source.attempt,
        )
        if known is not None:
            _go_on(trial, known, event, self.trials.get(event.parent or ""))
        self.trials[event.trial] = trial
        if event.trial in self._ahead:
            return self._end(self._ahead.pop(event.trial))
        return trial

    def _report(self, event: Reported) -> Trial | None:
        trial = self.trials.get(event.trial)
        if trial is None or trial.finished:
            return None
        if not trial.reports:
            trial.reports = []
        assert isinstance(trial.reports, list)
        trial.reports.append(Report(event.step, event.time, event.metrics))
        return trial

    def _end(self, event: Ended) -> Trial | None:
        trial = self.trials.get(event.trial)
        if trial is None:  # its start stands in a file that is read later, or is damaged
            known = self._ahead.get(event.trial)
            if known is None or known.state not in FINISHED:
                self._ahead[event.trial] = event
            return None
        if trial.finished:
            return None
        trial.state = event.state
        trial.ended = event.time
        if event.prepared:
            trial.started += event.prepared
        trial.metrics = event.metrics
        trial.reason = event.reason
        trial.paused = event.paused
        return trial


def _go_on(trial: Trial, known: Trial, event: Started, source: Trial | None) -> None:
    """Keep of earlier attempts what still holds."""
    trial.before = known.duration
    trial.deaths = deaths(known)
    trial.reached = _last_step(known) if known.state == "running" else known.reached
    if known.ended is None and known.reports:  # it was killed: its last report is its known end
        trial.before += max(0.0, known.reports[-1].time - known.started)
    if event.from_step:
        trial.reports = [item for item in known.reports if item.step <= event.from_step]
        trial.parent, trial.changed_at = known.parent, known.changed_at
        trial.copied = known.copied
    if event.parent is not None:
        trial.parent, trial.changed_at = event.parent, event.from_step
        trial.copied = _at(source, event.from_step) if source is not None else None


def _at(trial: Trial, step: int) -> Copied | None:
    """What a trial was at a report that is not older than its present values."""
    if step <= trial.changed_at:
        return trial.copied
    metrics = (item.metrics for item in trial.reports if item.step == step)
    return next((Copied(trial.suggested, trial.applied, found) for found in metrics), None)


class LedgerFolder:
    """The ledgers of one folder, merged into a `Study` and followed as they grow.

    Args:
        folder: where the files are.
        pattern: which of them to read.
    """

    def __init__(self, folder: Path, pattern: str = f"*{SUFFIX}") -> None:
        self.folder = folder
        self.study = Study()
        self._pattern = pattern
        self._ignored: set[Path] = set()
        self._readers: dict[Path, tuple[LedgerReader, Source]] = {}
        self._unopened: set[Path] = set()

    def poll(self) -> list[Trial]:
        """Read what is new; return the trials that changed, in order."""
        changed: list[Trial] = []
        paths = self._paths()
        for path in paths:
            if path not in self._readers:
                self._readers[path] = LedgerReader(path), Source()
                self._unopened.add(path)
        for path in list(self._unopened):
            self._see_limits(path)
        apply = self.study.apply
        for reader, source in map(self._readers.__getitem__, paths):
            for event in reader.read():
                trial = apply(event, source)
                if trial is not None:
                    changed.append(trial)
        return changed

    @property
    def count(self) -> int:
        """How many files there are to look at."""
        return len(self._readers)

    def ignore(self, path: Path) -> None:
        """Leave a file out from now on: the one that this process writes itself."""
        self._ignored.add(path)

    def offsets(self, job: int) -> dict[int, int]:
        """How many bytes of the file of each attempt of a job were read, by attempt."""
        paths = ((n, self.folder / ledger_name(job, n)) for n in ledger_attempts(self.folder, job))
        return {n: self._readers[path][0].offset for n, path in paths if path in self._readers}

    def limit(self, job: int, offsets: Mapping[int, int]) -> None:
        """Read no further than this in the files of a job's attempts: another one went on."""
        for attempt, offset in offsets.items():
            path = self.folder / ledger_name(job, attempt)
            if path in self._readers:
                reader = self._readers[path][0]
                reader.limit = offset if reader.limit is None else min(offset, reader.limit)

    def _see_limits(self, path: Path) -> None:
        """Find out from its first line how much of earlier files a new file goes on from."""
        opened = self._readers[path][0].opening()
        if opened is not None:
            self._unopened.discard(path)
            self.limit(opened.job, opened.read)

    def _paths(self) -> Sequence[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(set(self.folder.glob(self._pattern)) - self._ignored)

    @property
    def warnings(self) -> list[str]:
        """A sentence for each file with torn or damaged lines."""
        notes = []
        for path, (reader, _) in self._readers.items():
            if reader.torn:
                notes.append(f"{path.name}: the last line is torn (its writer was killed); skipped")
            if reader.unreadable:
                notes.append(f"{path.name} cannot be read: {reader.unreadable}; left out")
            if reader.damaged:
                notes.append(f"{path.name}: {reader.damaged} damaged lines skipped")
        return notes


def read_study(folder: Path) -> tuple[Study, list[str]]:
    """Merge all ledgers of a folder.

    Returns:
        The study, and a sentence for each thing that was skipped.
    """
    ledgers = LedgerFolder(folder)
    ledgers.poll()
    return ledgers.study, ledgers.warnings


__all__ = ["Closed", "LedgerFolder", "Report", "Source", "Study", "Trial", "read_study"]

"""Trials that a scheduler has paused: until it lets them go on, copy another one, or end."""

from __future__ import annotations

import time

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.books import Books, Running, present_reports, unless_same
from hpogrid.engine.results import result
from hpogrid.engine.spec import Assignment
from hpogrid.search.base import derive_seed
from hpogrid.space.space import Point
from hpogrid.study.events import Ended, Started
from hpogrid.study.study import Trial, number_of
from hpogrid.trial.checkpoints import latest, lend, take_lent


class Pauses:
    """The paused trials of a job.

    Args:
        config: names the scheduler.
        books: in which trials begin and end.
    """

    def __init__(self, config: HpoConfig, books: Books) -> None:
        self._config = config
        self._books = books
        self._study = books.records.study
        self._judge = books.learning.judge
        self._paused: set[str] = set()
        self._why = f"paused by {config.scheduler}"

    def __len__(self) -> int:
        return len(self._paused)

    def __contains__(self, trial: str) -> bool:
        return trial in self._paused

    def waits(self, trial: Trial) -> bool:
        """Whether an earlier attempt has paused a trial, and it did not go on since then."""
        return trial.state == "interrupted" and str(trial.reason).startswith(self._why)

    def add(self, trial: Trial) -> None:
        """A trial waits from now on; an earlier attempt may have written that."""
        self._paused.add(trial.id)
        self._judge.pause(trial)

    def pause(self, trial: str, running: Running) -> str | None:
        """Let a trial wait as its newest checkpoint; return why that cannot be, or None."""
        if self._judge.needs_checkpoints and latest(self._books.trials / trial) is None:
            return (
                f"scheduler {self._config.scheduler} needs checkpoints and this trial saved none; "
                "save one before each report (hpogrid.checkpoint, or save_checkpoint in a class)"
            )
        self._books.write_reports(running)
        why = f"{self._why} after report {running.step}"
        event = Ended(
            time=time.time(),
            trial=trial,
            state="interrupted",
            reason=why,
            prepared=running.prepared,
        )
        self._books.records.write(event)
        self.add(self._study.trials[trial])
        return None

    def release(self, fresh: bool) -> Assignment | None:
        """Ask the scheduler about paused trials, until one goes on or it has no more to say."""
        while self._paused and (release := self._judge.release(fresh)) is not None:
            self._paused.remove(release.trial)
            trial = self._study.trials[release.trial]
            if not release.go_on:
                self._drop(trial)
            elif release.source is None:
                return self._books.restart(trial)
            else:
                return self._follow(trial, release.source, release.point)
        return None

    def end(self) -> None:
        """The search is over for good: trials that are still paused end where they are."""
        for name in sorted(self._paused, key=number_of):
            self._drop(self._study.trials[name], "the search ended while it was paused")
        self._paused.clear()

    def _drop(self, trial: Trial, reason: str | None = None) -> None:
        """End a paused trial, at the time when it was paused."""
        self._books.settle(
            Ended(
                time=trial.ended or time.time(),
                trial=trial.id,
                state="pruned",
                metrics=result(self._config, present_reports(trial)),
                steps=trial.reports[-1].step,
                reason=reason,
            )
        )

    def _follow(self, trial: Trial, source: str, point: Point | None) -> Assignment:
        """Go on from another trial's checkpoint, with another configuration."""
        reports, trials = self._study.trials[source].reports, self._books.trials
        found = latest(trials / source, reports[-1].step if reports else 0)
        if found is None or point is None:
            return self._books.restart(trial)
        step, path = found
        folder, attempt = trials / trial.id, trial.attempt + 1
        lend(path, folder, attempt)
        event = Started(
            time=time.time(),
            trial=trial.id,
            seed=derive_seed(trial.seed, attempt),
            suggested=point.suggested,
            applied=unless_same(point.applied, point.suggested),
            attempt=attempt,
            from_step=step,
            group=trial.group,
            parent=source,
        )
        assignment = self._books.begin(event, folder / path.name)
        take_lent(folder, attempt)
        return assignment

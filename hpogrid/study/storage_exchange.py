"""Exchange through a storage of Optuna: PostgreSQL, MySQL, Redis, a journal file, gRPC.

The ledger stays the record of each job. The storage is where jobs without a shared folder see
each other, and where Optuna's dashboard looks. A job that loses it carries on alone and
delivers later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpogrid.errors import first_line
from hpogrid.search.base import Mode
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Values
from hpogrid.study import values
from hpogrid.study.claims import Taken
from hpogrid.study.exchange import Exchange
from hpogrid.study.optuna_view import distributions, from_params, to_params
from hpogrid.study.storage import open_study
from hpogrid.study.study import Report, Trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_POLL_SECONDS = 1.0
_RETRY_SECONDS = 10.0
_ATTRIBUTE = "hpogrid"


class StorageExchange(Exchange):
    """A job's view of a study in a storage.

    Args:
        folder, space, job: as for `Exchange`; only the job's own ledgers are read.
        url: of the storage.
        study_name: made if it is not there.
        task: the name of the task; trials of other tasks in the same study are learned from.
        metrics, modes: the objectives.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        job: int,
        *,
        url: str,
        study_name: str,
        task: str,
        metrics: Sequence[str],
        modes: Sequence[Mode],
    ) -> None:
        super().__init__(folder, space, job, shared=False)
        self._metrics = tuple(metrics)
        self._task = task
        self._distributions = distributions(space)
        self._numbers: dict[str, int] = {}
        self._claimed: dict[bytes, int] = {}
        self._known: dict[int, tuple[object, int]] = {}
        self._late: dict[str, Trial] = {}
        self._sent: dict[str, int] = {}
        self._retry_at = 0.0
        self._orphans: list[Point] = []
        self._storage, self._id = open_study(url, study_name, metrics, modes)
        self._find_own()

    def _find_own(self) -> None:
        """Find what earlier attempts of this job have left in the study, and what is not there."""
        there: set[str] = set()
        for frozen in self._fetch():
            note = frozen.user_attrs.get(_ATTRIBUTE, {})
            if note.get("task") == self._task and note.get("job") == self._job:
                trial = frozen.user_attrs.get("hpogrid_trial")
                if trial is not None:
                    self._numbers[trial] = frozen._trial_id
                    there |= {trial} if frozen.state.is_finished() else set()
                elif not frozen.state.is_finished():
                    self._orphans.append(Point(note["suggested"], note["applied"]))
                    self._claimed[self._key(note["applied"])] = frozen._trial_id
        self._late = {
            trial.id: trial
            for trial in self.study.finished
            if trial.job == self._job and trial.id not in there
        }

    # --- what the run asks -------------------------------------------------------------------

    def poll(self, *, now: bool = False) -> list[Trial]:
        """Deliver what is late, and take in what other jobs did."""
        time_now = time.monotonic()
        if not now and time_now - self._polled < _POLL_SECONDS:
            return []
        self._polled = time_now
        changed: list[Trial] = []
        if self._reachable(self._deliver):
            self._reachable(lambda: changed.extend(self._changes()))
        return changed

    def claim(self, point: Point) -> Taken:
        """Note the point in the storage; on a finite space the first to do so has it."""
        if not self._reachable(lambda: self._note(point)) or self._is_first(point):
            return "mine"
        return "taken"

    def orphans(self) -> list[Point]:
        """Points that this job noted but never started."""
        return self._orphans

    def still_mine(self, trial: Trial) -> bool:
        """A trial in a storage is never taken over."""
        return True

    def abandoned(self) -> Iterator[Point]:
        """Nothing is taken over: an interrupted job goes on with what it had."""
        return iter(())

    def publish(self, trial: Trial) -> None:
        """Write a trial that began or ended, now or when the storage can be reached again."""
        self._late[trial.id] = trial
        self._reachable(self._deliver)

    def reported(self, trial: Trial) -> None:
        """Write the reports of a running trial with the next look (see `poll`)."""
        self._late[trial.id] = trial

    def deliver(self) -> bool:
        """See `Exchange.deliver`."""
        self._retry_at = 0.0
        return not self._late or self._reachable(self._deliver)

    # --- the details -------------------------------------------------------------------------

    def _reachable(self, action: Callable[[], object]) -> bool:
        """Do something with the storage; False: it is out of reach (for a while)."""
        if time.monotonic() < self._retry_at:
            return False
        try:
            action()
        except Exception as error:  # every storage has exceptions of its own
            logging.getLogger(__name__).warning("storage out of reach: %s", first_line(error))
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            return False
        return True

    def _note(self, point: Point) -> None:
        self._claimed[self._key(point.applied)] = self._create(point.suggested, point.applied)

    def _create(self, suggested: Values, applied: Values) -> int:
        from optuna.trial import TrialState, create_trial

        frozen = create_trial(
            state=TrialState.RUNNING,
            params=to_params(self._space, suggested),
            distributions={name: self._distributions[name] for name in suggested},
            user_attrs={
                _ATTRIBUTE: {
                    "task": self._task,
                    "job": self._job,
                    "suggested": suggested,
                    "applied": applied,
                }
            },
        )
        return int(self._storage.create_new_trial(self._id, template_trial=frozen))

    def _is_first(self, point: Point) -> bool:
        if not self._space.finite:
            return True
        key = self._key(point.applied)
        own = self._claimed[key]
        rivals = [
            frozen._trial_id
            for frozen in self._fetch()
            if self._identity(frozen) == key and not frozen.user_attrs.get("duplicate")
        ]
        if min(rivals, default=own) == own:
            return True
        from optuna.trial import TrialState

        del self._claimed[key]
        self._storage.set_trial_user_attr(own, "duplicate", True)
        self._storage.set_trial_state_values(own, TrialState.FAIL)
        return False

    def _deliver(self) -> None:
        for trial in list(self._late.values()):
            self._write(trial)
            del self._late[trial.id]

    def _write(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        if trial.id not in self._numbers:
            number = self._claimed.pop(self._key(trial.applied), None)
            if number is None:
                number = self._create(trial.suggested, trial.applied)
            self._storage.set_trial_user_attr(number, "hpogrid_trial", trial.id)
            self._numbers[trial.id] = number
        number = self._numbers[trial.id]
        if self._storage.get_trial(number).state.is_finished():
            return
        self._write_reports(trial, number)
        if not trial.finished:
            return
        self._storage.set_trial_user_attr(number, "metrics", trial.metrics)
        if trial.state == "failed":
            self._storage.set_trial_user_attr(number, "reason", trial.reason)
            self._storage.set_trial_state_values(number, TrialState.FAIL)
            return
        found = values.objectives(self._metrics, trial.metrics)
        state = TrialState.COMPLETE if trial.state == "complete" else TrialState.PRUNED
        self._storage.set_trial_state_values(number, state, found)

    def _write_reports(self, trial: Trial, number: int) -> None:
        rest: dict[str, float] = {}
        for report in trial.reports:
            found = {name: values.number(report.metrics.get(name)) for name in self._metrics}
            numbers = {name: value for name, value in found.items() if value is not None}
            value = numbers.pop(self._metrics[0], None)
            rest |= numbers
            if report.step > self._sent.get(trial.id, 0) and value is not None:
                if rest:
                    self._storage.set_trial_user_attr(number, _rest_of(report.step), rest)
                self._storage.set_trial_intermediate_value(number, report.step, value)
                self._sent[trial.id] = report.step

    def _fetch(self) -> list[FrozenTrial]:
        found: list[FrozenTrial] = self._storage.get_all_trials(self._id, deepcopy=False)
        return found

    def _changes(self) -> list[Trial]:
        own = set(self._numbers.values()) | set(self._claimed.values())
        changed = []
        for frozen in self._fetch():
            now = frozen.state, len(frozen.intermediate_values)
            if frozen._trial_id in own or self._known.get(frozen._trial_id) == now:
                continue
            self._known[frozen._trial_id] = now
            trial = self._foreign(frozen)
            if trial is not None:
                self.study.trials[trial.id] = trial
                changed.append(trial)
        return changed

    def _foreign(self, frozen: FrozenTrial) -> Trial | None:
        """A trial of another job, or of another tool; None: it says nothing about this space."""
        if frozen.user_attrs.get("duplicate") or (
            not frozen.state.is_finished() and not frozen.params
        ):
            return None
        note = frozen.user_attrs.get(_ATTRIBUTE, {})
        suggested = note.get("suggested") or from_params(self._space, frozen.params)
        metrics = frozen.user_attrs.get("metrics") or {}
        if frozen.values is not None:
            metrics = {**metrics, **dict(zip(self._metrics, frozen.values, strict=False))}
        first = self._metrics[0]
        same_task = note.get("task") == self._task and "hpogrid_trial" in frozen.user_attrs
        states = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        return Trial(
            frozen.user_attrs["hpogrid_trial"] if same_task else f"@{frozen.number}",
            states.get(frozen.state.name, "running"),  # type: ignore[arg-type]
            suggested,
            note.get("applied") or suggested,
            seed=0,
            job=int(note["job"]) if same_task else -1,
            host="",
            started=frozen.datetime_start.timestamp() if frozen.datetime_start else 0.0,
            ended=frozen.datetime_complete.timestamp() if frozen.datetime_complete else None,
            metrics=metrics,
            reports=[
                Report(step, 0.0, {**frozen.user_attrs.get(_rest_of(step), {}), first: value})
                for step, value in sorted(frozen.intermediate_values.items())
            ],
        )

    def _identity(self, frozen: FrozenTrial) -> bytes:
        applied = frozen.user_attrs.get(_ATTRIBUTE, {}).get("applied")
        if applied is None:
            applied = from_params(self._space, frozen.params)
        return self._key(applied)


def _rest_of(step: int) -> str:
    """The attribute with the other objectives at a report, for which a storage has one number."""
    return f"hpogrid_report_{step}"

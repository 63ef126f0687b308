"""The ray engine itself: between the books of a job and Ray Tune."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.messages import SPARE, Tasks
from hpogrid.engine.ray.actor import CUT_OFF, Prepared
from hpogrid.engine.ray.cluster import running_ray, settings
from hpogrid.engine.ray.tune import run_tune
from hpogrid.engine.requests import UNWANTED
from hpogrid.engine.run import Run
from hpogrid.errors import RunError, UserError, first_line
from hpogrid.text import tell
from hpogrid.trial.messages import Broken, Done, Message, ReportMade
from hpogrid.trial.surroundings import look

_MAX_GIVEN_UP = 3
"""How often in a row Ray Tune may end without any trial having finished."""


class _Leave(BaseException):
    """Takes us out of Ray Tune at once; an `Exception` would wait for the trials to end."""


@dataclass
class _Leg:
    """A trial of Ray Tune: a stretch of a trial of ours."""

    trial: str
    spent: float = 0.0  # seconds, on earlier stretches
    since: float | None = None  # when its actor was there


class RayEngine:
    """Evaluates the trials of a `Run` with Ray Tune.

    Args:
        run: the books.
        scripts: the folder of the training scripts; trials have it as working directory.
        logs: folder for the logs of trials.
        progress: called a few times a second.

    Raises:
        UserError: Ray is not installed, or trials are to run in another Python.
    """

    def __init__(
        self, run: Run, scripts: Path, logs: Path, progress: Callable[[], None] = lambda: None
    ) -> None:
        self._run = run
        self._progress = progress
        if run.project.model_config.python is not None:
            raise UserError(
                "engine ray runs trials in the Python that Ray has; take --python out of the model "
                "config, or set --engine process in the hpo config"
            )
        self._tasks = Tasks(run.project, scripts, logs, run.spec.trials)
        self._scripts, self._logs = scripts, logs
        self._legs: dict[str, _Leg] = {}
        self._slots = 0
        self._failure: UserError | None = None
        self._given_up = 0

    def execute(self) -> None:
        """Run trials until the budget is spent or the run is stopped.

        Raises:
            RunError: Ray does not start, or no trial can run.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        self._run.found(look(self._scripts)._asdict())
        config = self._run.config
        deal = bool(self._run.project.grid_config.gpus)
        try:
            with settings(), running_ray(config, deal or config.gpus_per_trial > 0) as it:
                ray, folder = it
                self._slots, resources = share(config, ray.cluster_resources(), deal=deal)
                os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(self._slots)
                while not (self._run.over or self._run.interrupted):
                    self._fit(folder, resources)
        finally:
            shutil.rmtree(self._run.spec.trials / SPARE, ignore_errors=True)
            self._interrupt(self._run.stopped or "the driver stopped")

    def _fit(self, folder: Path, resources: dict[str, float]) -> None:
        """Have Ray Tune run trials until it or the run has no more to do."""
        finished = self._run.budget.finished
        try:
            run_tune(self, folder, resources)
        except _Leave:
            pass
        except Exception as error:  # whatever Ray Tune could not cope with: it concerns few trials
            self._give_up(error, finished)
        self._tell_cut_off()
        if self._failure is not None:
            raise self._failure
        self._interrupt(self._run.stopped or "Ray Tune ended while it ran")

    def _tell_cut_off(self) -> None:
        for note in sorted(self._logs.glob(f"{CUT_OFF}*")):
            tell(note.read_text())
            note.unlink()

    def _give_up(self, error: Exception, finished: int) -> None:
        self._given_up = self._given_up + 1 if self._run.budget.finished == finished else 1
        if self._given_up >= _MAX_GIVEN_UP and self._failure is None:
            self._failure = RunError(f"Ray Tune gave up: {first_line(error)}")

    def _interrupt(self, reason: str) -> None:
        for leg in self._legs.values():
            self._run.interrupt(leg.trial, reason)
        self._legs.clear()

    # --- what Ray Tune asks and tells --------------------------------------------------------

    @property
    def reuse_actors(self) -> bool:
        """Whether an actor evaluates one trial after another."""
        return self._run.config.reuse_actors

    @property
    def over(self) -> bool:
        """Whether Ray Tune is going to get no further trial."""
        return self._run.over

    def tick(self) -> None:
        """Look after things, several times a second."""
        self._run.poll()
        self._progress()
        if self._run.interrupted or self._failure is not None:
            raise _Leave

    def suggest(self, leg: str) -> dict[str, Any] | None:
        """What the actor gets to evaluate, or None: nothing now."""
        if len(self._legs) >= self._slots:
            return None
        assignment = self._run.next()
        if assignment is None:
            return None
        try:
            task = self._tasks.evaluate(assignment)
        except UserError as error:  # a value that its template cannot say
            self._run.finish(assignment.trial, str(error))
            return None
        limit = self._run.config.trial_timeout
        self._legs[leg] = _Leg(assignment.trial, assignment.spent)
        return {
            "setup": self._tasks.setup(0),
            "task": task,
            "timeout": None if limit is None else max(0.1, limit - assignment.spent),
            "prep": self._run.prep,
        }

    def began(self, leg: str) -> None:
        """An actor has taken the trial."""
        self._legs[leg].since = time.monotonic()

    def report(self, leg: str, message: Message) -> bool:
        """A report was made, or all was prepared for it; whether the trial goes on."""
        if isinstance(message, Prepared):
            self.began(leg)
            self._run.prepared(self._legs[leg].trial, message.seconds)
            return True
        assert isinstance(message, ReportMade)
        return self._report(leg, message.metrics)

    def end(self, leg: str, message: Message) -> None:
        """The trial ended: by itself, or because the last report was answered so."""
        if isinstance(message, Broken):
            self._failure = RunError(message.message)
            return
        if isinstance(message, Done) and message.metrics:
            self._report(leg, message.metrics)
        self._finish(leg, message.failure if isinstance(message, Done) else None)

    def died(self, leg: str, error: str) -> None:
        """The trial's actor is gone; ``error`` is what Ray wrote about it."""
        since = self._legs[leg].since
        if since is None:
            self._run.interrupt(self._legs.pop(leg).trial, "its worker process did not start")
            self._give_up(RunError(f"the worker process did not start: {error}"), -1)
            return
        seconds = time.monotonic() - since + self._legs[leg].spent
        self._finish(leg, self._why(error, seconds))

    def _why(self, error: str, seconds: float) -> str:
        limit = self._run.config.trial_timeout
        if limit is not None and seconds > 0.95 * limit:
            return f"it took longer than trial_timeout ({limit:g} s)"
        if "low on memory" in error:
            return (
                "the worker process was killed by Ray's memory monitor: the node was running out "
                "of memory; lower max_concurrent"
            )
        return "the worker process died: it crashed, or was killed, perhaps for lack of memory"

    def _report(self, leg: str, metrics: dict[str, Any]) -> bool:
        trial = self._legs[leg].trial
        try:
            decision = self._run.report(trial, metrics)
            return decision == "continue" and trial not in self._run.unwanted
        except UserError as error:  # the ledger cannot be written
            self._failure = error
            return False

    def _finish(self, leg: str, failure: str | None) -> None:
        if self._legs[leg].trial in self._run.unwanted:
            failure = UNWANTED
        try:
            self._run.finish(self._legs.pop(leg).trial, failure)
        except UserError as error:  # the ledger cannot be written
            self._failure = error


def share(
    config: HpoConfig, there: dict[str, float], *, deal: bool = False
) -> tuple[int, dict[str, float]]:
    """How many trials run at once, and the CPUs and GPUs that Ray sets aside for each.

    Args:
        config: what each trial needs. Without a number of cores it gets one, or less where there
            are fewer than trials.
        there: what the cluster has, by Ray's names.
        deal: whether to deal out its GPUs, if nobody says how many a trial needs.

    Raises:
        UserError: less than one trial needs.
    """
    cpus, gpus = there.get("CPU", 0.0), there.get("GPU", 0.0)
    cores = config.cpus_per_trial or min(1.0, cpus / config.max_concurrent)
    each = config.gpus_per_trial
    if deal and gpus and not each:
        each = gpus // config.max_concurrent or 1 / math.ceil(config.max_concurrent / gpus)
    fitting = [config.max_concurrent]
    for name, have, need in (("cpus", cpus, cores), ("gpus", gpus, each)):
        if need > have:
            raise UserError(
                f"a trial needs {need:g} {name.upper()} and Ray has {have:g}; "
                f"lower {name}_per_trial in the hpo config"
            )
        if need:
            fitting.append(int(have / need + 1e-9))
    resources = {"cpu": cores}
    if each:
        resources["gpu"] = each
    return min(fitting), resources

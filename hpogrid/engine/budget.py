"""When a trial has reached its stop criterion, and when a job has done its part."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from typing import Any

from hpogrid.config.schemas import HpoConfig
from hpogrid.engine.deadline import Deadline
from hpogrid.study.study import Trial
from hpogrid.study.values import Best, as_loss, best_of, is_as_good, number, result_of


def reached(config: HpoConfig, metrics: dict[str, Any]) -> str | None:
    """The stop criterion that a trial's metrics have reached, in words, or None.

    A criterion is reached when the value is at least the threshold; for a metric that is
    minimised, when it is at most the threshold.
    """
    modes = dict(zip(config.metrics, config.modes, strict=True))
    for name, threshold in config.stop.items():
        value = metrics.get(name)
        value = number(int(value) if isinstance(value, bool) else value)  # true ends at 1
        if value is not None and is_as_good(value, threshold, modes.get(name, "max")):
            return f"{name} reached {threshold:g}"
    return None


class Budget:
    """How much a job may still do. Every limit is reached at, not after, its value.

    Counts are of the job's own trials, all attempts together; thresholds of metrics look at
    every trial of the search.

    Args:
        config: the limits.
        deadline: when the batch system ends the job.
    """

    def __init__(self, config: HpoConfig, deadline: Deadline | None = None) -> None:
        self._config = config
        self._end = deadline or Deadline(None)
        self._longest = 0.0
        self._rules = config.stop_search
        self._deadline = time.monotonic() + config.time_limit if config.time_limit else None
        self._met: str | None = None
        self._losses: list[float] = []
        self.started = 0
        self.finished = 0
        self.failures = 0
        self.cost = 0.0
        self._best: Best | None = None

    def start(self) -> None:
        """Count a new trial of this job."""
        self.started += 1

    def count(self, trials: Iterable[Trial]) -> None:
        """Count finished trials of this job."""
        for trial in trials:
            self.finished += 1
            self.failures += trial.state == "failed"
            self.cost += number(trial.metrics.get(self._rules.cost_metric)) or 0.0
            self.see(trial)

    def see(self, trial: Trial) -> None:
        """Look at the result of a finished trial, whichever job's it is."""
        self._longest = max(self._longest, trial.duration)
        if trial.state == "failed":
            return
        self._met = self._met or self._threshold(trial.metrics)
        name, mode = self._config.metrics[0], self._config.modes[0]
        self._best = best_of([trial], name, mode, self._best)
        value = result_of(trial, name)
        if value is not None and self._rules.plateau is not None:
            self._losses.append(as_loss(value, mode))

    @property
    def best(self) -> float | None:
        """The best result of the search so far."""
        return self._best.value if self._best else None

    def left(self, running: int) -> int:
        """How many trials may still be started while ``running`` run."""
        left = self._config.trials - self.finished - running
        if self._rules.max_trials_started is not None:
            left = min(left, self._rules.max_trials_started - self.started)
        return max(0, left)

    @property
    def spent(self) -> str | None:
        """Why no further trial is started, or None."""
        late = "no further trial could finish before the job's end" if self.too_late else None
        return self.met or late

    @property
    def too_late(self) -> bool:
        """Whether a trial that starts now could not end before the job has to."""
        return self._end.too_late(self._longest)

    @property
    def met(self) -> str | None:
        """Which limit of the search is reached, or None."""
        config, rules = self._config, self._rules
        completed = self.finished - self.failures
        limits = (
            (self.finished, config.trials, _all_done(config.trials)),
            (self.failures, config.max_failures, f"{self.failures} trials failed (max_failures)"),
            (self.started, rules.max_trials_started, f"{self.started} trials were started"),
            (completed, rules.max_trials_completed, f"{completed} trials are complete"),
            (self.cost, rules.max_cost, f"the cost reached {self.cost:g}"),
        )
        for value, limit, words in limits:
            if limit is not None and value >= limit:
                return words
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return f"the time limit of {config.time_limit:g} s is reached"
        return self.satisfied

    @property
    def satisfied(self) -> str | None:
        """Why the search has what it was for, whatever budget were left, or None."""
        return self._target() or self._met or self._plateau()

    def _target(self) -> str | None:
        target = self._config.target
        if target is None or self.best is None:
            return None
        met = is_as_good(self.best, target, self._config.modes[0])
        return f"the target {target:g} is reached" if met else None

    def _threshold(self, metrics: dict[str, Any]) -> str | None:
        for name, bound in self._rules.min_metric_value.items():
            value = number(metrics.get(name))
            if value is not None and value <= bound:
                return f"{name} came down to {bound:g}"
        for name, bound in self._rules.max_metric_value.items():
            value = number(metrics.get(name))
            if value is not None and value >= bound:
                return f"{name} came up to {bound:g}"
        return None

    def _plateau(self) -> str | None:
        """The best trials have long been the same: they differ by less than a spread."""
        rule = self._rules.plateau
        if rule is None or len(self._losses) < rule.trials + rule.patience:
            return None
        before = sorted(self._losses[: -rule.patience or None])[: rule.trials]
        now = sorted(self._losses)[: rule.trials]
        if before == now and statistics.pstdev(now) <= rule.std:
            return f"the best {rule.trials} trials are within {rule.std:g} (plateau)"
        return None


def _all_done(trials: int) -> str:
    return "the only trial is done" if trials == 1 else f"all {trials} trials are done"

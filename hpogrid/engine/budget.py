"""When a trial has reached its stop criterion, and when a job has done its part."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

from hpogrid.config.schemas import HpoConfig
from hpogrid.study.study import Trial
from hpogrid.study.values import Best, as_loss, best_of, is_as_good, number, result_of
from hpogrid.text import counted

_GRACE_SECONDS = 2.0
"""How long after the start of a job its first trials may start, however long they are."""


class Budget:
    """How much a job may still do. Every limit is reached at, not after, its value.

    Counts are of the job's own trials, all attempts together; thresholds of metrics look at
    every trial of the search.

    Args:
        config: the limits.

    Attributes:
        started, finished, failures: how many trials; those that failed are finished too.
        cost: of them all.
        elapsed: seconds since this attempt of the job began.
        seconds_left: until the batch system ends the job, less a margin.
        whole: that at its beginning.
    """

    def __init__(self, config: HpoConfig) -> None:
        self._config = config
        self._metric, self._mode = config.metrics[0], config.modes[0]
        self._stop = [
            (name, threshold, dict(zip(config.metrics, config.modes, strict=True)).get(name, "max"))
            for name, threshold in config.stop.items()
        ]
        self._rules = config.stop_search
        self._longest = 0.0
        self._met: str | None = None
        self._losses: list[float] = []
        self._best: Best | None = None
        self.started = 0
        self.finished = 0
        self.failures = 0
        self.cost = 0.0
        self.elapsed = 0.0
        self.seconds_left = math.inf
        self.whole = math.inf

    @property
    def best(self) -> float | None:
        """The best value so far: of complete trials, while there are none of pruned ones."""
        return self._best.value if self._best else None

    def reached(self, metrics: Mapping[str, object]) -> str | None:
        """The stop criterion that a trial's metrics have reached, in words, or None.

        A criterion is reached when the value is at least the threshold; for a metric that is
        minimised, when it is at most the threshold.
        """
        for name, threshold, mode in self._stop:
            value = metrics.get(name)
            value = number(int(value) if isinstance(value, bool) else value)  # true ends at 1
            if value is not None and is_as_good(value, threshold, mode):
                return f"{name} reached {threshold:g}"
        return None

    def count(self, trial: Trial) -> None:
        """Count a finished trial of this job."""
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
        self._best = best_of([trial], self._metric, self._mode, self._best)
        if self._rules.plateau is not None:
            value = result_of(trial, self._metric)
            if value is not None:
                self._losses.append(as_loss(value, self._mode))

    def left(self, running: int) -> int:
        """How many trials may still be started while ``running`` run."""
        left = self._config.trials - self.finished - running
        if self._rules.max_trials_started is not None:
            left = min(left, self._rules.max_trials_started - self.started)
        return max(0, left)

    @property
    def all_begun(self) -> str | None:
        """Why no new trial is started, while those that have begun go on to their end; or None."""
        most = self._rules.max_trials_started
        if most is None or self.started < most:
            return None
        return f"{counted(self.started, 'trial', 'was', 'were')} started"

    @property
    def spent(self) -> str | None:
        """Why no trial is started any more, or None."""
        late = "no further trial could finish before the job's end" if self.too_late else None
        return self.met or late

    @property
    def too_late(self) -> bool:
        """Whether a trial that starts now could not end before the job has to.

        A trial longer than the whole job may start with it: it may have checkpoints.
        """
        return min(self._longest, max(0.0, self.whole - _GRACE_SECONDS)) > self.seconds_left

    @property
    def met(self) -> str | None:
        """Which limit of the search is reached, or None."""
        config, rules = self._config, self._rules
        completed = self.finished - self.failures
        limits = (
            (self.finished, config.trials, _all_done(config.trials)),
            (
                self.failures,
                config.max_failures,
                f"{counted(self.failures, 'trial')} failed (max_failures)",
            ),
            (
                completed,
                rules.max_trials_completed,
                f"{counted(completed, 'trial', 'is', 'are')} complete",
            ),
            (self.cost, rules.max_cost, f"the cost reached {self.cost:g}"),
        )
        for value, limit, words in limits:
            if limit is not None and value >= limit:
                return words
        if config.time_limit is not None and self.elapsed >= config.time_limit:
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
        met = is_as_good(self.best, target, self._mode)
        return f"the target {target:g} is reached" if met else None

    def _threshold(self, metrics: Mapping[str, object]) -> str | None:
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

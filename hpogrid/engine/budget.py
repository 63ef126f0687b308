"""When a trial has reached its stop criterion, and when a job has done its part."""

from __future__ import annotations

import time
from typing import Any

from hpogrid.config.schemas import HpoConfig
from hpogrid.study.study import Trial


def reached(config: HpoConfig, metrics: dict[str, Any]) -> str | None:
    """The stop criterion that a trial's metrics have reached, in words, or None.

    A criterion is reached when the value is at least the threshold; for a metric that is
    minimised, when it is at most the threshold.
    """
    modes = dict(zip(config.metrics, config.modes, strict=True))
    for name, threshold in config.stop.items():
        value = metrics.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if value <= threshold if modes.get(name) == "min" else value >= threshold:
            return f"{name} reached {threshold:g}"
    return None


class Budget:
    """How much a job may still do.

    Args:
        config: the limits.
        finished: the job's own trials that finished in earlier attempts.
    """

    def __init__(self, config: HpoConfig, finished: list[Trial]) -> None:
        self._config = config
        self._deadline = time.monotonic() + config.time_limit if config.time_limit else None
        self.finished = 0
        self.failures = 0
        self.best: float | None = None
        self.add(*finished)

    def add(self, *trials: Trial) -> None:
        """Count finished trials."""
        for trial in trials:
            self.finished += 1
            self.failures += trial.state == "failed"
            value = trial.metrics.get(self._config.metrics[0])
            if trial.state != "failed" and isinstance(value, int | float):
                better = min if self._config.modes[0] == "min" else max
                self.best = value if self.best is None else better(self.best, value)

    def left(self, running: int) -> int:
        """How many trials may still be started while ``running`` run."""
        return max(0, self._config.trials - self.finished - running)

    @property
    def spent(self) -> str | None:
        """Why no further trial is started, or None."""
        config = self._config
        if self.finished >= config.trials:
            return f"all {config.trials} trials are done"
        if config.max_failures is not None and self.failures >= config.max_failures:
            return f"{self.failures} trials failed (max_failures)"
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return f"the time limit of {config.time_limit:g} s is reached"
        if config.target is not None and self.best is not None:
            goal = (
                self.best <= config.target
                if config.modes[0] == "min"
                else self.best >= config.target
            )
            if goal:
                return f"the target {config.target:g} is reached"
        return None

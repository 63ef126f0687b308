"""What the setting ``verbose`` of an hpo config does: a line for each trial that ends."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hpogrid.engine.run import Run
from hpogrid.study.study import Trial
from hpogrid.text import tell


def telling(run: Run, progress: Callable[[Run], None]) -> Callable[[Run], None]:
    """The same progress, with a line in the job's log for each of its trials that has ended."""
    if not run.config.verbose:
        return progress
    told = {trial.id for trial in run.own if trial.finished}

    def look(run: Run) -> None:
        progress(run)
        if run.budget.finished == len(told):
            return
        for trial in run.own:
            if trial.finished and trial.id not in told:
                told.add(trial.id)
                tell(_line(trial))

    return look


def _line(trial: Trial) -> str:
    values = "  ".join(f"{name}={_text(value)}" for name, value in trial.applied.items())
    metrics = "  ".join(f"{name}={_text(value)}" for name, value in trial.metrics.items())
    said = trial.reason if trial.state == "failed" else metrics
    return f"trial {trial.id} {trial.state} after {trial.duration:.1f} s: {said}  with  {values}"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

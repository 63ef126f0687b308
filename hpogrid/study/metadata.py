"""The summary of a job that the grid keeps: ``userJobMetadata.json`` in its known form."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from hpogrid.config.project import Project
from hpogrid.study.study import Trial

_FORMAT = "%m/%d/%Y, %H:%M:%S"


def job_metadata(project: Project, trials: Iterable[Trial]) -> dict[str, Any]:
    """The finished trials of a job, as every release of hpogrid has written them.

    Keys: ``project_name start_datetime end_datetime start_timestamp task_time_s hyperparameters
    metric mode best_config best_metric_score result``; ``result`` maps a running number to a
    row of ``time_s``, ``timestamp``, hyperparameters and metrics. Failed trials are left out.
    """
    config = project.hpo_config
    metric, mode = config.metrics[0], config.modes[0]
    done = [trial for trial in trials if trial.state in ("complete", "pruned")]
    started = min((trial.started for trial in done), default=project.created)
    ended = max((trial.ended or trial.started for trial in done), default=started)
    names = list(project.space.parameters)
    pick = min if mode == "min" else max
    best = pick(done, key=lambda trial: trial.metrics[metric], default=None)
    return {
        "project_name": project.name,
        "start_datetime": time.strftime(_FORMAT, time.localtime(started)),
        "end_datetime": time.strftime(_FORMAT, time.localtime(ended)),
        "start_timestamp": started,
        "task_time_s": ended - started,
        "hyperparameters": names,
        "metric": metric,
        "mode": mode,
        "best_config": best.applied if best else None,
        "best_metric_score": best.metrics[metric] if best else None,
        "result": {str(index): _row(trial) for index, trial in enumerate(done)},
    }


def _row(trial: Trial) -> dict[str, Any]:
    return {
        "time_s": trial.duration,
        "timestamp": trial.ended,
        **trial.applied,
        **trial.metrics,
    }

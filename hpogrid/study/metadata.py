"""The summary of a job that the grid keeps: ``userJobMetadata.json`` in its known form."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

import msgspec

from hpogrid.config.project import Project
from hpogrid.space.value import Values
from hpogrid.study.study import Trial
from hpogrid.study.values import WITH_RESULT, best_first, best_of, result_of

METADATA = "userJobMetadata.json"
LARGEST = 950_000
"""Bytes of the file. PanDA keeps it up to 1 MB, and drops what is larger."""

_FORMAT = "%m/%d/%Y, %H:%M:%S"


def job_metadata(project: Project, trials: Iterable[Trial]) -> dict[str, Any]:
    """The finished trials of a job, as every release of hpogrid has written them.

    Keys: ``project_name start_datetime end_datetime start_timestamp task_time_s hyperparameters
    metric mode best_config best_metric_score result``; ``result`` maps a running number to a
    row of ``time_s``, ``timestamp``, hyperparameters and metrics. Failed trials are left out.
    """
    config = project.hpo_config
    metric, mode = config.metrics[0], config.modes[0]
    done = [trial for trial in trials if trial.state in WITH_RESULT]
    started = min((trial.started for trial in done), default=project.created)
    ended = max((trial.ended or trial.started for trial in done), default=started)
    names = list(project.space.parameters)
    best = best_of(done, metric, mode)
    return {
        "project_name": project.name,
        "start_datetime": time.strftime(_FORMAT, time.localtime(started)),
        "end_datetime": time.strftime(_FORMAT, time.localtime(ended)),
        "start_timestamp": started,
        "task_time_s": ended - started,
        "hyperparameters": names,
        "metric": metric,
        "mode": mode,
        "best_config": best.trial.applied if best else None,
        "best_metric_score": best.trial.metrics[metric] if best else None,
        "result": {str(index): _row(trial) for index, trial in enumerate(done)},
    }


def _row(trial: Trial) -> Values:
    return {
        "time_s": trial.duration,
        "timestamp": trial.ended,
        **trial.applied,
        **trial.metrics,
    }


def small_metadata(
    project: Project,
    trials: Iterable[Trial],
    about: Mapping[str, object],
    largest: int = LARGEST,
) -> bytes:
    """The content of ``userJobMetadata.json``: `job_metadata`, cut so that the grid keeps it.

    The further key ``hpogrid`` holds ``about``, the id of each trial, and how many trials
    finished and failed. If not all rows fit, the best stay, and ``omitted`` tells about the rest.

    Args:
        project: what was searched.
        trials: of one job.
        about: whatever else to say.
        largest: bytes that the result may have.
    """
    trials = [trial for trial in trials if trial.finished]
    done = [trial for trial in trials if trial.state in WITH_RESULT]
    metric, mode = project.hpo_config.metrics[0], project.hpo_config.modes[0]
    ranked = best_first(done, metric, mode)
    counts = {"finished": len(trials), "failed": len(trials) - len(done)}

    def write(kept: int) -> bytes:
        chosen = {trial.id for trial in ranked[:kept]}
        rows = [trial for trial in done if trial.id in chosen]
        ids = {str(index): trial.id for index, trial in enumerate(rows)}
        told = {**about, **counts, "trials": ids}
        if kept < len(ranked):
            found = (result_of(trial, metric) for trial in ranked[kept:])
            values = [value for value in found if value is not None]
            told["omitted"] = {
                "trials": len(ranked) - kept,
                "min": min(values, default=None),
                "max": max(values, default=None),
                "mean": fmean(values) if values else None,
            }
        return msgspec.json.encode({**job_metadata(project, rows), "hpogrid": told})

    most, least = len(ranked), 0
    content = write(most)
    if len(content) <= largest:
        return content
    while most - least > 1:
        middle = (most + least) // 2
        if len(write(middle)) <= largest:
            least = middle
        else:
            most = middle
    return write(least)

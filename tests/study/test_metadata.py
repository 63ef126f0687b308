"""The summary in the form of earlier releases."""

from __future__ import annotations

from typing import Any

from hpogrid.study.metadata import job_metadata
from hpogrid.study.study import Trial
from tests.projects import store_project


def trial(number: int, loss: float, **changes: Any) -> Trial:
    given = {
        "state": "complete", "suggested": {"x": loss}, "applied": {"x": loss}, "seed": 1, "job": 0,
        "host": "h", "started": 100.0 * number, "ended": 100.0 * number + 50,
        "metrics": {"loss": loss, "auc": 0.5}, **changes,
    }  # fmt: skip
    return Trial(id=f"0-{number}", **given)


def test_the_known_form() -> None:
    failed = trial(3, 0.0, state="failed", metrics={})
    data = job_metadata(store_project(), [trial(1, 3.0), trial(2, 2.0, state="pruned"), failed])
    assert list(data) == [
        "project_name", "start_datetime", "end_datetime", "start_timestamp", "task_time_s",
        "hyperparameters", "metric", "mode", "best_config", "best_metric_score", "result",
    ]  # fmt: skip
    assert (data["start_timestamp"], data["task_time_s"]) == (100.0, 150.0)
    assert (data["best_config"], data["best_metric_score"]) == ({"x": 3.0}, 3.0)
    assert data["result"]["0"] == {
        "time_s": 50.0, "timestamp": 150.0, "x": 3.0, "loss": 3.0, "auc": 0.5,
    }  # fmt: skip
    assert list(data["result"]) == ["0", "1"]


def test_the_mode_says_what_is_best() -> None:
    data = job_metadata(store_project(mode="max"), [trial(1, 3.0), trial(2, 2.0)])
    assert data["best_metric_score"] == 3.0


def test_without_results() -> None:
    data = job_metadata(store_project(), [trial(1, 0.0, state="failed", metrics={})])
    assert (data["best_config"], data["best_metric_score"], data["result"]) == (None, None, {})
    assert data["task_time_s"] == 0.0

"""``userJobMetadata.json``: small enough for the grid to keep it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hpogrid.study.metadata import LARGEST, small_metadata
from hpogrid.study.study import Trial
from tests.projects import store_project


def trials(count: int, state: Any = "complete", **more: Any) -> list[Trial]:
    return [
        Trial(f"0-{n}", state, {"x": n / count}, {"x": n / count}, seed=1, job=0, host="h",
              started=n, ended=n + 1, metrics={"loss": float(n), **more})
        for n in range(1, count + 1)
    ]  # fmt: skip


def test_all_trials_where_they_fit() -> None:
    done, failed = trials(5), trials(8, "failed")[5:]
    content = json.loads(small_metadata(store_project(), done + failed, {"job": 0}))
    assert len(content["result"]) == 5
    assert content["hpogrid"]["finished"] == 8
    assert content["hpogrid"]["failed"] == 3
    assert "omitted" not in content["hpogrid"]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_stay_and_the_rest_is_summarised(mode: str) -> None:
    project = store_project(mode=mode)
    data = small_metadata(project, trials(20000), {"job": 0})
    assert LARGEST * 0.99 < len(data) <= LARGEST
    content = json.loads(data)
    losses = [row["loss"] for row in content["result"].values()]
    kept, omitted = len(losses), content["hpogrid"]["omitted"]
    assert kept + omitted["trials"] == 20000
    assert content["best_metric_score"] == (1.0 if mode == "min" else 20000.0)
    worst = max(losses) if mode == "min" else min(losses)
    edge = omitted["min"] if mode == "min" else omitted["max"]
    assert abs(edge - worst) == 1
    assert len(content["hpogrid"]["trials"]) == kept


def test_even_one_trial_may_be_too_large() -> None:
    data = small_metadata(store_project(), trials(2, text="x" * 600_000), {"job": 0})
    assert len(json.loads(data)["result"]) == 1
    assert len(data) <= LARGEST


def test_no_trial_at_all() -> None:
    content = json.loads(small_metadata(store_project(), [], {"job": 0}))
    assert content["result"] == {}
    assert content["best_config"] is None

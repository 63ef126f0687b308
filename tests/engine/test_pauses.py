"""Trials that are paused and go on, in a whole run: HyperBand and population based training."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hpogrid.site.tasks import Task
from hpogrid.space.value import as_number
from hpogrid.study.study import Trial
from tests.engine.objectives import CLASS, FUNCTION, objective
from tests.projects import run_project, run_script, store_project

SEARCH: dict[str, Any] = {"metric": "score", "mode": "max", "stop": {"training_iteration": 12}}
HYPERBAND = {**SEARCH, "scheduler": "bohbhyperband", "trials": 9}
HYPERBAND["scheduler_param"] = {"max_concurrent": 2, "max_t": 9}
PBT = {**SEARCH, "scheduler": "pbt", "trials": 6}
PBT["scheduler_param"] = {"max_concurrent": 2, "perturbation_interval": 3}

NO_CHECKPOINTS = """
    import hpogrid

    def train(config):
        for step in range(1, 13):
            hpogrid.report(score=step * config["x"] * (1 - config["x"]), step=step)
"""


def gain_of(trial: Trial) -> float:
    x = as_number(trial.applied["x"])
    return x * (1 - x)


def is_right(trial: Trial) -> bool:
    return bool(trial.metrics["score"] == pytest.approx(trial.metrics["step"] * gain_of(trial)))


@pytest.mark.parametrize("text", [FUNCTION, CLASS], ids=["function", "class"])
def test_hyperband_gives_the_best_more_and_goes_on_where_they_were(text: str) -> None:
    trials = run_script(objective(text), **HYPERBAND)
    assert all(map(is_right, trials))
    ends = sorted(trial.metrics["step"] for trial in trials)
    assert ends == [1, 1, 1, 1, 1, 1, 3, 3, 9]
    assert sorted(trial.attempt for trial in trials) == [1, 1, 1, 1, 1, 1, 2, 2, 3]
    assert [trial.state for trial in trials].count("complete") == 1
    best = max(trials, key=gain_of)
    assert best.state == "complete"
    assert [report.step for report in best.reports] == list(range(1, 10))


def test_without_checkpoints_hyperband_begins_anew() -> None:
    trials = run_script(NO_CHECKPOINTS, **HYPERBAND)
    assert sorted(trial.metrics["step"] for trial in trials) == [1, 1, 1, 1, 1, 1, 3, 3, 9]
    assert all(map(is_right, trials))


def test_promoted_trials_go_on_where_they_were_and_the_best_comes_to_its_end() -> None:
    settings = {**HYPERBAND, "scheduler": "promotion"}
    trials = run_script(objective(FUNCTION), **settings)
    assert all(map(is_right, trials))
    ends = sorted(trial.metrics["step"] for trial in trials)
    assert set(ends) == {1, 3, 9}
    assert ends.count(1) >= 4, "about a third has gone on"
    assert [trial.attempt for trial in trials] == [
        {1: 1, 3: 2, 9: 3}[int(trial.metrics["step"])] for trial in trials
    ]
    best = max(trials, key=gain_of)
    assert best.state == "complete"
    assert [report.step for report in best.reports] == list(range(1, 10))


@pytest.mark.parametrize("text", [FUNCTION, CLASS], ids=["function", "class"])
def test_the_worse_of_a_population_go_on_from_the_better(text: str) -> None:
    task, _, trials = run_project(store_project(objective(text), **PBT))
    assert [trial.state for trial in trials] == ["complete"] * 6
    assert [trial.metrics["step"] for trial in trials] == [12] * 6
    copies = [trial for trial in trials if trial.parent is not None]
    assert copies
    scores = scores_reported(task)
    for trial in copies:
        gain = gain_of(trial)
        own = [report for report in trial.reports if report.step > trial.changed_at]
        start = own[0].metrics["score"] - gain
        assert start in [pytest.approx(s) for s in scores[str(trial.parent), trial.changed_at]]
        assert trial.metrics["score"] == pytest.approx(start + len(own) * gain)


SUMS = """
    import json
    import hpogrid

    def train(config):
        n, total = 0, 0.0
        if folder := hpogrid.get_checkpoint():
            n, total = json.loads((folder / "s").read_text())
        for n in range(n + 1, 21):
            total += config["x"]
            with hpogrid.checkpoint() as folder:
                (folder / "s").write_text(json.dumps([n, total]))
            hpogrid.report(score=total, used=config["x"], epoch=10 * n)
"""


def test_a_trial_that_had_nothing_left_to_do_is_what_it_copied() -> None:
    settings: dict[str, Any] = {**PBT, "stop": {}, "trials": 4}
    settings["scheduler_param"] = {"max_concurrent": 2}
    trials = run_script(SUMS, **settings)
    assert [trial.state for trial in trials] == ["complete"] * 4
    assert [trial.metrics["used"] for trial in trials] == [trial.applied["x"] for trial in trials]


def test_the_interval_of_a_population_counts_the_resource() -> None:
    params = {"max_concurrent": 1, "time_attr": "epoch", "perturbation_interval": 50}
    settings: dict[str, Any] = {**PBT, "stop": {"epoch": 200}, "trials": 4}
    trials = run_script(SUMS, **{**settings, "scheduler_param": params})
    copies = [trial.changed_at for trial in trials if trial.parent is not None]
    assert copies
    assert not [step for step in copies if step % 5]


SLOW = """
    import json, time
    import hpogrid

    def train(config):
        n = 0
        if folder := hpogrid.get_checkpoint():
            n = json.loads((folder / "s").read_text())
        while True:
            n += 1
            time.sleep(0.25)
            with hpogrid.checkpoint() as folder:
                (folder / "s").write_text(json.dumps(n))
            hpogrid.report(score=config["x"])
"""


def test_the_timeout_is_of_a_trial_and_not_of_a_stretch() -> None:
    trials = run_script(SLOW, **{**HYPERBAND, "trial_timeout": 2.0})
    late = [trial for trial in trials if trial.state == "failed"]
    assert late
    assert {trial.reason for trial in late} == {"it took longer than trial_timeout (2 s)"}
    assert not [trial for trial in trials if trial.state == "complete"], "it takes 2.25 s"


def scores_reported(task: Task) -> dict[tuple[str, int], list[float]]:
    """Every score that was ever reported, by trial and step, also with earlier values."""
    found: dict[tuple[str, int], list[float]] = {}
    for path in task.ledgers.glob("*.jsonl"):
        for event in map(json.loads, path.read_text().splitlines()):
            if event["event"] == "report":
                key = event["trial"], event["step"]
                found.setdefault(key, []).append(event["metrics"]["score"])
    return found


def test_population_based_training_needs_checkpoints() -> None:
    trials = run_script(NO_CHECKPOINTS, **PBT)
    assert trials[0].state == "failed"
    assert "pbt needs checkpoints and this trial saved none" in str(trials[0].reason)


def test_paused_trials_end_with_the_search() -> None:
    one_by_one = {"max_t": 9, "max_concurrent": 1}
    settings = {**HYPERBAND, "trials": 20, "target": 0.5, "scheduler_param": one_by_one}
    _, result, trials = run_project(store_project(objective(FUNCTION), **settings))
    assert result.state == "done"
    assert all(trial.finished for trial in trials)
    assert "the search ended while it was paused" in {trial.reason for trial in trials}


def test_checkpoints_of_ended_trials_go_by_the_policy() -> None:
    project = store_project(objective(CLASS), **HYPERBAND, keep_checkpoints="top 2")
    task, _, trials = run_project(project)
    best = sorted(trials, key=lambda trial: trial.metrics["score"])[-2:]
    kept = {path.parent.name for path in task.job_folder(0).glob("trials/*/checkpoint_*")}
    assert kept == {trial.id for trial in best}

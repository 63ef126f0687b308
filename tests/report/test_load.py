from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hpogrid.config.project import load_project
from hpogrid.errors import UserError
from hpogrid.report.load import given_objectives, load_sources, make_results, read_path
from hpogrid.report.recipe import _models
from hpogrid.report.results import Objective, Results
from hpogrid.site.choice import Filters
from hpogrid.study.ledger import ledger_name
from tests.report.studies import SPACE, store, submit, write_ledger


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def report(target: str | Path, filters: Filters | None = None, **options: object) -> Results:
    return make_results(load_sources(str(target), filters), **options)  # type: ignore[arg-type]


def losses(results: Results) -> list[object]:
    return [trial.metrics["loss"] for trial in results.trials]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_project_is_the_trials_of_all_its_tasks() -> None:
    project = store()
    first, second = submit(project, [3, 1]), submit(project, [2])
    submit(store("other"), [0])
    results = report("p", extra=["taskid", "site", "task_time_s"])
    assert results.name == "p"
    assert [row[-6:] for row in results.rows()] == [
        [1, "0-1", "complete", first.id, "local", 2.0],
        [2, "0-0", "complete", second.id, "local", 1.0],
        [3, "0-0", "complete", first.id, "local", 2.0],
    ]
    assert results.names[:6] == list(SPACE.parameters)


def test_a_removed_project_still_has_its_tasks(home: Path) -> None:
    submit(store(), [1])
    (home / "projects" / "p" / "project.json").unlink()
    assert len(report("p")) == 1


def test_filters_choose_tasks() -> None:
    project = store()
    tasks = [submit(project, [index]) for index in range(3)]
    only = str(tasks[1].id)
    assert losses(report("p", Filters(ids=only))) == [1]
    assert losses(report("p", Filters(limit=1))) == [2]
    assert report("p", Filters(limit=1)).notes == ["2 older tasks left out: --limit 1"]
    assert losses(report("p", Filters(taskname=tasks[0].name))) == [0]
    with pytest.raises(UserError, match="no task of project 'p' passes the filters"):
        report("p", Filters(taskname="x*"))


def test_no_local_task_is_left_out_for_its_age_without_a_word() -> None:
    task = submit(store(), [1])
    task.created -= 31 * 86400
    task.save()
    submit(load_project("p"), [2])
    assert losses(report("p")) == [1, 2]
    recent = report("p", Filters(days=30))
    assert losses(recent) == [2]
    assert recent.notes == ["1 older task left out: --days 30"]


def test_a_project_without_tasks_says_how_to_start_them() -> None:
    store()
    with pytest.raises(UserError, match="has no tasks yet; 'hpogrid run p' starts them"):
        report("p")


def test_an_unknown_name_offers_close_ones() -> None:
    store("quickstart")
    with pytest.raises(UserError, match="did you mean quickstart"):
        report("quickstrat")


def test_the_last_of_two_versions_of_a_project_says_what_is_optimised(home: Path) -> None:
    submit(store(), [1])
    (home / "projects" / "p").rename(home / "old")
    submit(store(metric="loss", mode="max"), [2])
    assert report("p").objectives == (Objective("loss", "max"),)


def test_a_path_to_the_folder_or_ledger_or_result_of_a_task() -> None:
    task = submit(store(), [1, 2])
    write_ledger(task.ledgers, [3], job=1)
    ledger = task.ledgers / ledger_name(0, 1)
    result = task.job_folder(0) / "result.json"
    result.write_text('{"state":"done","reason":""}')
    assert len(report(task.folder)) == 3
    assert len(report(task.ledgers)) == 3
    for path in (ledger, result):
        results = report(path)
        assert len(results) == 2
        assert results.name == "p"
        assert results.space == SPACE


def test_a_bare_ledger_is_sorted_when_told_how(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "bare", [1, 3, 2])
    assert losses(report(path)) == [1, 3, 2]
    objectives = given_objectives("loss", "max")
    assert losses(report(path, objectives=objectives)) == [3, 2, 1]
    with pytest.raises(UserError, match="--metric and --mode together"):
        given_objectives("loss", None)


def test_a_torn_ledger_is_read_and_reported(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "bare", [1, 2])
    path.write_bytes(path.read_bytes()[:-5])
    source = read_path(path)
    assert [trial.state for trial in source.study] == ["complete", "running"]
    assert "torn" in source.warnings[0]


OLD = {
    "project_name": "old",
    "start_timestamp": 1000.0,
    "task_time_s": 60.0,
    "hyperparameters": ["lr"],
    "metric": "acc",
    "mode": "max",
    "best_config": {"lr": 0.2},
    "result": {
        "0": {"time_s": 10.0, "timestamp": 1010.0, "lr": 0.1, "acc": 0.5, "epoch": 3},
        "1": {"time_s": 20.0, "timestamp": 1030.0, "lr": 0.2, "acc": 0.7, "epoch": 3},
        "2": {"time_s": 20.0, "timestamp": 1050.0, "lr": 0.3, "acc": None},
    },
}


def test_a_result_file_of_an_earlier_release(tmp_path: Path) -> None:
    path = tmp_path / "userJobMetadata.json"
    path.write_text(json.dumps(OLD))
    results = report(path, extra=["time_s", "task_time_s", "epoch"])
    assert results.name == "old"
    assert results.names == [
        "lr", "acc", "epoch", "trial", "state", "time_s", "task_time_s",
    ]  # fmt: skip
    assert list(results.rows()) == [
        [0.2, 0.7, 3, "0-1", "complete", 20.0, 60.0],
        [0.1, 0.5, 3, "0-0", "complete", 10.0, 60.0],
        [0.3, None, None, "0-2", "failed", 20.0, 60.0],
    ]


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UserError, match="is no result file: Object missing"):
        report(tmp_path / "a.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no ledger"):
        report(tmp_path / "empty")


def test_folders_that_vanish_while_models_are_looked_for(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
        for file in ("metrics", "hyperparams.txt"):
            (tmp_path / name / file).touch()
    models = _models(tmp_path)
    first = next(models)
    for name in {"a", "b", "c"} - {first.name}:
        shutil.rmtree(tmp_path / name)
    assert list(models) == []

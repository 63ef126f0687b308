from __future__ import annotations

import json
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.report.load import Filters, given_objectives, load_sources, read_path
from hpogrid.report.results import Objective, Results
from hpogrid.report.source import make_results
from hpogrid.study.ledger import ledger_name
from tests.report.studies import SPACE, store, submit, write_ledger


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def report(target: str | Path, filters: Filters | None = None, **options: object) -> Results:
    return make_results(load_sources(str(target), filters), **options)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_project_is_the_trials_of_all_its_tasks() -> None:
    project = store()
    first, second = submit(project, [3, 1]), submit(project, [2])
    submit(store("other"), [0])
    results = report("p", extra=["taskid", "site", "task_time_s"])
    assert results.name == "p"
    assert [row[-4:] for row in results.rows()] == [
        [1, first.id, "local", 2.0],
        [2, second.id, "local", 1.0],
        [3, first.id, "local", 2.0],
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
    assert [list(row)[-1] for row in report("p", Filters(ids=only)).rows()] == [1]
    assert [row[-1] for row in report("p", Filters(limit=1)).rows()] == [2]
    assert [row[-1] for row in report("p", Filters(taskname=tasks[0].name)).rows()] == [0]
    with pytest.raises(UserError, match="no task of project 'p' passes the filters"):
        report("p", Filters(taskname="x*"))


def test_old_tasks_are_left_out() -> None:
    task = submit(store(), [1])
    task.created -= 31 * 86400
    task.save()
    with pytest.raises(UserError, match="days"):
        report("p")
    assert len(report("p", Filters(days=32))) == 1


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
    assert [row[-1] for row in report(path).rows()] == [1, 3, 2]
    objectives = given_objectives("loss", "max")
    assert [row[-1] for row in report(path, objectives=objectives).rows()] == [3, 2, 1]
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
    results = report(path, extra=["time_s", "task_time_s", "epoch", "state"])
    assert results.name == "old"
    assert results.names == ["lr", "acc", "epoch", "time_s", "task_time_s", "state"]
    assert list(results.rows()) == [
        [0.2, 0.7, 3, 20.0, 60.0, "complete"],
        [0.1, 0.5, 3, 10.0, 60.0, "complete"],
        [0.3, None, None, 20.0, 60.0, "failed"],
    ]


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UserError, match="is no result file: Object missing"):
        report(tmp_path / "a.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no ledger"):
        report(tmp_path / "empty")

"""Which tasks are one study, and what is said about the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import hpogrid
from hpogrid.cli.main import run
from hpogrid.config.advice import drift_notes
from hpogrid.config.project import Project, draft_project, load_project, publish_project
from hpogrid.site.choice import Filters, study_of, version_of
from hpogrid.site.point import point_task
from hpogrid.site.starting import make_start
from hpogrid.site.studies import own_study
from tests.projects import run_project, store_project
from tests.report.studies import store, submit


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def change(tmp_path: Path, edit: Callable[[Project], Project], script: str = "") -> Project:
    """Replace the stored project, as ``project update`` does."""
    old = load_project("p")
    path = tmp_path / "train.py"
    path.write_text(script or "def train(config):\n    return 1\n")
    with draft_project(edit(old), {"train.py": path}) as (project, folder):
        publish_project(project, folder, old)
    return project


def of_hpo(**settings: object) -> Callable[[Project], Project]:
    def edit(project: Project) -> Project:
        return msgspec.structs.replace(
            project, hpo_config=msgspec.structs.replace(project.hpo_config, **settings)
        )

    return edit


def test_what_ran_before_the_scripts_changed_is_another_study(tmp_path: Path) -> None:
    store()
    submit(change(tmp_path, lambda item: item), [1])
    submit(change(tmp_path, lambda item: item, "def train(config):\n    return 2\n"), [5])
    assert own_study("p")["best"] == 5
    assert own_study("p")["notes"] == "1 task of earlier versions left out: --all_versions"
    with pytest.warns(UserWarning, match="1 task of earlier versions left out: --all_versions"):
        assert hpogrid.load_study("p").best_value == 5
    study = hpogrid.load_study("p", all_versions=True)
    assert (study.best_value, len(set(study.trials["version"]))) == (1, 2)
    with pytest.warns(UserWarning, match="version"):
        assert len(hpogrid.load_study("p", ids="1")) == 1


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({"trials": 7, "scheduler": "none"}, True),
        ({"mode": "max"}, False),
        ({"metric": "a"}, False),
    ],
)
def test_how_it_is_searched_makes_no_other_study_but_the_metric_does(
    tmp_path: Path, settings: dict[str, object], same: bool
) -> None:
    store()
    before = change(tmp_path, lambda item: item).study_version
    assert (change(tmp_path, of_hpo(**settings)).study_version == before) == same


def test_before_the_present_version_has_run_the_one_before_is_shown_and_that_is_said(
    tmp_path: Path,
) -> None:
    run_project(store_project())
    project = change(tmp_path, lambda item: item)
    tasks, notes = study_of("p")
    assert [item.id for item in tasks] == [1]
    assert notes == [
        "project 'p' has changed since task 1 ran: its present version has no results yet, these "
        "are of the version before"
    ]
    start, said = make_start(project, None, "p")
    assert [item.same for item in start.past] == [False] * 3
    assert said[0] == notes[0]


def test_results_of_the_same_version_count_but_for_those_of_shorter_trials(tmp_path: Path) -> None:
    store()
    run_project(change(tmp_path, lambda item: item))
    for settings, same in (({}, True), ({"stop": {"training_iteration": 7}}, False)):
        project = change(tmp_path, of_hpo(algorithm="optuna", **settings))
        start, said = make_start(project, None, "1")
        assert {item.same for item in start.past} == {same}
        assert ("they count as results of this search" in said[-1]) is same
        assert ("a few are evaluated again" in said[-1]) is not same
    project = change(tmp_path, of_hpo(algorithm="auto", trials=5))
    assert "random draws learn nothing" not in make_start(project, None, "1")[1][-1]
    row = start.past[0].suggested | {project.hpo_config.metrics[0]: 1.0}
    (tmp_path / "r.json").write_bytes(msgspec.json.encode([row]))
    assert "random draws learn nothing" in make_start(project, None, str(tmp_path / "r.json"))[1][0]


def test_a_single_point_is_no_part_of_the_study() -> None:
    project = store_project()
    run_project(project)
    task = point_task(project, {"x": 0.25})
    tasks, notes = study_of("p")
    assert [item.id for item in tasks] == [1]
    assert notes == ["1 task of a single point left out: --range ID shows it"]
    alone, notes = study_of("p", Filters(ids=str(task.id)))
    assert ([item.id for item in alone], notes) == ([task.id], [])


def test_a_damaged_bundle_is_of_no_version() -> None:
    task = submit(store(), [1])
    (task.bundle / "project.json").write_bytes(b"\0" * 10)
    assert version_of(task) == ""


def test_an_edited_script_is_told_with_the_command_that_takes_it_over(tmp_path: Path) -> None:
    store()
    path = str(tmp_path / "train.py")
    project = change(tmp_path, lambda item: msgspec.structs.replace(item, scripts_path=path))
    assert drift_notes(project) == []
    (tmp_path / "train.py").write_text("def train(config):\n    return 3\n")
    [note] = drift_notes(project)
    assert note.startswith("train.py has changed since project 'p' took its copy")
    assert note.endswith(f"hpogrid project update p --scripts_path {tmp_path / 'train.py'}")
    (tmp_path / "train.py").unlink()
    assert drift_notes(project) == []


@pytest.mark.parametrize(
    "command", [["tasks", "show"], ["report", "p"], ["compare", "p", "q"], ["analyze", "p"]]
)
@pytest.mark.parametrize("option", [["--days", "-5"], ["--days", "0"], ["--limit", "-1"]])
def test_filters_that_let_nothing_through_are_refused_everywhere(
    command: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, *option]) == 2
    assert "is not in the range" in capsys.readouterr().err


def test_tasks_show_leaves_no_task_out_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    task = submit(store(), [1])
    task.created -= 40 * 86400
    task.save()
    assert run(["tasks", "show", "--format", "json"]) == 0
    assert [row["jeditaskid"] for row in json.loads(capsys.readouterr().out)] == [1]
    assert run(["tasks", "show", "--days", "30"]) == 0
    assert "1 older task left out: --days 30" in capsys.readouterr().err


def test_verbose_writes_a_line_for_each_trial(capfd: pytest.CaptureFixture[str]) -> None:
    run_project(store_project(verbose=True, trials=2))
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("trial ")]
    assert len(lines) == 2
    assert lines[0].startswith("trial 0-1 complete after ")
    assert "loss=" in lines[0]

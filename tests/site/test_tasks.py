"""The task table."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.errors import RunError, UserError
from hpogrid.site import tasks
from hpogrid.site.base import JobState, JobStatus, task_status
from hpogrid.site.tasks import IdRange, Task, find_tasks, load_task, new_task, tasks_path, user_name
from tests.commands import refused, tree
from tests.damage import DAMAGE, damage
from tests.projects import store_project


def make(**changes: Any) -> Task:
    task = new_task(store_project(name=changes.pop("project", "p")), site="local", n_jobs=2)
    task = msgspec.structs.replace(task, **changes)
    task.save()
    return task


def test_a_task_has_a_folder_with_all_it_needs() -> None:
    task = make()
    assert task.id == 1
    assert load_task(1) == task
    assert set(tree(task.folder)) >= {
        "task.json", "bundle/project.json", "bundle/scripts/train.py", "ledger", "jobs/0", "jobs/1",
    }  # fmt: skip
    assert task.read_project().hash == task.project_hash
    assert task.name.startswith("hpogrid.p.")


def test_the_seed_is_the_projects_or_a_new_one() -> None:
    assert new_task(store_project(seed=5), site="local").seed == 5
    project = store_project(name="q", seed=None)
    assert new_task(project, site="local").seed != new_task(project, site="local").seed


def test_numbers_are_not_given_twice() -> None:
    make()
    shutil.rmtree(make(project="q").folder / "bundle")
    assert make(project="r").id == 3
    store_project(name="many")
    code = (
        "from hpogrid.config.project import load_project; from hpogrid.site.tasks import new_task\n"
        "p = load_project('many')\nfor _ in range(5): print(new_task(p, site='local').id)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    numbers = [int(line) for process in both for line in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(4, 14))


def test_filters() -> None:
    old = time.time() - 10 * 86400
    make(project="one", user="alice", created=old)
    make(project="two", user="bob")
    make(project="three", user="bob")
    (tasks_path() / "9").mkdir()
    (tasks_path() / "notes").mkdir()

    def ids(**filters: Any) -> list[int]:
        return [task.id for task in find_tasks(**filters)]

    assert ids() == [3, 2, 1]
    assert ids(project="two") == [2]
    assert ids(taskname="hpogrid.t*") == [3, 2]
    assert ids(username="b?b") == [3, 2]
    assert ids(days=5) == [3, 2]
    assert ids(limit=1) == [3]
    assert ids(limit=0) == []
    assert ids(ids=IdRange("1-2")) == [2, 1]


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("7", [7], [6, 8]),
        ("3-9", [3, 9], [2, 10]),
        ("3-", [3, 10**9], [2]),
        ("-9", [1, 9], [10]),
        (" 3 - 9 ", [3, 9], [2]),
    ],
)
def test_ranges_include_both_ends(text: str, inside: list[int], outside: list[int]) -> None:
    ids = IdRange(text)
    assert all(number in ids for number in inside)
    assert not any(number in ids for number in outside)


@pytest.mark.parametrize("text", ["", "-", "a", "3-a", "1.5", "3-4-5", "9-3"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UserError, match=r"no range of task ids|is empty: write 3-9"):
        IdRange(text)


@pytest.mark.parametrize(
    ("content", "problem"), [(b"{", "is damaged"), (b"{}", "required field"), (None, "no task 1")]
)
def test_tasks_that_cannot_be_read(content: bytes | None, problem: str) -> None:
    path = make().folder / "task.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=problem):
        load_task(1)


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_task_hides_no_other(caplog: pytest.LogCaptureFixture, how: str) -> None:
    bad, good = make(), make(project="q")
    damage(bad.folder / "task.json", how)
    tasks._leave_out.cache_clear()
    assert [task.id for task in find_tasks()] == [good.id]
    assert find_tasks(limit=1)[0].id == good.id
    (record,) = caplog.records
    assert f"task {bad.id} is left out" in record.message


@pytest.mark.parametrize(
    "changes",
    [{"n_jobs": 10**9}, {"n_jobs": 0}, {"n_jobs": -1}, {"created": 1e300}, {"created": -1},
     {"name": "\x1b[31m"}, {"user": "a\nb"}, {"site": "\x07"}, {"added": -1}],
)  # fmt: skip
def test_a_record_with_numbers_or_names_that_no_task_has(changes: dict[str, Any]) -> None:
    path = make().folder / "task.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UserError, match="is damaged"):
        load_task(1)


def test_trials_are_added_once_whoever_else_adds_some() -> None:
    task, other = make(), load_task(1)
    task.add_trials(3)
    other.add_trials(4)
    assert load_task(1).added == 7


def test_who_submits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUCIO_ACCOUNT", "grid_name")
    assert user_name() == "grid_name"
    monkeypatch.delenv("RUCIO_ACCOUNT")
    monkeypatch.setenv("LOGNAME", "login_name")
    assert user_name() == "login_name"


def test_what_cannot_be_copied_leaves_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    project = store_project()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(RunError, match="no space left on device"):
        new_task(project, site="local")
    assert find_tasks() == []
    assert list(tasks_path().iterdir()) == []


@pytest.mark.parametrize(
    ("states", "word"),
    [
        (["queued", "queued"], "pending"),
        (["queued", "done"], "running"),
        (["running", "failed"], "running"),
        (["done", "done"], "done"),
        (["done", "failed"], "finished"),
        (["done", "killed"], "finished"),
        (["failed", "failed"], "failed"),
        (["lost"], "failed"),
        (["failed", "killed"], "aborted"),
    ],
)
def test_the_status_of_a_task_in_the_words_of_panda(states: list[JobState], word: str) -> None:
    assert task_status([JobStatus(job, state) for job, state in enumerate(states)]) == word


def test_a_user_directory_below_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "file"))
    assert find_tasks() == []
    with pytest.raises(UserError):
        load_task(1)


def test_more_jobs_than_a_task_can_have_are_refused() -> None:
    store_project()
    for command in (["run", "p", "--dry_run"], ["run", "p"], ["plan", "p"]):
        said = refused(*command, "--n_jobs", "999999999")
        assert "a task has at most 100,000 jobs, not 999,999,999" in said
    assert not list(tasks_path().glob("*"))

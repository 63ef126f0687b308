"""Bringing results home: every trial once, whichever way it came."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpogrid.data.rucio import Did
from hpogrid.errors import RunError, UserError
from hpogrid.job.worknode import LOG_MARK
from hpogrid.site.panda import fetch as panda_fetch
from hpogrid.site.panda.client import FileInfo, JobInfo, TaskInfo
from hpogrid.site.panda.fetch import fetch, ledger_in_log
from hpogrid.site.panda.metadata import metadata_events
from hpogrid.site.tasks import Task, new_task
from hpogrid.space.value import Values
from hpogrid.study.events import Ended, Event, Opened, Started
from hpogrid.study.metadata import small_metadata
from hpogrid.study.study import Trial, read_study
from tests.projects import store_project


def job(number: int, index: int, status: str, attempt: int = 1) -> JobInfo:
    files = [
        FileInfo(lfn=str(index + 1), type="pseudo_input", dataset="seq_number"),
        FileInfo(lfn=f"t._{number:06d}.hpogrid_ledger.jsonl", type="output", scope="user.me"),
        FileInfo(lfn=f"t._{number:06d}.hpogrid_job.tgz", type="output", scope="user.me"),
        FileInfo(lfn=f"t.log.{number:06d}.log.tgz", type="log", scope="user.me"),
    ]
    return JobInfo(id=number, status=status, attempt=attempt, files=files)


def events(index: int, *trials: int, running: int | None = None) -> bytes:
    found: list[Event] = [
        Opened(time=1, job=index, attempt=1, host="h", pid=1, version="1", project="p", seed=1)
    ]
    for number in trials:
        name = f"{index}-{number}"
        point: Values = {"x": number / 10}
        found += [
            Started(time=number, trial=name, seed=1, suggested=point),
            Ended(time=number + 0.5, trial=name, state="complete", metrics={"loss": number}),
        ]
    if running is not None:
        found.append(Started(time=50, trial=f"{index}-{running}", seed=1, suggested={"x": 0.5}))
    return b"".join(msgspec.json.encode(event) + b"\n" for event in found)


def log(data: bytes, errors: str = "") -> bytes:
    lines = "".join(f"{LOG_MARK} {line}\n" for line in data.decode().splitlines())
    texts = {"stdout": f"hello\n{lines}Killed\n", "stderr": errors}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"tarball_PandaJob_1/payload.{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


class Grid:
    """What the servers have; a file that is not there is an error of Rucio."""

    def __init__(self) -> None:
        self.jobs: list[JobInfo] = []
        self.files: dict[str, bytes] = {}
        self.metadata: dict[str, Any] = {}
        self.down: str | None = None
        self.asked: list[str] = []

    def download(self, dids: Sequence[Did], folder: Path) -> dict[Did, str]:
        if self.down:
            raise RunError(self.down)
        folder.mkdir(parents=True, exist_ok=True)
        failed = {}
        for did in dids:
            self.asked.append(did.name)
            if did.name in self.files:
                (folder / did.name).write_bytes(self.files[did.name])
            else:
                failed[did] = "no copy of it was found"
        return failed

    def has(self, job: JobInfo, data: bytes) -> None:
        kind = 1 if job.status == "finished" else 3
        self.jobs.append(job)
        self.files[job.files[kind].lfn] = data


@pytest.fixture
def grid(monkeypatch: pytest.MonkeyPatch) -> Grid:
    grid = Grid()
    monkeypatch.setattr(panda_fetch, "Rucio", lambda: grid)
    monkeypatch.setattr(panda_fetch, "list_jobs", lambda number: grid.jobs)
    monkeypatch.setattr(panda_fetch, "job_metadata", lambda number: grid.metadata)
    return grid


@pytest.fixture
def task(home: Path) -> Task:
    return new_task(store_project(), site="Q", n_jobs=3)


def info(status: str, modified: str | None = "2030-01-01 10:00:00") -> TaskInfo:
    return TaskInfo(id=7, name="t", status=status, modified=modified)


def states(task: Task) -> dict[str, str]:
    return {trial.id: trial.state for trial in read_study(task.ledgers)[0]}


def fetched(task: Task, status: str, modified: str | None = "2030-01-01 10:00:00") -> list[str]:
    """What is to be said of files; that jobs failed is said besides."""
    notes = fetch(task, info(status, modified))
    return [note for note in notes if "failed or were ended" not in note]


def test_every_finished_trial_of_every_attempt_once(grid: Grid, task: Task) -> None:
    grid.has(job(1, 0, "finished"), events(0, 1, 2))
    grid.has(job(2, 1, "failed"), log(events(1, 1, 2, running=3)))
    grid.has(job(3, 2, "cancelled"), log(events(2, 1)))
    grid.has(job(4, 1, "finished", attempt=2), events(1, 100001, 100002))
    grid.has(job(5, 2, "finished", attempt=2), events(2, 1, 2))  # went on from the first ledger
    assert fetched(task, "done") == []
    found = states(task)
    assert found.pop("1-3") == "interrupted"
    assert set(found) == {"0-1", "0-2", "1-1", "1-2", "1-100001", "1-100002", "2-1", "2-2"}
    assert set(found.values()) == {"complete"}


def test_only_what_is_missing_is_fetched(grid: Grid, task: Task) -> None:
    grid.has(job(1, 0, "finished"), events(0, 1))
    grid.jobs.append(job(2, 1, "running"))
    fetched(task, "running")
    grid.jobs.pop()
    grid.has(job(2, 1, "finished"), events(1, 1))
    fetched(task, "running")
    assert len(grid.asked) == len(set(grid.asked)) == 2


def test_a_task_that_is_complete_is_not_asked_for_again(
    grid: Grid, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.has(job(1, 0, "finished"), events(0, 1))
    assert fetched(task, "done") == []
    with monkeypatch.context() as patch:
        patch.setattr(panda_fetch, "list_jobs", lambda number: pytest.fail("asked again"))
        assert fetched(task, "done") == []


def test_jobs_that_failed_are_told_each_time(grid: Grid, task: Task) -> None:
    for number in (1, 2):
        grid.has(job(number, number - 1, "failed"), log(b""))
        grid.jobs[-1] = msgspec.structs.replace(grid.jobs[-1], payload="payload exited with 1")
    for _ in range(2):  # the second time nothing is fetched
        [note] = fetch(task, info("failed"))
        assert "2 of 2 jobs failed or were ended, job 0 for example: payload exited" in note
        assert f"'hpogrid tasks retry {task.id}'" in note
    grid.has(job(3, 0, "finished", attempt=2), events(0, 1))
    [note] = fetch(task, info("finished"))
    assert "1 of 2 jobs failed or were ended, job 1" in note


def test_a_job_that_failed_is_told_in_its_own_words(grid: Grid, task: Task) -> None:
    said = "warning\nhpogrid: the image has Python 3.9; choose another\nend of job\n"
    grid.has(job(1, 0, "failed"), log(b"", said))
    grid.jobs[-1] = msgspec.structs.replace(grid.jobs[-1], payload="payload exited with 1")
    [note] = fetch(task, info("failed"))
    assert "job 0 for example: the image has Python 3.9; choose another; 'hpogrid tasks" in note


def test_a_task_without_jobs_says_why(
    grid: Grid, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panda_fetch, "task_error", lambda number: "no queue takes it")
    assert fetch(task, info("broken")) == ["it is broken: no queue takes it"]


@pytest.mark.parametrize("later", ["2030-01-01 10:02:00", None])
def test_whoever_repeats_a_job_and_however_late_its_results_come(
    grid: Grid, task: Task, later: str | None
) -> None:
    """By another client, or PanDA itself: only the server knows of it."""
    grid.has(job(1, 0, "finished"), events(0, 1))
    grid.has(job(2, 1, "failed"), log(events(1, 1)))
    assert fetched(task, "finished", later and "2030-01-01 10:00:00") == []
    task.created -= 3600
    grid.has(job(3, 1, "finished", attempt=2), events(1, 1, 100001))
    assert fetched(task, "finished", later) == []
    assert set(states(task)) == {"0-1", "1-1", "1-100001"}


def test_a_job_that_still_moves_its_files_is_waited_for(grid: Grid, task: Task) -> None:
    grid.has(job(1, 0, "finished"), events(0, 1))
    grid.jobs.append(job(2, 1, "transferring"))
    assert fetched(task, "finished") == []
    grid.jobs.pop()
    grid.has(job(2, 1, "finished"), events(1, 1))
    assert fetched(task, "finished") == []
    assert set(states(task)) == {"0-1", "1-1"}


def test_one_missing_file_does_not_block_the_others(grid: Grid, task: Task) -> None:
    grid.has(job(1, 0, "finished"), events(0, 1))
    grid.jobs.append(job(2, 1, "failed"))
    grid.has(job(3, 2, "finished"), events(2, 1))
    [note] = fetched(task, "done")
    assert "2 of 3 ledgers and logs fetched" in note
    assert "the log of PanDA job 2: no copy of it was found" in note
    assert set(states(task)) == {"0-1", "2-1"}


def test_a_damaged_log_is_told_and_fetched_again(grid: Grid, task: Task) -> None:
    grid.has(job(1, 0, "failed"), b"this is no archive")
    [note] = fetched(task, "done")
    assert "is damaged" in note
    grid.files[grid.jobs[0].files[3].lfn] = log(events(0, 1))
    assert fetched(task, "done") == []
    assert set(states(task)) == {"0-1"}


def metadata(index: int, *numbers: int, **about: Any) -> Any:
    project = store_project(name=f"q{index}")
    project = msgspec.structs.replace(project, name="p")
    trials = [
        Trial(f"{index}-{number}", "complete", {"x": 0.5}, {"x": 0.5}, seed=1, job=index, host="",
              started=1, ended=2, metrics={"loss": float(number)})
        for number in numbers
    ]  # fmt: skip
    return json.loads(small_metadata(project, trials, {"job": index, **about}))


def test_metadata_where_the_ledger_cannot_be_had(grid: Grid, task: Task) -> None:
    grid.jobs = [job(1, 0, "finished"), job(2, 1, "finished", attempt=2)]
    grid.metadata = {"1": metadata(0, 1, 2), "2": metadata(1, 100001)}
    grid.down = "the Rucio server does not answer"
    [note] = fetched(task, "done")
    assert "0 of 2 ledgers" in note
    assert "the Rucio server does not answer" in note
    assert "3 trials are taken from the metadata" in note
    assert set(states(task)) == {"0-1", "0-2", "1-100001"}
    grid.down = None
    grid.files[grid.jobs[0].files[1].lfn] = events(0, 1, 2, 3)
    grid.files[grid.jobs[1].files[1].lfn] = events(1, 100001)
    assert fetched(task, "done") == []
    assert set(states(task)) == {"0-1", "0-2", "0-3", "1-100001"}  # and none of them twice


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it is not hpogrid's"),
        ({"result": 3}, "it is not hpogrid's"),
        ({"loss": 0.3}, "it is not hpogrid's"),
        ({"result": {}, "hyperparameters": [], "project_name": "other"}, "of project 'other'"),
    ],
)
def test_foreign_and_broken_metadata_are_skipped_with_a_line(
    grid: Grid, task: Task, content: Any, words: str
) -> None:
    grid.jobs = [job(1, 0, "finished"), job(2, 1, "finished"), job(3, 2, "finished")]
    grid.metadata = {"1": content, "2": metadata(1, 1)}
    notes = fetch(task, info("done"))
    assert any("job 0 (PanDA 1) is skipped" in note and words in note for note in notes)
    assert any("job 2 (PanDA 3) left no metadata" in note for note in notes)
    assert set(states(task)) == {"1-1"}


def test_metadata_of_an_earlier_release_has_no_ids() -> None:
    old = {"result": {"0": {"time_s": 1, "timestamp": 5.0, "x": 1, "loss": 2}},
           "hyperparameters": ["x"], "metric": "loss", "mode": "min"}  # fmt: skip
    found = metadata_events(old, 4, 1, "p")
    assert [event.trial for event in found if isinstance(event, Ended)] == ["4-1"]
    [started] = [event for event in found if isinstance(event, Started)]
    assert (started.time, started.suggested) == (4.0, {"x": 1})


def test_a_ledger_does_not_replace_a_longer_one(grid: Grid, task: Task) -> None:
    grid.has(job(1, 0, "failed"), log(events(0, 1, 2, 3)))
    grid.has(job(2, 0, "failed"), log(events(0, 7)))  # the same attempt, made twice
    fetched(task, "failed")
    assert set(states(task)) == {"0-1", "0-2", "0-3", "0-7"}


def test_the_server_is_down(grid: Grid, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int) -> list[JobInfo]:
        raise RunError("the PanDA server cannot be reached")

    monkeypatch.setattr(panda_fetch, "list_jobs", fail)
    with pytest.raises(UserError, match="cannot be reached"):
        fetched(task, "running")


def test_a_log_without_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(log(b""))
    assert ledger_in_log(tmp_path / "log") == b""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["result", "hyperparameters", "hpogrid", "trials", "0", "x", "time_s"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_somebody_wrote_as_metadata(content: Any) -> None:
    try:
        found = metadata_events(content, 0, 1, "p")
    except ValueError:
        return
    for event in found:
        msgspec.json.decode(msgspec.json.encode(event), type=Event)

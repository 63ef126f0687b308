"""Jobs that go on by themselves when their time is up."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpogrid.errors import Exit
from hpogrid.job.again import ATTEMPTS, COMMAND, exit_code
from hpogrid.job.run import JobResult, JobState, read_result, write_result
from hpogrid.job.settings import TaskFolder


def end(folder: Path, state: JobState = "unfinished", attempt: int = 1) -> tuple[Exit, str, str]:
    """The exit code of a job that ended so, and the result that it leaves."""
    task, result = TaskFolder(folder), JobResult(state=state, reason="time is up", attempt=attempt)
    task.job(0).mkdir(parents=True, exist_ok=True)
    write_result(task.job(0), result)
    code = exit_code(task, 0, result)
    left = read_result(task.job(0))
    assert left is not None
    return code, left.state, left.reason


def test_without_a_word_it_ends(tmp_path: Path) -> None:
    assert end(tmp_path) == (Exit.OK, "unfinished", "time is up")


def test_as_often_as_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ATTEMPTS, "3")
    reason = "time is up; it goes on by itself (attempt 2 of 3)"
    assert end(tmp_path, attempt=2) == (Exit.AGAIN, "interrupted", reason)
    assert end(tmp_path, attempt=3) == (Exit.OK, "unfinished", "time is up")
    assert end(tmp_path, "done") == (Exit.OK, "done", "time is up")
    assert end(tmp_path, "interrupted")[0] == Exit.INTERRUPTED


def test_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ATTEMPTS, "3")
    monkeypatch.setenv(COMMAND, "true 7")
    assert end(tmp_path)[:2] == (Exit.AGAIN, "interrupted")
    monkeypatch.setenv(COMMAND, "sh -c 'kill -TERM $$'")
    assert end(tmp_path)[:2] == (Exit.AGAIN, "interrupted"), "it was ended, having done its work"
    for command in ("false 7", "/no/such/command"):
        monkeypatch.setenv(COMMAND, command)
        assert end(tmp_path)[:2] == (Exit.OK, "unfinished"), "it could not be queued again"


def test_not_after_it_was_told_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ATTEMPTS, "3")
    TaskFolder(tmp_path).requests.mkdir()
    (TaskFolder(tmp_path).requests / "stop").touch()
    assert end(tmp_path)[:2] == (Exit.OK, "unfinished")

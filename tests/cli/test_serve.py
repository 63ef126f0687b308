"""`hpogrid serve` in the background, and what a laptop sees of it with a token to read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.run import Run
from hpogrid.site.tasks import Task, new_task
from hpogrid.study.serve.tokens import read_or_make_token
from tests.engine.test_sharing import evaluate
from tests.projects import store_project


def hpogrid(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hpogrid", *words]
    env = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


@pytest.fixture
def task() -> Task:
    return new_task(store_project(trials=1), site="local", n_jobs=1)


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server in the background."""
    done = hpogrid("serve", "--join")
    assert done.returncode == 0, done.stderr
    assert read_or_make_token() not in done.stdout + done.stderr
    yield json.loads(done.stdout)["port"]
    hpogrid("serve", "--stop")


def test_a_server_in_the_background_is_joined_and_stopped(port: int) -> None:
    assert json.loads(hpogrid("serve", "--join").stdout) == {"port": port}
    there = json.loads(hpogrid("serve", "--join", "--with_token").stdout)
    assert there == {"port": port, "token": read_or_make_token()}
    assert f"stopped port {port}" in hpogrid("serve", "--stop").stderr
    assert "no server runs" in hpogrid("serve", "--stop").stderr


def test_the_token_goes_into_no_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "hpogrid", "serve", "--join", "--with_token"]
    with log.open("wb") as stream:
        assert subprocess.run(command, stdout=stream, stderr=stream, timeout=60).returncode == 2
    assert "might be logged" in log.read_text()
    assert read_or_make_token() not in log.read_text()


def test_a_laptop_watches_with_a_token_to_read(task: Task, port: int, tmp_path: Path) -> None:
    token = hpogrid("serve", "tokens", "create", "laptop").stdout.strip()
    laptop = {"HPOGRID_HOME": str(tmp_path / "laptop"), "HPOGRID_TOKEN": token}
    url = f"http://127.0.0.1:{port}"
    spec = JobSpec(0, task.seed, task.ledgers, tmp_path / "trials", False, 1)
    run = Run(task.read_project(), spec)
    evaluate(run)
    run.close()
    run.hand_over()
    shown = hpogrid("tasks", "show", "--server", url, "--format", "json", **laptop)
    assert shown.returncode == 0, shown.stderr
    assert [row["project"] for row in json.loads(shown.stdout)] == [task.project]
    report = hpogrid("report", task.project, "--server", url, "--format", "json", **laptop)
    assert report.returncode == 0, report.stderr
    assert [row["state"] for row in json.loads(report.stdout)] == ["complete"]
    wrong = hpogrid("tasks", "show", "--server", url, **{**laptop, "HPOGRID_TOKEN": "x" * 43})
    assert wrong.returncode != 0
    assert token not in shown.stderr + report.stdout + report.stderr + wrong.stderr

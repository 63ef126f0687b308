"""Searches that grow, lose nodes, run out of time and move between real clusters."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engines.boot import pull_the_plug, running_slurm
from tests.engines.cluster import LARGE_SPACE, User, ended, hpogrid, hurry_slurm, wait_until

pytestmark = pytest.mark.engine


@pytest.fixture
def slurm() -> Iterator[Path]:
    """A Slurm of two nodes."""
    with running_slurm(nodes=2) as folder:
        yield folder


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return User(tmp_path / "home")


def told(*words: str) -> list[list[str]]:
    """What a command of Slurm prints, in words."""
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return [line.split() for line in done.stdout.splitlines()]


def to_the_end(user: User, task: str, seconds: float, look: Callable[[], None]) -> list[str]:
    """The states of a task's jobs when none waits or runs any more."""
    deadline = time.monotonic() + seconds
    while not ended(states := [state for state, _ in user.jobs(task)]):
        assert time.monotonic() < deadline, user.jobs(task)
        look()
        time.sleep(1)
    return states


def check_budget(user: User, each: int, jobs: int) -> None:
    """Every job has done its part exactly, no point twice, and all in one report."""
    rows = user.report()
    assert Counter(row["trial"].partition("-")[0] for row in rows) == {
        str(job): each for job in range(jobs)
    }
    assert len({(row["a"], row["b"]) for row in rows}) == each * jobs


def test_a_search_grows_loses_a_node_and_runs_out_of_time(slurm: Path, user: User) -> None:
    grid = "--walltime 15s --max_attempts 20"
    user.make(site="slurm", trials=80, space=LARGE_SPACE, grid=grid)
    task = user.submit(2)
    wait_until(user.trace)
    hpogrid("tasks", "add", task, "--n_jobs", "4")
    hpogrid("tasks", "extend", task, "--trials", "10")
    on_second = ["squeue", "--noheader", "--array", "--nodelist=n2", "--states=R", "--format=%A"]
    wait_until(lambda: told(*on_second))
    time.sleep(5)
    pull_the_plug(slurm, "n2")
    assert to_the_end(user, task, 500, hurry_slurm) == ["done"] * 6, user.jobs(task)
    ledgers = user.home / f"tasks/{task}/ledger"
    assert all((ledgers / f"job-{job:04d}.003.jsonl").exists() for job in (0, 1))
    ends = [path.read_text().splitlines()[-1] for path in ledgers.glob("*.jsonl")]
    assert not [end for end in ends if "interrupted" in end], "one that went on ended others"
    check_budget(user, 90, 6)


def test_a_search_moves_from_cluster_to_cluster(slurm: Path, sge: None, user: User) -> None:
    user.make(site="local", trials=60, space=LARGE_SPACE)
    task = user.submit(2)
    for site in ("slurm", "sge"):
        user.wait(task, lambda states: len(user.trace()) >= 10)
        assert user.wait(task, lambda states: "running" in states)
        (user.switches / "trace").write_text("")
        hpogrid("tasks", "move", task, "--site", site)
    assert to_the_end(user, task, 200, lambda: None) == ["done"] * 2, user.jobs(task)
    check_budget(user, 60, 2)
    assert site in hpogrid("tasks", "show", task)

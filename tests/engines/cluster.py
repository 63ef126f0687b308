"""What has to hold on every batch cluster, as its user does it: through the program."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

TRAIN = '''
import os
import time
from pathlib import Path

SWITCHES = Path(os.environ["HPOGRID_HOME"]) / "switches"

def train(config):
    """One trial; leaves a line with its job and when it began and ended."""
    begun, job = time.time(), os.environ.get("HPOGRID_JOB", "0")  # not on this machine
    if (SWITCHES / f"dies-{job}").exists():
        guard = Path(f"/proc/{os.getppid()}/stat").read_text()
        os.kill(int(guard.rpartition(")")[2].split()[1]), 9)  # the driver
    if (SWITCHES / f"hangs-{job}").exists():
        time.sleep(300)
    time.sleep(0.3)
    (SWITCHES / "folder").write_text(os.getcwd())
    with (SWITCHES / "trace").open("a") as trace:
        print(job, config["a"], config["b"], begun, time.time(), file=trace, flush=True)
    return {"loss": (config["a"] - 3) ** 2 + config["b"]}
'''

SPACE = {
    "a": {"method": "categorical", "dimension": {"categories": list(range(8))}},
    "b": {"method": "categorical", "dimension": {"categories": [0.0, 0.1, 0.2, 0.3, 0.4]}},
}


LARGE_SPACE = {
    name: {"method": "categorical", "dimension": {"categories": list(range(40))}} for name in "ab"
}


def hpogrid(*words: str, fails: bool = False) -> str:
    """Run the program; return its stdout (where it is to fail, its stderr)."""
    done = subprocess.run(
        [sys.executable, "-m", "hpogrid", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,  # JEDI looks for what there is to do once a minute
        check=False,
        umask=0,  # jobs may run as somebody else
    )
    assert (done.returncode != 0) == fails, f"hpogrid {words}:\n{done.stdout}\n{done.stderr}"
    return done.stderr if fails else done.stdout


def run(*words: str) -> None:
    """Run a command of an administrator."""
    subprocess.run(words, check=True, timeout=60)


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come so in time"
        time.sleep(0.2)


def hurry_slurm() -> None:
    """Slurm has a job that was queued again wait for two minutes: a few seconds do.

    Not none: what is started in the second in which it was ended, the node takes for what it has
    just ended (``Job credential revoked``), and that is the end of the job.
    """
    fields = "--Format=ArrayJobID:|,ArrayTaskID:|,EligibleTime:"
    look = ["squeue", "--noheader", "--array", "--states=PENDING", fields]
    waiting = subprocess.run(look, capture_output=True, text=True, check=True, timeout=60)
    soon = (datetime.now() + timedelta(seconds=10)).isoformat()
    for line in waiting.stdout.split():
        array, member, begins = line.split("|")
        if begins > soon:
            update = ["scontrol", "update", f"JobId={array}_{member}", "StartTime=now+5"]
            subprocess.run(update, check=False, capture_output=True, timeout=60)


class User:
    """Somebody with a user directory that the jobs see."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.switches = home / "switches"
        before = os.umask(0)  # jobs may run as somebody else
        self.switches.mkdir(parents=True, mode=0o777)
        (self.switches / "trace").touch()
        os.umask(before)

    def make(self, *, site: str, trials: int = 6, space: Any = SPACE, grid: str = "") -> None:
        """The four configs and the project ``p``."""
        script = self.home / "train.py"
        script.write_text(TRAIN)
        hpogrid("search_space", "create", "s", json.dumps(space))
        hpogrid("model_config", "create", "m", "--script", "train.py", "--model", "train")
        hpogrid("hpo_config", "create", "h", "--metric", "loss", "--mode", "min",
                "--trials", str(trials), "--max_concurrent", "1")  # fmt: skip
        hpogrid("grid_config", "create", "g", "--site", site, *grid.split())
        hpogrid("project", "create", "p", "--scripts_path", str(script), "--model_config", "m",
                "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip

    def submit(self, n_jobs: int) -> str:
        """Submit the project; return the task's id."""
        return hpogrid("run", "p", "--n_jobs", str(n_jobs)).strip()

    def turn(self, switch: str, on: bool) -> None:
        """Have jobs misbehave, or no longer."""
        path = self.switches / switch
        path.touch() if on else path.unlink()

    def jobs(self, task: str) -> list[tuple[str, str]]:
        """State and reason of each job, as ``tasks show`` tells them."""
        lines = hpogrid("tasks", "show", task).split("\n\n")[1].splitlines()[1:]
        rows = [line.split(maxsplit=2) for line in lines if line]
        return [(row[1], row[2] if len(row) > 2 else "") for row in rows]

    def wait(
        self, task: str, wanted: Callable[[list[str]], bool], seconds: float = 90
    ) -> list[str]:
        """Look until the jobs' states are as wanted."""
        end = time.monotonic() + seconds
        while True:
            states = [state for state, _ in self.jobs(task)]
            if wanted(states):
                return states
            if time.monotonic() > end:
                raise AssertionError(f"{self.jobs(task)}\n{hpogrid('tasks', 'logs', task)}")
            time.sleep(1)

    def trace(self) -> list[dict[str, float]]:
        """The trials that really ran to their end."""
        names = ("job", "a", "b", "begun", "ended")
        lines = (self.switches / "trace").read_text().splitlines()
        return [dict(zip(names, map(float, line.split()), strict=True)) for line in lines]

    def report(self) -> list[dict[str, str]]:
        """The rows of ``hpogrid report --to_csv`` of trials that have a result."""
        hpogrid("report", "p", "--to_csv", "--outname", str(self.home / "result"))
        with (self.home / "result.csv").open() as stream:
            return [row for row in csv.DictReader(stream) if row["loss"]]


def ended(states: list[str]) -> bool:
    return all(state in ("done", "unfinished", "failed", "killed", "lost") for state in states)


def at_once(trace: list[dict[str, float]]) -> int:
    """How many trials ran at the same time, at most."""
    return max(
        sum(other["begun"] <= row["begun"] < other["ended"] for other in trace) for row in trace
    )


class ArrayContract:
    """One array, from its submission to the report. Subclass it with a ``user`` fixture."""

    site: str
    grid = ""
    died: str
    """What the reason of a job is that was killed by signal 9."""

    @pytest.fixture
    def user(self) -> User:
        raise NotImplementedError

    def test_life_of_an_array(self, user: User) -> None:
        user.make(site=self.site, grid=f"--max_jobs 2 {self.grid}")
        user.turn("dies-1", True)
        user.turn("hangs-3", True)
        task = user.submit(4)
        user.wait(task, lambda states: states == ["done", "failed", "done", "running"])
        assert user.jobs(task)[1][1] == self.died
        hpogrid("tasks", "kill", task)
        user.wait(task, ended)
        states = [state for state, _ in user.jobs(task)]
        assert states == ["done", "failed", "done", "killed"]

        user.turn("dies-1", False)
        user.turn("hangs-3", False)
        before = user.trace()
        hpogrid("tasks", "retry", task)
        assert user.wait(task, ended) == ["done"] * 4
        after = user.trace()
        assert {row["job"] for row in after[len(before) :]} == {1, 3}

        assert at_once(after) == 2
        assert "6 trials finished" in hpogrid("tasks", "logs", task, "--job", "2")
        points = [(row["a"], row["b"]) for row in after]
        assert len(points) == len(set(points)) == 24, after  # one search: no point twice
        rows = user.report()
        reported = sorted((float(row["a"]), float(row["b"])) for row in rows)
        assert reported == sorted(points)  # every finished trial exactly once


class ClusterContract(ArrayContract):
    """What else has to hold on a cluster."""

    def test_refused_submission(self, user: User) -> None:
        user.make(site=self.site, grid=self.grid)
        hpogrid("grid_config", "recreate", "g", "--site", self.site, "--extra", self.refused)
        hpogrid("project", "update", "p", "--grid_config", "g")
        told = hpogrid("run", "p", fails=True)
        assert self.refusal in told
        assert "jeditaskid" in hpogrid("tasks", "show")  # and nothing else
        assert "hpogrid.p" not in hpogrid("tasks", "show")

    def test_held_job_says_so_and_can_be_killed(self, user: User) -> None:
        user.make(site=self.site, trials=1)
        hpogrid("grid_config", "recreate", "g", "--site", self.site, "--extra", self.held)
        hpogrid("project", "update", "p", "--grid_config", "g")
        task = user.submit(1)
        wait_until(lambda: user.jobs(task)[0][1].startswith("held"))
        assert user.jobs(task)[0][0] == "queued"
        hpogrid("tasks", "kill", task)
        assert user.wait(task, ended) == ["killed"]

    def test_time_limit(self, user: User) -> None:
        """Nobody told hpogrid of the limit: the job asks its batch system."""
        user.make(site=self.site, trials=500, space=LARGE_SPACE)
        hpogrid("grid_config", "recreate", "g", "--site", self.site, "--extra", self.limited)
        hpogrid("project", "update", "p", "--grid_config", "g")
        user.turn("hangs-1", True)
        task = user.submit(2)
        assert user.wait(task, ended, 150) == ["unfinished", "unfinished"]
        first, second = (reason.partition(";")[0] for _, reason in user.jobs(task))
        assert first in (
            "no further trial could finish before the job's end",
            "the time of the job is up",
        )
        assert second == "the time of the job is up"
        trace = user.trace()
        assert len(trace) >= 5
        reported = sorted((float(row["a"]), float(row["b"])) for row in user.report())
        assert reported == sorted((row["a"], row["b"]) for row in trace)

    def test_requeued_job_continues(self, user: User) -> None:
        user.make(site=self.site, trials=6, grid=self.grid)
        user.turn("hangs-0", True)
        task = user.submit(1)
        user.wait(task, lambda states: states == ["running"])
        wait_until(lambda: list(user.home.glob("tasks/1/ledger/job-0000.001.jsonl")))
        user.turn("hangs-0", False)
        native = json.loads((user.home / "tasks/1/task.json").read_text())["native"]
        self.requeue(native["arrays"][0]["id"])
        wait_until(lambda: list(user.home.glob("tasks/1/ledger/job-0000.002.jsonl")), 200)
        assert user.wait(task, ended) == ["done"]
        assert len(user.report()) == len(user.trace()) == 6
        assert {row["job"] for row in user.trace()} == {0}

    def test_a_search_goes_on_by_itself_and_grows_while_it_runs(self, user: User) -> None:
        """Jobs run into their time limit, others are added, and the budget is met exactly."""
        user.make(site=self.site, trials=60, space=LARGE_SPACE, grid=self.grid)
        hpogrid("grid_config", "recreate", "g", "--site", self.site, "--walltime", "20s",
                "--max_attempts", "9", *self.grid.split())  # fmt: skip
        hpogrid("project", "update", "p", "--grid_config", "g")
        task = user.submit(1)
        user.wait(task, lambda states: bool(user.trace()))
        hpogrid("tasks", "add", task, "--n_jobs", "1")
        deadline = time.monotonic() + 300
        while not ended(states := [state for state, _ in user.jobs(task)]):
            assert time.monotonic() < deadline, user.jobs(task)
            self.hurry(user, task)
            time.sleep(2)
        assert states == ["done", "done"], user.jobs(task)
        for job in range(2):
            assert (user.home / f"tasks/{task}/ledger/job-{job:04d}.002.jsonl").exists()
        points = [(row["a"], row["b"]) for row in user.trace()]
        assert len(user.report()) == 120
        assert len(set(points)) == 120

    def hurry(self, user: User, task: str) -> None:
        """Let jobs that were queued again begin at once, where the cluster would have them wait."""

    limited: str
    """Native options (JSON) for a time limit of 30 to 60 seconds."""

    def requeue(self, array: str) -> None:
        """Have the first member of an array requeued, as an administrator or a fault does it."""
        raise NotImplementedError

    held: str
    """Native options (JSON) with which a job waits until it is released."""
    refused: str
    """Native options (JSON) that the scheduler refuses."""
    refusal: str
    """What it says then."""

"""Slurm of other Debian releases, in root filesystems of their own, with and without its record."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import slurm_of
from tests.engines.cluster import User, ended, hpogrid, run, wait_until
from tests.engines.test_slurm import SlurmContract

pytestmark = pytest.mark.engine


@pytest.fixture(scope="class")
def newer_slurm() -> Iterator[None]:
    """That of Debian 13, which keeps a record."""
    with slurm_of("trixie", accounting=True):
        yield


class TestNewerSlurm(SlurmContract):
    """The one of Debian 13."""

    @pytest.fixture
    def user(self, newer_slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
        monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
        return User(tmp_path / "home")

    def test_its_version_is_one_of_those_that_are_tested(self, user: User) -> None:
        user.make(site=self.site)
        assert "Slurm 24.11" in (told := hpogrid("check", "p"))
        assert "tested with: 22.05, 24.11" in told


@pytest.fixture
def somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return User(tmp_path / "home")


def queue(*words: str) -> list[str]:
    """What ``squeue`` has of all arrays' members."""
    command = ["squeue", "--noheader", "--array", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("suite", "accounting"), [("bookworm", True), ("trixie", True), ("trixie", False)]
)
def test_an_end_that_slurm_itself_has_forgotten(
    somebody: User, suite: str, accounting: bool
) -> None:
    """Nobody looked for longer than MinJobAge: only the record tells, where there is one."""
    with slurm_of(suite, accounting=accounting, MIN_JOB_AGE="2"):
        somebody.make(site="slurm", trials=1)
        somebody.turn("dies-1", True)
        somebody.turn("hangs-2", True)
        task = somebody.submit(3)
        wait_until(lambda: queue("--states=RUNNING", "--format=%K") == ["3"])
        array = queue("--format=%F")[0]
        run("scancel", "--signal=KILL", "--full", f"{array}_3")
        wait_until(lambda: not queue("--states=all"), 200)
        if accounting:
            assert somebody.jobs(task) == [
                ("done", "the only trial is done"),
                ("failed", "killed by signal 9"),
                ("killed", "cancelled"),
            ]
        else:
            states = somebody.wait(task, ended)
            assert states[1] == "lost"
            assert states[2] in ("lost", "killed"), "it may have told before it was killed"
            assert somebody.jobs(task)[1][1] == (
                "Slurm knows no such job any more; how it ended cannot be read: 'sacct' said: "
                "Slurm accounting storage is disabled"
            )


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_more_jobs_than_an_array_and_a_user_may_have(somebody: User, suite: str) -> None:
    with slurm_of(suite, accounting=True, MAX_ARRAY_SIZE="4"):
        run("sacctmgr", "--immediate", "modify", "user", "root", "set", "MaxSubmitJobs=5")
        somebody.make(site="slurm", trials=1)
        somebody.turn("hangs-0", True)
        task = somebody.submit(8)
        waiting = [reason for state, reason in somebody.jobs(task) if "to be submitted" in reason]
        assert (
            waiting
            == [
                "waiting to be submitted: Slurm refused the job: sbatch: error: "
                "AssocMaxSubmitJobLimit sbatch: error: Batch job submission failed: Job violates "
                "accounting/QOS policy (job submit limit, user's size and/or time limits)"
            ]
            * 3
        )
        arrays = json.loads((somebody.home / f"tasks/{task}/task.json").read_text())["native"]
        assert arrays["arrays"][0]["lowest"] == 0  # or it could not have four
        wait_until(lambda: len(somebody.trace()) == 7)  # nobody looks: jobs that end submit others
        assert somebody.wait(task, lambda states: states[1:] == ["done"] * 7)[0] == "running"
        hpogrid("tasks", "kill", task)
        assert somebody.wait(task, ended) == ["killed"] + ["done"] * 7
        assert sorted(row["job"] for row in somebody.trace()) == list(range(1, 8))

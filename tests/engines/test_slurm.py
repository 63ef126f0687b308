"""A real Slurm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import running_slurm
from tests.engines.cluster import ArrayContract, ClusterContract, User, ended, hurry_slurm, run

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    with running_slurm():
        yield


class SlurmContract(ClusterContract):
    site = "slurm"
    died = "killed by signal 9"
    limited = '{"time": "1"}'
    held = '{"hold": true}'
    refused = '{"partition": "nosuch"}'
    refusal = "Slurm refused the job: sbatch: error: invalid partition specified: nosuch"

    def requeue(self, array: str) -> None:
        member = f"{array}_1"
        run("scontrol", "requeue", member)
        time.sleep(8)  # Slurm would let it wait for two minutes
        run("scontrol", "update", f"JobId={member}", "StartTime=now")

    def hurry(self, user: User, task: str) -> None:
        hurry_slurm()


class TestSlurm(SlurmContract):
    """The one of this machine."""

    @pytest.fixture
    def user(self, slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
        monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
        return User(tmp_path / "home")


class TestSlurmInContainer(ArrayContract):
    """The same in an image, which has its own Python and a copy of hpogrid."""

    site = "slurm"
    died = "killed by signal 9"

    @pytest.fixture
    def user(
        self, image: Path, slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> User:
        monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
        self.grid = f"--container {image}"
        return User(tmp_path / "home")

    def test_working_directory(self, user: User) -> None:
        user.make(site=self.site, trials=1, grid=self.grid)
        user.wait(user.submit(1), ended)
        own = user.home / "tasks/1/jobs/0/trials/0-1/work"
        assert (user.switches / "folder").read_text() == str(own)

"""A real Slurm."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.site.container import PROJECT
from tests.engines.boot import engine, environment, open_folder
from tests.engines.cluster import ArrayContract, ClusterContract, User, ended, run, wait_until
from tests.projects import alive, children

pytestmark = pytest.mark.engine


def processes() -> list[int]:
    """All processes of this machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command(pid: int) -> bytes:
    """The command line of a process; nothing once it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    with (
        open_folder("slurm") as folder,
        engine("slurm", folder) as conf,
        environment(SLURM_CONF=conf),
    ):
        yield


class TestSlurm(ClusterContract):
    site = "slurm"
    died = "killed by signal 9"
    limited = '{"time": "1"}'
    held = '{"hold": true}'
    refused = '{"partition": "nosuch"}'
    refusal = "Slurm refused the job: sbatch: error: invalid partition specified: nosuch"

    def requeue(self, array: str) -> None:
        """The node dies with all that runs on it, and comes back."""
        folder = Path(os.environ["SLURM_CONF"]).parent
        node = socket.gethostname().partition(".")[0]
        daemon = int((folder / "slurmd.pid").read_text())
        steps = [pid for pid in processes() if command(pid).startswith(b"slurmstepd")]
        doomed = [daemon, *steps, *(child for step in steps for child in children(step))]
        assert len(doomed) > 3, "the job does not run below Slurm's own process"
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, doomed)))
        run("scontrol", "update", f"nodename={node}", "state=down", "reason=died")
        run("slurmd", "-f", str(folder / "slurm.conf"))
        wait_until((folder / "slurmd.pid").exists)
        run("scontrol", "update", f"nodename={node}", "state=resume")
        time.sleep(2)  # Slurm still ends the job that was there
        run("scontrol", "update", f"JobId={array}_1", "StartTime=now")

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
        assert (user.switches / "folder").read_text() == PROJECT

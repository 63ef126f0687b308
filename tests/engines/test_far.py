"""A Slurm on another machine, from a machine that has none: by a real sshd."""

from __future__ import annotations

import concurrent.futures
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.ssh import CONFIG
from tests.engines.boot import environment, running_slurm
from tests.engines.cluster import ArrayContract, User, ended, hpogrid, wait_until
from tests.site.test_far import end_connection
from tests.study.services import ssh_server

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def login_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The host ``far``, on which alone Slurm answers; gives the folder of its state."""
    folder = tmp_path_factory.mktemp("sshd")
    with running_slurm():
        conf = os.environ.pop("SLURM_CONF")
        with ssh_server(folder, SLURM_CONF=conf), environment(**{CONFIG: f"{folder}/config"}):
            yield Path(conf).parent
            end_connection("far")
        os.environ["SLURM_CONF"] = conf


class TestSlurmFromAfar(ArrayContract):
    """Its life, and what a user of the laptop sees of it."""

    site = "slurm"
    died = "killed by signal 9"

    @pytest.fixture
    def user(self, login_node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
        monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
        user = User(tmp_path / "home")
        away = tmp_path / "away"
        away.mkdir()
        (away / "switches").symlink_to(user.switches)
        self.grid = f"--host far:{away}"
        return user

    def test_it_is_slurm_that_refuses(self, user: User) -> None:
        user.make(site=self.site, grid=self.grid)
        hpogrid("grid_config", "update", "g", "--extra", '{"partition": "nosuch"}')
        hpogrid("project", "update", "p", "--grid_config", "g")
        told = hpogrid("run", "p", fails=True)
        assert "far: Slurm refused the job: sbatch: error: invalid partition" in told
        assert "hpogrid.p" not in hpogrid("tasks", "show")

    def test_it_goes_from_a_batch_system_to_the_machine_itself(self, user: User) -> None:
        user.make(site=self.site, trials=4, grid=f"{self.grid} --setup true")  # names the job
        user.turn("hangs-0", True)
        task = user.submit(1)
        user.wait(task, lambda states: states == ["running"])
        user.turn("hangs-0", False)
        hpogrid("tasks", "move", task, "--site", f"{self.grid.split()[1]}:local")
        assert user.wait(task, ended) == ["done"]
        assert len(user.report()) == 4
        hpogrid("tasks", "logs", task, "--trial", "0-2")

    def test_a_connection_that_breaks_in_a_submission_loses_no_job(
        self, user: User, login_node: Path
    ) -> None:
        user.make(site=self.site, trials=2, grid=self.grid)
        away = Path(self.grid.split(":")[1])
        controller = int((login_node / "slurmctld.pid").read_text())
        with concurrent.futures.ThreadPoolExecutor() as threads:
            os.kill(controller, signal.SIGSTOP)
            try:
                told = threads.submit(hpogrid, "run", "p", fails=True)
                wait_until(lambda: list(away.glob("tasks/1/batch/001/job.sh")))
                end_connection("far")
                assert (
                    "it is not known whether the jobs were started: ssh to far: " in told.result()
                )
            finally:
                os.kill(controller, signal.SIGCONT)
        assert user.wait("1", ended) == ["done"]
        assert len(user.report()) == len(user.trace()) == 2
        assert len(list((away / "tasks").iterdir())) == 1

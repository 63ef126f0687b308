"""A Slurm on another machine, from a machine that has none: by a real sshd."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.ssh import CONFIG
from tests.engines.boot import environment, running_slurm
from tests.engines.cluster import ArrayContract, User, ended, hpogrid
from tests.site.test_far import end_connection
from tests.study.services import ssh_server

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def login_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The host ``far``, on which alone Slurm answers."""
    folder = tmp_path_factory.mktemp("sshd")
    with running_slurm():
        conf = os.environ.pop("SLURM_CONF")
        with ssh_server(folder, SLURM_CONF=conf), environment(**{CONFIG: f"{folder}/config"}):
            yield
            end_connection("far")
        os.environ["SLURM_CONF"] = conf


class TestSlurmFromAfar(ArrayContract):
    """Its life, and what a user of the laptop sees of it."""

    site = "slurm"
    died = "killed by signal 9"

    @pytest.fixture
    def user(self, login_node: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
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

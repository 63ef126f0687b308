"""Jobs of this machine in a real Apptainer, in the image of ``docker/hpogrid.def``."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.site import control, processes
from hpogrid.site.tasks import Task
from hpogrid.trial.lifeline import kill_session
from tests.engines.cluster import hpogrid
from tests.projects import alive, children, store_project, wait_for
from tests.site.contract import SiteContract

pytestmark = pytest.mark.engine

LOOKS = """
import json, os, sys
from pathlib import Path
import hpogrid
import data.numbers as numbers

def train(config):
    found = {
        "cwd": os.getcwd(), "python": sys.prefix, "hpogrid": hpogrid.__file__,
        "input": Path("input.txt").read_text(), "here": Path("/elsewhere/f").read_text(),
        "job": os.environ["HPOGRID_JOB"], "debian": Path("/etc/debian_version").read_text(),
        "number": numbers.NUMBER,
    }
    Path(config["out"]).write_text(json.dumps(found))
    return config["x"]
"""


@pytest.fixture(autouse=True)
def enough_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")


class TestLocalInContainer(SiteContract):
    """The contract of a site; jobs have the image's Python and the hpogrid that came along."""

    site = "local"

    @pytest.fixture(autouse=True)
    def in_the_image(self, image: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(TestLocalInContainer, "grid", {"container": str(image)})
        self.killed: list[int] = []
        yield
        for pid in self.killed:
            kill_session(pid)  # what mounted the image outlives an Apptainer that is killed

    def vanish(self, task: Task, job: int) -> None:
        pid: int = wait_for(lambda: processes.holder(task.job_folder(job) / "job.lock")).pid
        self.killed.append(pid)
        below = children(pid)
        os.kill(pid, signal.SIGKILL)
        programs = [child for child in below if b"squashfuse" not in command(child)]
        assert programs
        wait_for(lambda: not any(map(alive, programs)))


def command(pid: int) -> bytes:
    """The command line of a process; nothing once it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def test_what_a_trial_sees(image: Path, home: Path, tmp_path: Path) -> None:
    """Also scripts whose names are those of modules that hpogrid needs."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "input.txt").write_text("input")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "f").write_text("bound")
    home.mkdir()
    store_project(
        LOOKS, trials=1, param={"out": str(tmp_path / "more" / "out")},
        files={"data/numbers.py": "NUMBER = 7\n", "selectors.py": "raise SystemExit('mine')\n"},
        grid={
            "site": "local", "container": str(image), "inDS": str(tmp_path / "in"),
            "container_binds": f"{tmp_path}/more:/elsewhere,{tmp_path}/more",
        },
    )  # fmt: skip
    task = control.submit("p", site=None, n_jobs=1)
    wait_for(lambda: not control.overview([task])[0].active, 60)
    (job,) = control.overview([task])[0].jobs
    assert job.state == "done", control.read_logs(task.id, 0, None)
    found = json.loads((tmp_path / "more" / "out").read_text())
    (lib,) = home.glob("carried/*/lib")
    assert found == {
        "cwd": str(task.job_folder(0) / "trials/0-1/work"), "python": "/opt/hpogrid",
        "input": "input", "here": "bound",
        "job": "0", "debian": found["debian"], "number": 7,
        "hpogrid": f"{lib}/hpogrid/__init__.py",
    }  # fmt: skip


def test_dry_run_shows_the_script(image: Path, home: Path) -> None:
    home.mkdir()
    store_project(trials=1, grid={"site": "local", "container": str(image)})
    text = hpogrid("run", "p", "--dry_run")
    assert "local.sh:" in text
    assert f"--pwd=/ $gpu {image} sh {home}/carried/" in text
    assert not list(home.glob("tasks/*"))


def test_an_image_that_has_gone_is_noticed_before_a_retry(image: Path, home: Path) -> None:
    home.mkdir()
    link = home / "image.sif"
    link.symlink_to(image)
    store_project("raise SystemExit(3)\n", grid={"site": "local", "container": str(link)})
    task = control.submit("p", site=None, n_jobs=1)
    wait_for(lambda: not control.overview([task])[0].active, 60)
    link.unlink()
    with pytest.raises(UserError, match="there is no image"):
        control.retry(task)
    assert control.retryable(task) == [0]

"""PSI/J for real, in an environment of its own: its own local executor, and a real Slurm."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hpogrid.errors import RunError
from hpogrid.registry import Entry
from hpogrid.site import SITES, control
from hpogrid.site.arrays import arrays_of
from hpogrid.site.batch import BatchSite
from hpogrid.site.psij import PYTHON, Psij
from hpogrid.site.tasks import Task, find_tasks
from tests.docs.pages import ROOT
from tests.docs.shells import copy_checkout
from tests.engines.boot import environment, open_folder, running_slurm
from tests.projects import alive, children, store_project, wait_for
from tests.site.contract import TRAIN, SiteContract

pytestmark = pytest.mark.engine


class Local(Psij):
    """PSI/J's executor for this machine, which is there for tests."""

    name = "psij-local"
    label = "PSI/J"
    executor = "local"


class ViaSlurm(Psij):
    """A Slurm cluster, by PSI/J."""

    name = "psij-slurm"
    label = "Slurm"
    executor = "slurm"
    cores = "cores"

    def _custom(self, name: str) -> bool:
        return name.startswith("slurm.")


def local() -> BatchSite:
    return BatchSite(Local())


def slurm() -> BatchSite:
    return BatchSite(ViaSlurm())


@pytest.fixture(scope="module")
def python() -> Iterator[None]:
    """An environment with the extra ``psij``, made as the documentation says."""
    with open_folder("psij") as folder:
        checkout = copy_checkout(folder / "checkout")
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        program = folder / "venv" / "bin" / "python"
        pip = [str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run([*pip, f"{checkout}[psij]"], check=True, timeout=300, env=clean)
        with environment(**{PYTHON: str(program)}):
            yield


@pytest.fixture(autouse=True)
def sites(python: None, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {
        "psij-local": Entry("tests.engines.test_psij:local", "for tests"),
        "psij-slurm": Entry("tests.engines.test_psij:slurm", "for tests"),
    }
    monkeypatch.setattr(SITES, "_entries", {**SITES._entries, **entries})
    monkeypatch.setattr("hpogrid.site.states._GRACE_SECONDS", 2.0)
    monkeypatch.delenv("PYTHONPATH", raising=False)


class PsijContract(SiteContract):
    grid: ClassVar[dict[str, Any]] = {"walltime": "10m"}
    patience = 120.0

    def script_of(self, task: Task, job: int) -> int:
        """The process of a job: what its script has become."""
        (array,) = [array for array in arrays_of(task) if job in array.jobs][-1:]
        words = f"hpogrid_job.py\0--task\0{task.folder}\0{array.jobs[0]}\0".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and words in (entry / "cmdline").read_bytes():
                    return int(entry.name)
        raise AssertionError("the job does not run")

    def vanish(self, task: Task, job: int) -> None:
        pid = self.script_of(task, job)
        below = children(pid)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(map(alive, [pid, *below])))


class TestPsijLocal(PsijContract):
    site = "psij-local"


@pytest.fixture(scope="class")
def slurm_runs() -> Iterator[None]:
    with running_slurm():
        yield


@pytest.mark.usefixtures("slurm_runs")
class TestPsijSlurm(PsijContract):
    site = "psij-slurm"

    def test_refusal_and_native_options(self) -> None:
        store_project(
            TRAIN, grid={"site": self.site, "walltime": "1h", "extra": {"queue_name": "nosuch"}}
        )
        with pytest.raises(RunError, match=r"Slurm refused the job: .*invalid partition specified"):
            control.submit("p", site=None, n_jobs=2)
        assert find_tasks() == []


def test_cluster_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    store_project(TRAIN, grid={"site": "lsf", "walltime": "1h"})
    with pytest.raises(RunError, match="LSF refused the job: there is no 'bsub' on the PATH"):
        control.submit("p", site=None, n_jobs=2)
    assert find_tasks() == []
    monkeypatch.setenv(PYTHON, sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(RunError, match=r"site lsf needs psij: pip install 'hpogrid\[psij\]'"):
        control.submit("p", site=None, n_jobs=2)

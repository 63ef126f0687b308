"""Jobs of this machine by podman and charliecloud, in the image of ``docker/`` as a folder."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.site import control
from hpogrid.site.tasks import find_tasks
from tests.engines.boot import environment, open_folder
from tests.engines.cluster import hpogrid
from tests.projects import store_project, wait_for

pytestmark = pytest.mark.engine

LOOKS = """
import json, os, sys
from pathlib import Path

def train(config):
    found = {"cwd": os.getcwd(), "python": sys.prefix, "mine": Path("train.py").exists()}
    Path(config["out"]).write_text(json.dumps(found))
    return config["x"]
"""

CONF = """
[containers]
cgroups = "disabled"
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]
[engine]
runtime = "crun"
events_logger = "file"
"""
"""podman would raise the limits to its own, which not every root may do."""
PROCESSES = 4096
"""So few that every process of these tests may set that limit."""
STORAGE = '[storage]\ndriver="vfs"\ngraphroot="{0}/graph"\nrunroot="{0}/run"\n'
ALONE = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh"]
"""podman wants cgroups, or none at all to be seen; there may be some that it cannot use."""


@pytest.fixture(scope="module")
def sandbox(image: Path) -> Iterator[Path]:
    """The image as a folder, and what podman needs where there are no cgroups."""
    with open_folder("sandbox") as folder:
        build = ["apptainer", "build", "--sandbox", str(folder / "image"), str(image)]
        subprocess.run(["unshare", "--user", "--map-root-user", *build], check=True, timeout=300)
        limits = {
            "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "nproc": min(resource.getrlimit(resource.RLIMIT_NPROC)[1], PROCESSES),
        }
        (folder / "containers.conf").write_text(CONF.format(**limits))
        (folder / "storage.conf").write_text(STORAGE.format(folder))
        with environment(
            CONTAINERS_CONF=str(folder / "containers.conf"),
            CONTAINERS_STORAGE_CONF=str(folder / "storage.conf"),
        ):
            yield folder / "image"


@pytest.mark.parametrize("runtime", ["podman", "charliecloud"])
def test_a_job_runs_in_the_image(runtime: str, sandbox: Path, home: Path) -> None:
    program = {"podman": "podman", "charliecloud": "ch-run"}[runtime]
    assert shutil.which(program), f"no {program}: apt-get install podman crun charliecloud"
    home.mkdir()
    (home / "out").mkdir()
    store_project(
        LOOKS, trials=2, param={"out": f"{home}/out/seen"},
        grid={
            "site": "local", "container": str(sandbox), "container_runtime": runtime,
            "container_binds": f"{home}/out",
        },
    )  # fmt: skip
    submit(ALONE if runtime == "podman" else [])
    (task,) = find_tasks()
    wait_for(lambda: not control.overview([task])[0].active, 60)
    (job,) = control.overview([task])[0].jobs
    assert job.reason == "all 2 trials are done", control.read_logs(task.id, 0, None)
    seen = json.loads((home / "out" / "seen").read_text())
    own = str(task.job_folder(0) / "trials/0-2/work")
    assert seen == {"cwd": own, "python": "/opt/hpogrid", "mine": True}
    assert "2 trials finished" in control.read_logs(task.id, 0, None)[0]


def submit(before: list[str]) -> None:
    """``hpogrid run p`` by way of another command."""
    if not before:
        hpogrid("run", "p")
        return
    words = [*before, shutil.which("python") or "python", "-m", "hpogrid", "run", "p"]
    subprocess.run(words, check=True, timeout=60, env=dict(os.environ))

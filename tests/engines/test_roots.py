"""Whole jobs in root filesystems of Debian: read-only, without a network, without packages."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from hpogrid.config.project import project_path
from hpogrid.job.settings import ENTRY, START, JobSettings
from hpogrid.site.panda.bundle import bundle_content, write_bundle
from hpogrid.study.metadata import METADATA
from tests.engines.boot import CACHE, HERE, root
from tests.projects import store_project

pytestmark = pytest.mark.engine

FUNCTION = """
import sys

def train(config):
    return sys.version_info[1] + 0 * config["x"]
"""

PROGRAM = """
import argparse
import sys

import hpogrid

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
x = parser.parse_args().x
with open("model", "w") as stream:
    stream.write(str(x))
if hpogrid.get_checkpoint() is None:
    with hpogrid.checkpoint() as folder:
        (folder / "model").write_text(str(x))
hpogrid.report(loss=sys.version_info[1] + 0 * x)
"""

OBJECTIVES = {"function": (FUNCTION, "train"), "program": (PROGRAM, None)}


def driver() -> Path:
    """A Python for hpogrid itself, to be seen as ``/opt``."""
    path = CACHE / "roots" / "driver"
    make = ["bash", str(HERE / "roots" / "driver.sh"), str(root("bookworm")), str(path), "/opt"]
    subprocess.run(make, check=True)
    return path


def job(suite: str, folder: Path, found: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The job of a bundle in the root of a Debian release."""
    archive = folder / "bundle.tgz"
    settings = JobSettings(name="user.me.t", seed=7, n_jobs=1)
    write_bundle(bundle_content(project_path("p"), settings), archive)
    with tarfile.open(archive) as stream:
        stream.extractall(folder / "job", filter="data")
    inside = ["bash", str(HERE / "roots" / "inside.sh"), str(root(suite)), str(folder / "job")]
    command = [*inside, str(found or ""), "sh", START, "python3", ENTRY, "--job", "1"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(("suite", "minor"), [("bullseye", 9), ("bookworm", 11), ("trixie", 13)])
def test_a_job(suite: str, minor: int, objective: str, tmp_path: Path) -> None:
    """Debian 11's own Python is too old for hpogrid: that has another one, and trials have it."""
    script, model = OBJECTIVES[objective]
    store_project(script, model=model)
    done = job(suite, tmp_path, driver() if minor < 11 else None)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "job" / METADATA).read_text())["result"]
    assert [row["loss"] for row in result.values()] == [minor] * 3


def test_no_python_that_is_new_enough(tmp_path: Path) -> None:
    store_project()
    done = job("bullseye", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("hpogrid: this image has Python 3.9 (/usr/bin/python3), and")
    assert done.stderr.count("\n") == 1

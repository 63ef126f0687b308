"""A real HTCondor pool. Its jobs run as www-data on a "node" with another Debian."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import engine, environment, open_folder
from tests.engines.cluster import ClusterContract, User, run

pytestmark = pytest.mark.engine


def python_of_this_test() -> list[str]:
    """The files and folders that make this Python, for the node to have them as well."""
    if sys.base_prefix == "/usr":
        base = [os.path.realpath(sys.executable), sysconfig.get_paths()["stdlib"]]
    else:
        base = [sys.base_prefix]
    return [*base, sys.prefix]


@pytest.fixture(scope="module")
def pool() -> Iterator[Path]:
    """The folder that submitters and jobs share."""
    with open_folder("condor-home") as shared, open_folder("condor") as folder:
        shared.chmod(0o777)
        with (
            engine("htcondor", folder, str(shared), *python_of_this_test(), seconds=900) as tools,
            environment(PATH=f"{tools}:{os.environ['PATH']}", LOGNAME="www-data"),
        ):
            yield shared


class TestHTCondor(ClusterContract):
    site = "htcondor"
    died = "killed by signal 9"
    limited = '{"allowed_job_duration": 30}'
    held = '{"hold": true}'
    refused = '{"requirements": "((("}'
    refusal = "HTCondor refused the job"

    def requeue(self, array: str) -> None:
        run("condor_vacate_job", f"{array}.0")

    @pytest.fixture
    def user(self, pool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
        home = pool / "home"
        monkeypatch.setenv("HPOGRID_HOME", str(home))
        yield User(home)
        shutil.rmtree(home)

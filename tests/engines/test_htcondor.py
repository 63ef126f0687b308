"""A real HTCondor pool. Its jobs run as www-data on a "node" with another Debian."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import engine, environment, open_folder, python_of_this_test
from tests.engines.cluster import ClusterContract, User, run

pytestmark = pytest.mark.engine


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

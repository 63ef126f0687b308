"""A real Grid Engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import engine, environment, open_folder
from tests.engines.cluster import ClusterContract, User, run

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def sge() -> Iterator[None]:
    with (
        open_folder("sge") as folder,
        engine("sge", folder) as root,
        environment(SGE_ROOT=root, SGE_CELL="default"),
    ):
        yield


class TestGridEngine(ClusterContract):
    site = "sge"
    died = "killed by signal 9"
    limited = '{"l": "h_rt=30"}'
    held = '{"h": true}'
    refused = '{"q": "nosuch.q"}'
    refusal = 'job requests unknown queue "nosuch.q"'

    def requeue(self, array: str) -> None:
        run("qmod", "-rj", f"{array}.1")

    @pytest.fixture
    def user(self, sge: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
        monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
        return User(tmp_path / "home")

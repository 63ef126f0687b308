"""A real Grid Engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.cluster import ClusterContract, User, run

pytestmark = pytest.mark.engine


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

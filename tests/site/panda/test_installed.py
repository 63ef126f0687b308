"""Releases of panda-client side by side: the one that fits is used, or it is said what is there.

The releases are the real ones, from the package registry.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.site.panda import installed
from hpogrid.site.panda.client import list_tasks
from hpogrid.site.panda.installed import Installed, clients, find_client
from tests.commands import hpogrid, ok
from tests.projects import store_project
from tests.site.panda.server import good, serve
from tests.site.panda.test_client import TOKEN, task

pytestmark = pytest.mark.engine

OLD = ("1.5.92", "1.7.6", "2.0.0")
NEW = ("2.1.0", "2.2.0")
GRID = {"site": "A"}


@pytest.fixture(scope="module", params=[*OLD, *NEW])
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A released client in a folder of its own."""
    folder = tmp_path_factory.mktemp(f"client-{request.param}")
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    command += ["--no-deps", "--target", str(folder), f"panda-client=={request.param}"]
    subprocess.run(command, check=True)
    return Installed(request.param, folder)


@pytest.fixture
def path(release: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``lsetup panda`` leaves it."""
    monkeypatch.setenv("PYTHONPATH", str(release.folder))
    monkeypatch.syspath_prepend(str(release.folder))


@pytest.fixture
def alone(path: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hpogrid has none of its own."""
    given = set(os.environ["PYTHONPATH"].split(os.pathsep))
    monkeypatch.setattr(
        installed, "clients", lambda: [c for c in clients() if str(c.folder) in given]
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with serve() as server:
        for name, value in server.environment(TOKEN).items():
            monkeypatch.setenv(name, value)
        server.answer = lambda endpoint, query: good(
            {} if query.get("min_task_id", "None") != "None" else {"1": task(1)}
        )
        yield


def test_ones_own_is_preferred(release: Installed, path: None, server: None) -> None:
    assert clients()[-1] == release
    assert find_client() != release
    store_project(grid=GRID)
    assert "  prun --outDS" in ok("run", "p", "--dry_run")
    assert [item.id for item in list_tasks(0.0)] == [1]
    checked = hpogrid("check").out
    assert f"not used: {release}" in " ".join(checked.split())


def test_where_there_is_no_other(release: Installed, alone: None, server: None) -> None:
    if release.release in OLD:
        with pytest.raises(UserError) as error:
            list_tasks(-1.0)
        assert str(error.value) == (
            f"the PanDA grid needs panda-client 2.1 or later, and here is {release}: "
            "pip install 'hpogrid[panda]'"
        )
        return
    assert find_client() == release
    assert [item.id for item in list_tasks(-1.0)] == [1]


def test_a_release_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pandaclient").mkdir()
    [found] = installed._in(tmp_path)
    assert not found.fits
    monkeypatch.setattr(installed, "clients", list)
    with pytest.raises(UserError, match=r"needs pandaclient: pip install"):
        find_client()

"""A second server site: one file and one registry line, and all commands know it."""

from __future__ import annotations

import pytest

from hpogrid.errors import UserError
from hpogrid.registry import Entry
from hpogrid.site import SITES, control, elastic
from hpogrid.site.choice import Filters
from tests.commands import ok
from tests.projects import RETURNS, store_project
from tests.site.serverside import ELSEWHERE


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry("tests.site.serverside:ServerSide", "for tests")
    monkeypatch.setattr(SITES, "_entries", {**SITES._entries, "cloud": entry})
    monkeypatch.setattr("tests.site.serverside.ELSEWHERE", {})


def test_what_users_do_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    project = store_project(RETURNS, grid={"site": "cloud"})
    plan = "\n".join(control.plan("p", site=None, n_jobs=2))
    assert "note: the cloud has no disk" in plan
    assert "bundle.tgz" in plan
    assert "cloud run hpogrid.p" in plan
    task = control.submit("p", site=None, n_jobs=2)
    assert control.overview([task])[0].status == "done"
    assert "all is well" in ok("tasks", "logs", str(task.id))
    assert "cloud" in ok("check", "p")
    with pytest.raises(UserError, match="have a copy of the task of their own"):
        elastic.extend(task, 5)
    monkeypatch.setitem(ELSEWHERE, 2_000_000, (project, "from another machine"))
    monkeypatch.setattr("tests.site.serverside.ELSEWHERE", ELSEWHERE)
    names = [item.task.name for item in control.survey(Filters()).found]
    assert sorted(names) == sorted([task.name, "from another machine"])
    assert control.any_task(2_000_000).name == "from another machine"

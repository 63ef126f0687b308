"""What a job does last, where it sees the folder of its task."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from hpogrid.job import here
from hpogrid.job.settings import ONWARD
from hpogrid.site.arrays import Waiting, keep
from hpogrid.site.tasks import new_task
from tests.projects import store_project


@pytest.mark.parametrize("waiting", [[], [1]])
def test_it_submits_others_if_some_wait(
    waiting: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = new_task(store_project(trials=1), site="local", n_jobs=2)
    keep(task, waiting=Waiting(jobs=waiting))
    monkeypatch.setenv(ONWARD, shlex.join(["touch", str(tmp_path / "onward")]))
    assert here.main(str(task.folder), "0") == 0
    assert (tmp_path / "onward").exists() == bool(waiting)

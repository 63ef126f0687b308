"""The bundle that goes with a task to PanDA."""

from __future__ import annotations

import filecmp
from pathlib import Path

import pytest

from hpogrid.config.project import project_path
from hpogrid.errors import UserError
from hpogrid.job.settings import ENTRY, JobSettings
from hpogrid.site.panda import bundle as panda_bundle
from hpogrid.site.panda.bundle import LARGEST, bundle_content, write_bundle
from tests.projects import store_project


def test_the_same_files_make_the_same_bundle(tmp_path: Path) -> None:
    store_project()
    content = bundle_content(project_path("p"), JobSettings(name="t", seed=1, n_jobs=1))
    for name in ("a", "b"):
        write_bundle(content, tmp_path / name)
    assert filecmp.cmp(tmp_path / "a", tmp_path / "b", shallow=False)
    assert (tmp_path / "a").stat().st_size < LARGEST / 3
    names = set(content)
    assert {
        ENTRY,
        "bundle/project.json",
        "bundle/scripts/train.py",
        "lib/hpogrid/errors.py",
    } <= names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


def test_a_bundle_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_project()
    monkeypatch.setattr(panda_bundle, "LARGEST", 1000)
    content = bundle_content(project_path("p"), JobSettings(name="t", seed=1, n_jobs=1))
    with pytest.raises(UserError, match="hpogrid data upload"):
        write_bundle(content, tmp_path / "b.tgz")

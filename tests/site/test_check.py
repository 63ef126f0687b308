"""What ``hpogrid check`` says of sites that are not the grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpogrid.config.project import project_names
from hpogrid.site import make_site
from hpogrid.site.scout import describe
from tests.projects import store_project


def states(site: str, **grid: object) -> dict[str, tuple[str, str]]:
    project = store_project(name=f"p{len(project_names())}", grid={"site": site, **grid})
    return {found.item: (found.state, found.text) for found in make_site(site).check(project, site)}


def test_this_machine() -> None:
    found = states("local")
    assert {item: state for item, (state, _) in found.items()} == dict.fromkeys(
        ("scripts", "container", "submission", "local"), "good"
    )
    assert found["container"][1] == "none"


def test_a_cluster_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = states("slurm", extra={"partitoin": "x"}, container="/tmp/no.sif")
    assert found["container"][0] == "bad"
    assert found["submission"][0] == "bad"
    assert found["slurm"][0] == "bad"
    assert "there is no 'squeue' on the PATH" in found["slurm"][1]
    found = states("slurm", extra={"partition": "x"})
    assert found["submission"][1].startswith("sbatch --parsable --array=1-1 ")


def test_a_plan_tells_the_container_that_there_will_be(tmp_path: Path) -> None:
    store_project(grid={"site": "slurm"})
    assert ("container", "none") in describe("p", site=None, n_jobs=1, scout=False)
    store_project(name="q", grid={"site": "slurm", "container": str(tmp_path)})
    assert ("container", str(tmp_path)) in describe("q", site=None, n_jobs=1, scout=False)

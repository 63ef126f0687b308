"""What will not work, or not as it was asked for, is said before anything is sent."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.search import ALGORITHMS
from hpogrid.site.panda.advice import Note, notes
from hpogrid.site.panda.check import too_large
from hpogrid.site.panda.queues import Queue
from tests.commands import hpogrid, ok, refused
from tests.projects import store_project

GPU = [{"type": "gpu", "vendor": ["nvidia"]}]
QUEUES: dict[str, dict[str, Any]] = {
    "HOUR": {"corecount": 1, "maxrss": 2000, "maxtime": 3600},
    "MANY": {"corecount": 8, "maxrss": 16000, "maxtime": 36000},
    "NORTH_GPU": {"architectures": GPU},
    "ARM": {"architectures": [{"type": "cpu", "arch": ["aarch64"]}]},
    "TESTQ": {"status": "test"},
    "BROKEROFF": {"status": "brokeroff"},
    "OFF": {"status": "offline"},
}


@pytest.fixture(autouse=True)
def queues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sw" / "local" / "etc"
    folder.mkdir(parents=True)
    common = {"state": "ACTIVE", "status": "online", "type": "unified"}
    entries = {name: {**common, **entry} for name, entry in QUEUES.items()}
    (folder / "cric_pandaqueues.json").write_text(json.dumps(entries))
    monkeypatch.setenv("ALRB_cvmfs_repo", str(tmp_path))
    monkeypatch.delenv("CRIC_QUEUES_URL", raising=False)


def said(site: str, *, idds: bool = False, hpo: Any = None, **grid: Any) -> list[Note]:
    project = store_project(
        name=f"p{said.__dict__.setdefault('n', 0)}", grid={"site": site, **grid}, **(hpo or {})
    )
    said.__dict__["n"] += 1
    return notes(project, site, idds=idds)


def test_nothing_to_say() -> None:
    assert said("MANY", walltime="2h", memory="8G", cpus=8) == []
    assert said("ANY", walltime="12h") == []


@pytest.mark.parametrize(
    ("site", "grid", "words", "fatal"),
    [
        ("HOUR", {"walltime": "12h"}, "longer than the 1 h that HOUR lets a job run", False),
        ("HOUR", {"memory": "4G"}, "a job of HOUR has 2000 MB at most", True),
        ("HOUR", {"cpus": 8}, "a job of HOUR has 1 core, and 8 are asked for", True),
        ("MANY", {"cpus": 4}, "1 or 8 cores, so that 4 (cpus) become 8", False),
        ("HOUR", {"gpus": 1}, "HOUR has no GPUs", True),
        ("ARM", {}, "the machines of ARM are aarch64", False),
        ("TESTQ", {}, "TESTQ is in status test", False),
        ("MANY,BROKEROFF", {}, "BROKEROFF is in status brokeroff", False),
        ("ANY", {"max_jobs": 2}, "max_jobs has no effect on the grid", False),
        ("ANY", {"container_binds": "/data"}, "container_binds has no effect on the grid", False),
        ("ANY", {"container_runtime": "podman"}, "container_runtime has no effect", False),
    ],
)  # fmt: skip
def test_one_note(site: str, grid: dict[str, Any], words: str, fatal: bool) -> None:
    [note] = said(site, **grid)
    assert words in note.text
    assert note.fatal == fatal


def test_cores_that_trials_want() -> None:
    [note] = said("MANY", hpo={"cpus_per_trial": 2, "scheduler_param": {"max_concurrent": 2}})
    assert "4 (cpus_per_trial times max_concurrent) become 8" in note.text


def test_what_the_service_does_not_know() -> None:
    found = said("ANY", idds=True, memory="16G", walltime="2h", cpus=4, retry=True)
    assert [note.text.split()[0] for note in found] == ["memory", "walltime", "cpus", "retry"]


def test_the_library_of_the_algorithm() -> None:
    [note] = said("ANY", hpo={"algorithm": "bayesian"})
    assert "needs bayes_opt in the image" in note.text
    assert "random" in note.text


@pytest.mark.engine  # they are all here then
def test_each_library_has_the_name_by_which_it_is_imported() -> None:
    for name in ALGORITHMS:
        library = ALGORITHMS.library(name)
        assert library is None or importlib.util.find_spec(library) is not None, name


def test_in_a_job_nothing_can_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_RUN_MODE", "grid")
    with pytest.raises(UserError, match="algorithm x needs no_such_one: choose an image that has"):
        require("no_such_one", extra="x", what="algorithm x")


def test_where_it_is_said() -> None:
    store_project(grid={"site": "HOUR", "walltime": "12h", "container": "docker://a/b"})
    words = "walltime 12h is longer than the 1 h"
    dry = ok("run", "p", "--dry_run").splitlines()
    assert dry[2] == "commands:"
    assert dry[4].startswith(f"note: {words}")
    assert words in ok("plan", "p")
    assert words in " ".join(hpogrid("check", "p").out.split())


def test_more_input_than_a_queue_takes() -> None:
    known = {"A": Queue(name="A", input_mb=1000), "B": Queue(name="B")}
    assert too_large(2000, "B", known) is None
    assert too_large(2000, "ANY", known) is None
    assert "all 2000 MB of input, and a job of A takes 1000" in str(too_large(2000, "B,A", known))


@pytest.mark.slow
def test_a_queue_that_is_closed_or_gone() -> None:
    store_project(grid={"site": "OFF", "container": "docker://a/b"})
    told = " ".join(hpogrid("check", "p").out.split())
    assert "queue OFF takes no jobs of users (offline); the nearest that can do the job:" in told
    store_project(name="q", grid={"site": "ANALY_MANC_GPU_TEST"})
    told = " ".join(hpogrid("check", "q").out.split())
    assert "unknown queue 'ANALY_MANC_GPU_TEST'" in told
    assert "the nearest with GPUs that can do the job: NORTH_GPU; name one with --site" in told
    assert "('hpogrid sites')" in told
    store_project(name="r", grid={"site": "NONE", "gpus": 1, "memory": "64G", "cpus": 8})
    told = " ".join(hpogrid("check", "r").out.split())
    assert "no queue that is online has what a job asks for (8 cores, a GPU, 65536 MB)" in told


def test_numbers_as_texts() -> None:
    store_project(grid={"site": "MANY", "extra": {"memory": "5000"}})
    assert "-y --memory=5000" in ok("run", "p", "--dry_run")
    store_project(name="q", grid={"site": "MANY", "extra": {"memory": "much"}})
    assert "memory is 'much'; write MB for each core" in refused("run", "q", "--dry_run")

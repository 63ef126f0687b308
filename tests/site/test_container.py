"""Containers: which image, which runtime, and what the script of a job says then."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.errors import UserError
from hpogrid.site import control
from hpogrid.site.carry import carried, carried_path
from hpogrid.site.container import JOB, PROJECT, Wanted, shell_fragment, shell_words, wanted
from hpogrid.site.tasks import Task, find_tasks, sketch
from tests.projects import store_project


def project(**settings: Any) -> Project:
    return Project(
        name="p",
        hpo_config=HpoConfig(),
        grid_config=GridConfig(site="slurm", **settings),
        model_config=ModelConfig(script="train.py", model="train"),
        search_space={},
        scripts={},
        scripts_path="",
        created=time.time(),
    )


def task() -> Task:
    return sketch(project(), "slurm", 2, number=7)


def want(**settings: Any) -> Wanted | None:
    return wanted(project(**settings), task())


def test_nobody_who_did_not_ask_gets_a_container() -> None:
    assert want() is None
    assert want(container="") is None
    assert want(container="none") is None
    assert want(container="docker://python:3.12", container_runtime="none") is None


def test_default_image_counts_where_a_runtime_was_chosen() -> None:
    found = want(container_runtime="apptainer")
    assert found is not None
    assert found.runtimes == ("apptainer",)
    assert found.image.startswith("/cvmfs/")


def test_runtimes_by_kind_of_image(tmp_path: Path) -> None:
    sif = tmp_path / "image.sif"
    sif.touch()
    found = want(container=str(sif))
    assert found is not None
    assert (found.kind, found.runtimes) == ("file", ("apptainer", "singularity"))
    found = want(container=str(tmp_path))
    assert found is not None
    assert (found.kind, found.runtimes[-1]) == ("folder", "charliecloud")
    found = want(container="docker://python:3.12")
    assert found is not None
    assert found.runtimes == ("apptainer", "singularity", "podman")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"container": "/tmp/no/such.sif"}, "there is no image /tmp/no/such.sif"),
        ({"container": "image.sif"}, "must be an absolute path"),
        ({"container": "/etc/hostname", "container_runtime": "podman"}, "podman cannot run the"),
        ({"container": "/tmp", "container_binds": "data"}, "must be /FOLDER or /OUTSIDE:/INSIDE"),
    ],
)
def test_found_before_submission(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        want(**settings)


def test_image_on_a_file_system_that_is_not_here() -> None:
    found = want(container="/cvmfs/unpacked.example.org/image:latest")
    assert found is not None
    assert found.kind == "folder"


def test_on_this_machine_image_and_runtime_have_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = project(container="/cvmfs/unpacked.example.org/image:latest")
    with pytest.raises(UserError, match=r"there is no image /cvmfs/unpacked"):
        wanted(elsewhere, task(), here=True)
    here = project(container="/tmp")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"no program to run the container /tmp"):
        wanted(here, task(), here=True)
    (tmp_path / "ch-run").write_text(RUNTIME)
    (tmp_path / "ch-run").chmod(0o755)
    assert wanted(here, task(), here=True) is not None
    with pytest.raises(UserError, match="--container none"):
        wanted(project(container="docker://python:3.12"), task(), here=True)


def test_nothing_is_submitted_here_without_its_image() -> None:
    store_project(grid={"site": "local", "container": "/tmp/no/such.sif"})
    for action in (control.plan, control.submit):
        with pytest.raises(UserError, match=r"there is no image /tmp/no/such\.sif"):
            action("p", site=None, n_jobs=2)
    assert find_tasks() == []


def test_binds(tmp_path: Path) -> None:
    found = want(container="/tmp", inDS=str(tmp_path), container_binds="/data,/a:/b")
    assert found is not None
    folder = str(task().folder)
    came = carried_path(carried(GridConfig()))
    assert found.binds == (
        (folder, folder),
        (f"{folder}/jobs/{JOB}/work", PROJECT),
        (str(came), str(came)),
        (str(tmp_path), str(tmp_path)),
        ("/data", "/data"),
        ("/a", "/b"),
    )


def test_words_are_quoted() -> None:
    assert (
        shell_words(["a b", f"/x y/{JOB}/z", JOB])
        == "'a b' '/x y/'\"$HPOGRID_JOB\"/z \"$HPOGRID_JOB\""
    )


RUNTIME = """#!/bin/sh
echo "$0" | sed 's|.*/||'
for word in "$@"; do echo "$word"; done
"""


def run(tmp_path: Path, found: Wanted, *programs: str) -> list[str]:
    """Run the lines on a node that has these container programs; return what was called."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for program in programs:
        (tools / program).write_text(RUNTIME)
        (tools / program).chmod(0o755)
    for program in ("sh", "sed", "mkdir", "id"):
        (tools / program).symlink_to(f"/bin/{program}")
    script = f"HPOGRID_JOB=3\n{shell_fragment(found, ['python3', '-m', 'm', JOB])}\n"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def node_image(tmp_path: Path, kind: str = "folder", gpus: bool = False) -> Wanted:
    names = {"folder": ("apptainer", "singularity", "podman", "charliecloud")}
    runtimes = names.get(kind, ("apptainer", "singularity", "podman"))
    binds = ((f"{tmp_path}/t", f"{tmp_path}/t"), (f"{tmp_path}/t/jobs/{JOB}/work", PROJECT))
    return Wanted("/images/a b", kind, runtimes, binds, gpus)  # type: ignore[arg-type]


def test_apptainer_comes_first(tmp_path: Path) -> None:
    assert run(tmp_path, node_image(tmp_path), "podman", "apptainer") == [
        "apptainer",
        "exec",
        f"--bind={tmp_path}/t:{tmp_path}/t",
        f"--bind={tmp_path}/t/jobs/3/work:{PROJECT}",
        "--pwd=/",
        "/images/a b",
        "python3",
        "-m",
        "m",
        "3",
    ]
    assert (tmp_path / "t" / "jobs" / "3" / "work").is_dir()


def test_podman_where_there_is_nothing_better(tmp_path: Path) -> None:
    words = run(tmp_path, node_image(tmp_path), "podman", "ch-run")
    assert words[:3] == ["podman", "run", "--rm"]
    assert words[words.index("--rootfs") + 1] == "/images/a b"
    assert f"--volume={tmp_path}/t/jobs/3/work:{PROJECT}" in words
    assert "--env=HPOGRID_*" in words


def test_charliecloud(tmp_path: Path) -> None:
    words = run(tmp_path, node_image(tmp_path), "ch-run")
    assert words[0] == "ch-run"
    assert words[-5:] == ["--", "python3", "-m", "m", "3"]


def test_node_with_no_runtime_says_so(tmp_path: Path) -> None:
    assert run(tmp_path, node_image(tmp_path)) == [
        "this node has none of apptainer singularity podman ch-run to run the container"
    ]


def test_gpu_options_only_where_they_are_wanted(tmp_path: Path) -> None:
    assert "--nv" in shell_fragment(node_image(tmp_path, gpus=True), ["x"])
    assert "--nv" not in shell_fragment(node_image(tmp_path), ["x"])

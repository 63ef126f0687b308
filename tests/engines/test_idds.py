"""What iDDS itself makes of a task for its HPO service, run in a container.

The scripts are those that the released packages of iDDS write; `docker_run` stands for docker.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hpogrid.job.settings import ENTRY, START
from hpogrid.site.panda.client import check_arguments
from hpogrid.site.panda.idds import SPACE, phpo_arguments, sandbox
from tests.engines.boot import HERE
from tests.projects import store_project

pytestmark = pytest.mark.engine

RELEASE = "2.6.21"
PACKAGES = ("idds-atlas", "idds-workflow", "idds-common")
SPACES = {
    "x": {"method": "uniform", "dimension": {"low": -1, "high": 1}},
    "kind": {"method": "categorical", "dimension": {"categories": ["it's", "$(id)", "é"]}},
}
WRITE = """
import json, sys
from idds.atlas.workflowv2.atlashpowork import ATLASHPOWork
folder, wanted = sys.argv[1], json.load(sys.stdin)
work = ATLASHPOWork(
    executable=wanted["executable"], arguments=wanted["arguments"], sandbox=wanted["sandbox"],
    output_json=wanted["output_json"], opt_space=wanted["opt_space"], workload_id=1,
    max_points=wanted["max_points"], agent_attributes={"workdir": folder},
    num_points_per_iteration=wanted["num_points_per_generation"],
)
work.points_to_generate, work.input_json = 2, "idds_input.json"
work.get_working_dir = lambda processing: folder
work.get_long_id = lambda processing: "1_1_1"
print(work.generate_processing_script_container(None))
"""


@pytest.fixture(scope="module")
def idds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of iDDS, beside nothing else."""
    folder = tmp_path_factory.mktemp("idds")
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    command += ["--no-deps", "--target", str(folder), *(f"{name}=={RELEASE}" for name in PACKAGES)]
    subprocess.run(command, check=True)
    return folder


def request(folder: Path, **hpo: Any) -> dict[str, Any]:
    """What a task asks iDDS for, once phpo has read it."""
    project = store_project(
        name="steered", space=SPACES, grid={"site": "A", "container": "docker://me/image:1"}, **hpo
    )
    sandbox(project, {START: b":", ENTRY: b"pass"}, folder)
    task = check_arguments("phpo", phpo_arguments(project, "A", 2, "user.me.x", []), folder)
    found: dict[str, Any] = task["hpoRequestData"]
    return found | {"opt_space": json.loads((folder / SPACE).read_text())}


@pytest.mark.parametrize(
    "hpo",
    [
        {"algorithm": "random"},
        {"algorithm": "optuna", "algorithm_param": {"sampler": "tpe", "n_startup_trials": 3}},
    ],
)
def test_its_own_script_brings_points(
    hpo: dict[str, Any], idds: Path, image: Path, tmp_path: Path, home: Path
) -> None:
    sent, place, programs = tmp_path / "sent", tmp_path / "place", tmp_path / "bin"
    for folder in (sent, place, programs):
        folder.mkdir()
    docker = programs / "docker"
    docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE}/docker_run.py" "{image}" "$@"\n')
    docker.chmod(0o755)
    wanted = request(sent, trials=10, **hpo)
    written = subprocess.run(
        [sys.executable, "-c", WRITE, str(place)],
        input=json.dumps(wanted), capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(idds)},
    )  # fmt: skip
    script = written.stdout.split()[-1]
    asked = {"points": [[{"x": 0.5, "kind": "$(id)"}, 0.25]], "opt_space": wanted["opt_space"]}
    (place / "idds_input.json").write_text(json.dumps(asked))
    before = set(place.iterdir())
    done = subprocess.run(
        ["bash", script], cwd=place, capture_output=True, text=True,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
    )  # fmt: skip
    output = place / wanted["output_json"]
    assert output.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    points = json.loads(output.read_text())
    assert len(points) == 2
    assert all(
        -1 <= point["x"] <= 1 and point["kind"] in ("it's", "$(id)", "é") for point in points
    )
    assert set(place.iterdir()) - before == {output}

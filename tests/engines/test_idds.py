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
from tests.engines.boot import docker
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


def test_its_own_script_brings_points(idds: Path, image: Path, tmp_path: Path, home: Path) -> None:
    place, output, said = steered(idds, image, tmp_path, algorithm="random")
    assert output.exists(), said
    points = json.loads(output.read_text())
    assert len(points) == 2
    assert all(-1 <= point["x"] <= 1 for point in points)
    assert all(point["kind"] in ("it's", "$(id)", "é") for point in points)
    assert {path.name for path in place.iterdir()} == {
        "idds_input.json", "processing_1_1_1.sh", output.name,
    }  # fmt: skip


def test_parameters_of_the_algorithm_arrive(
    idds: Path, image: Path, tmp_path: Path, home: Path
) -> None:
    """The image has no Optuna: that it is missed shows that all words were read."""
    options = {"sampler": "tpe", "n_startup_trials": 3}
    _, _, said = steered(idds, image, tmp_path, algorithm="optuna", algorithm_param=options)
    assert "algorithm optuna needs optuna" in said


def steered(idds: Path, image: Path, folder: Path, **hpo: Any) -> tuple[Path, Path, str]:
    """Have iDDS' script run: its folder, the file for the points, and what was printed."""
    sent, place, programs = folder / "sent", folder / "place", docker(folder / "bin", image)
    for one in (sent, place):
        one.mkdir()
    wanted = request(sent, trials=10, **hpo)
    written = subprocess.run(
        [sys.executable, "-c", WRITE, str(place)],
        input=json.dumps(wanted), capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(idds)},
    )  # fmt: skip
    script = written.stdout.split()[-1]
    asked = {"points": [[{"x": 0.5, "kind": "$(id)"}, 0.25]], "opt_space": wanted["opt_space"]}
    (place / "idds_input.json").write_text(json.dumps(asked))
    done = subprocess.run(
        ["bash", script], cwd=place, capture_output=True, text=True,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
    )  # fmt: skip
    said = (done.stdout + done.stderr)[-2000:]
    return place, place / wanted["output_json"], said

"""Hyperparameter optimisation through PanDA's own service (iDDS): the phpo command of a task.

The service calls ``hpogrid generate`` for points, and each of our jobs evaluates some of them; see
`hpogrid.job.points`.
"""

from __future__ import annotations

import base64
import json
import shlex
import tempfile
from pathlib import Path

import msgspec

from hpogrid.config.project import Project
from hpogrid.errors import UserError
from hpogrid.job.settings import BUNDLED, ENTRY, METRICS, START
from hpogrid.site.carry import Content
from hpogrid.site.panda.bundle import write_bundle
from hpogrid.site.panda.command import queue_arguments, resource_arguments
from hpogrid.space.dialects import render_space

SPACE = "search_space.json"
INPUT = "input.json"
OUTPUT = "output.json"
_UNPACKED = "/cvmfs/unpacked.cern.ch/"
_OPTIONS = (
    "noEmail", "workingGroup", "alrbArgs", "architecture", "maxEvaluationJobs",
    "maxPointsPerEvaluationJob", "nPointsPerIteration", "minUnevaluatedPoints", "voms",
    "steeringContainer",
)  # fmt: skip


def phpo_arguments(
    project: Project, site: str, n_jobs: int, out_ds: str, inputs: list[str]
) -> list[str]:
    """What follows ``phpo`` on the command line; it is run in a folder with `sandbox` in it.

    Args:
        project: what runs, and its grid config.
        site: a queue, several with commas, or ANY.
        n_jobs: how many evaluations run at once.
        out_ds: the name of the output dataset.
        inputs: the dataset that every job gets, if any.

    Raises:
        UserError: something that the service cannot do.
    """
    config, grid = project.hpo_config, project.grid_config
    if len(config.metrics) > 1:
        raise UserError(
            "PanDA's HPO service has one loss, not several metrics; use --mode grid, or one metric"
        )
    if len(inputs) > 1:
        raise UserError("PanDA's HPO service takes one input dataset; put them into a container")
    extra = dict(grid.extra)
    steering = str(extra.pop("steeringContainer", _docker_name(grid.container)))
    points = config.trials * n_jobs
    arguments = ["--outDS", out_ds, "--nParallelEvaluation", str(n_jobs)]
    arguments += ["--maxPoints", str(points)]
    arguments += ["--nPointsPerIteration", str(extra.pop("nPointsPerIteration", max(2, n_jobs)))]
    arguments += ["--searchSpaceFile", SPACE]
    arguments += ["--steeringContainer", steering, "--steeringExec", steering_command(project)]
    arguments += ["--evaluationContainer", grid.container]
    arguments += ["--evaluationExec", f"sh {START} python3 {ENTRY} --evaluate {INPUT} {OUTPUT}"]
    arguments += ["--evaluationInput", INPUT, "--evaluationOutput", OUTPUT]
    arguments += ["--evaluationMetrics", METRICS]
    arguments += ["--trainingDS", inputs[0]] if inputs else []
    arguments += queue_arguments(site)
    architecture = resource_arguments(project)
    if "--architecture" in architecture:
        arguments += ["--architecture", architecture[architecture.index("--architecture") + 1]]
    for name, value in extra.items():
        if name not in _OPTIONS:
            raise UserError(
                f"extra: '{name}' is not for PanDA's HPO service; it takes {', '.join(_OPTIONS)}"
            )
        if value is not None and value is not False:
            arguments.append(f"--{name}" if value is True else f"--{name}={value}")
    return arguments


def steering_command(project: Project) -> str:
    """What the service runs for points; the losses that it knows are always minimised."""
    config = project.hpo_config
    words = ["hpogrid generate --n_point=%NUM_POINTS --max_point=%MAX_POINTS"]
    words += ["--infile=$PWD/%IN --outfile=$PWD/%OUT", f"-l={shlex.quote(config.algorithm)}"]
    if config.algorithm_param:
        words.append(f"--algorithm_param={shlex.quote(json.dumps(config.algorithm_param))}")
    return " ".join(words)


def sandbox(project: Project, content: Content, folder: Path) -> None:
    """Lay out what phpo packs: of all files only ``*.json``, ``*.py``, ``*.sh`` and ``*.yaml``.

    Therefore the bundle itself goes as text into one of them.

    Raises:
        UserError: the space has something that iDDS cannot say, or all is too large.
    """
    for name in (START, ENTRY):
        program = content[name]
        assert isinstance(program, bytes)
        (folder / name).write_bytes(program)
    space = render_space(project.space, "method_dimension")
    (folder / SPACE).write_bytes(msgspec.json.encode(space))
    with tempfile.TemporaryDirectory(prefix="hpogrid-") as scratch:
        archive = Path(scratch) / "bundle.tgz"
        write_bundle(content, archive)
        text = base64.b64encode(archive.read_bytes()).decode()
    (folder / BUNDLED).write_text(json.dumps({"tgz": text}))


def _docker_name(container: str) -> str:
    """The image as docker calls it: CVMFS has images below the names of their registries."""
    name = container.removeprefix("docker://")
    if name.startswith(_UNPACKED):
        return name.removeprefix(_UNPACKED)
    if name.startswith("/"):
        raise UserError(
            f"container: {container} is no docker image; name the one that is to call 'hpogrid "
            'generate\' with --extra \'{"steeringContainer": "NAME:TAG"}\''
        )
    return name

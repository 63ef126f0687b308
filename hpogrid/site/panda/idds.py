"""Hyperparameter optimisation through PanDA's own service (iDDS): the phpo command of a task.

The service calls ``hpogrid generate`` for points, and each of our jobs evaluates some of them; see
`hpogrid.job.points`.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
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
_PLACE = "/HPOiDDS"
"""Where the container in which points are proposed sees the service's folder."""

_OPTIONS = (
    "noEmail", "workingGroup", "alrbArgs", "architecture", "maxEvaluationJobs",
    "maxPointsPerEvaluationJob", "nPointsPerIteration", "minUnevaluatedPoints", "voms",
    "checkPointToSave", "checkPointToLoad", "checkPointInterval", "evaluationMeta",
    "evaluationTrainingData", "segmentSpecFile", "steeringExec", "steeringContainer",
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
    points = config.trials * n_jobs
    arguments = ["--outDS", out_ds, "--nParallelEvaluation", str(n_jobs)]
    arguments += ["--maxPoints", str(points)]
    arguments += ["--nPointsPerIteration", str(extra.pop("nPointsPerIteration", max(2, n_jobs)))]
    arguments += ["--searchSpaceFile", SPACE]
    if "steeringExec" not in extra:
        if "steeringContainer" in extra:
            raise UserError("extra: steeringContainer goes with a steeringExec of your own; the "
                            "image for hpogrid's is --steering_container")  # fmt: skip
        arguments += ["--steeringExec", steering_command(project)]
    if "segmentSpecFile" in extra:
        extra["segmentSpecFile"] = _segments(str(extra["segmentSpecFile"]))
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


def steering_image(grid: GridConfig) -> str:
    """The docker image in which the service has points proposed: it needs this hpogrid.

    Raises:
        UserError: it is none.
    """
    image = grid.steering_container or _docker_name(grid.container)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_./:@+\-]*", image):
        raise UserError(f"steering_container: '{image}' is no name of a docker image")
    return image


def steering_command(project: Project) -> str:
    """What follows ``docker`` where the service has points proposed.

    The service writes it into a script three times: as it is, after an ``=``, and in quotes. So
    nothing in it may mean anything to a shell when the quotes around it are gone. Losses that the
    service knows are always minimised.
    """
    config = project.hpo_config
    words = [f'run --rm -v "$(pwd)":{_PLACE} {steering_image(project.grid_config)}']
    words += ["hpogrid generate --n_point=%NUM_POINTS --max_point=%MAX_POINTS"]
    words += [f"--infile={_PLACE}/%IN --outfile={_PLACE}/%OUT", f"-l={config.algorithm}"]
    if config.algorithm_param:
        words.append(f"--algorithm_param='{_plain_json(config.algorithm_param)}'")
    return " ".join(words)


def _plain_json(content: Any) -> str:
    """JSON of letters, digits and its own signs: whatever else is in texts stands there by code."""
    text = json.dumps(content, separators=(",", ":"))
    return re.sub(
        r'"((?:[^"\\]|\\.)*)"',
        lambda match: '"' + _by_code(json.loads(match.group())) + '"',
        text,
    )


def _by_code(text: str) -> str:
    units = text.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(
        chr(code) if code < 128 and re.fullmatch(r"\w", chr(code)) else f"\\u{code:04x}"
        for code in codes
    )


def _segments(name: str) -> str:
    """The file of segments, which phpo looks for in another folder."""
    path = Path(name).expanduser().absolute()
    if not path.is_file():
        raise UserError(f"extra: there is no segmentSpecFile {name}")
    return str(path)


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
            "generate' with --steering_container NAME:TAG"
        )
    return name

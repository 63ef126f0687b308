"""The scripts of jobs: templates, filled in."""

from __future__ import annotations

import math
import os
import re
import shlex
import string
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec

import hpogrid
from hpogrid._version import VERSION
from hpogrid.config.home import home
from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.engine.nodes import NODES, ON_NODE
from hpogrid.engine.resources import trials_on_a_node, wanted_cores
from hpogrid.engine.surroundings import IMAGE
from hpogrid.errors import UserError
from hpogrid.job.again import ATTEMPTS, COMMAND
from hpogrid.job.settings import ENTRY, ONWARD, START
from hpogrid.site import container
from hpogrid.site.batchsystem import BatchSystem, Request
from hpogrid.site.carry import carried, carried_path
from hpogrid.site.setup import in_bash, setup_lines
from hpogrid.site.tasks import Task

ARCHIVE = "task.tgz"
"""The task, as it goes to machines that do not see its folder."""

_AWAY = (
    f"mkdir -p task && tar xzf {ARCHIVE} -C task || exit 1\n"
    f'exec sh task/{START} python3 task/{ENTRY} --away "$HPOGRID_JOB"'
)
"""The job, where the task came as an archive."""

_CORES = re.compile("cpu|task|core|exclusive|processes|^pe$")


def names_cores(grid: GridConfig) -> bool:
    """Whether a native option has to do with the number of cores."""
    return any(map(_CORES.search, grid.extra))


def make_request(
    task: Task, project: Project, folder: Path, count: int, *, cores: bool = True
) -> Request:
    """What to ask a scheduler for.

    Where the grid config does not say, cores and GPUs follow from what a trial needs; that is one
    core, if nobody says, and where ``cores`` may be asked for by number.
    """
    grid, hpo = project.grid_config, project.hpo_config
    cpus, gpus = wanted_cores(project), grid.gpus
    if cpus is None and cores and not names_cores(grid):
        cpus = trials_on_a_node(project)
    if gpus is None and hpo.gpus_per_trial:
        gpus = math.ceil(hpo.gpus_per_trial * trials_on_a_node(project))
    name = re.sub(r"[^A-Za-z0-9._-]", "_", task.name)
    seconds = grid.walltime_seconds
    return Request(name, folder, task.folder, count, grid, cpus, gpus, seconds)


def job_script(
    scheduler: BatchSystem, request: Request, task: Task, project: Project, jobs: Sequence[int]
) -> str:
    """The script that every member of an array runs.

    Raises:
        UserError: a native option is not valid, or the container cannot be used.
    """
    wanted = container.wanted(project, task, gpus=bool(request.gpus))
    if wanted is not None and not scheduler.shared_disk:
        raise UserError(
            f"container: at {scheduler.name} jobs run without one, for it could not see the files "
            "of the job; leave it out, or use a site whose nodes share a disk with this machine"
        )
    if wanted is not None and (request.grid.nodes or 1) > 1:
        raise UserError(
            "nodes: a job in a container starts nothing on its other nodes; leave out the "
            "container (the trials' programs may have one each), or the nodes"
        )
    environment, run = _environment(task, wanted), _run(task, project, wanted)
    environment += _onward() if wanted is None else ""
    if not scheduler.shared_disk:
        environment, run = "", _AWAY
    return _fill(
        "job.sh",
        directives="\n".join(scheduler.directives(request)),
        shell=in_bash(request.grid),
        setup=setup_lines(request.grid),
        version=VERSION,
        task=task.id,
        project=task.project,
        command=shlex.join(scheduler.submit(request)),
        member=scheduler.member,
        lowest=request.lowest,
        jobs=" ".join(map(str, jobs)),
        end_time=_end_time(scheduler, request),
        environment=environment + _again(scheduler, request) + _nodes(scheduler, request),
        run=run,
    )


def _again(scheduler: BatchSystem, request: Request) -> str:
    """Lines that tell a job how often it goes on by itself, and how."""
    if request.grid.max_attempts is None or scheduler.again is None:
        return ""
    lines = f"\nexport {ATTEMPTS}={request.grid.max_attempts}"
    return lines + (f"\nexport {COMMAND}={scheduler.again}" if scheduler.again else "")


def _onward() -> str:
    """A line that tells a job how this hpogrid, not the one that comes along, submits others."""
    places = [str(Path(file).parents[1]) for file in (hpogrid.__file__, msgspec.__file__ or os.sep)]
    path = os.pathsep.join([*places, *filter(None, [os.environ.get("PYTHONPATH")])])
    words = ["env", f"PYTHONPATH={path}", sys.executable, "-P", "-m", "hpogrid.site.onward"]
    return f"\nexport {ONWARD}={shlex.quote(shlex.join(words))}"


def _nodes(scheduler: BatchSystem, request: Request) -> str:
    """Lines that tell a job its nodes, if it has several, and how it starts programs there."""
    if (request.grid.nodes or 1) == 1:
        return ""
    return (
        f"\nexport {NODES}={scheduler.job_nodes}\nexport {ON_NODE}={shlex.quote(scheduler.on_node)}"
    )


def _run(task: Task, project: Project, wanted: container.Wanted | None) -> str:
    """What the script becomes: the job, in its container if it wants one."""
    if wanted is not None:
        return container.shell_fragment(wanted, _found(task, project))
    return f"exec {container.shell_words([sys.executable, *_start(task, project)])}"


def local_script(task: Task, project: Project) -> str | None:
    """The script that runs a job on this machine, if it wants a container or a setup; or None.

    Raises:
        UserError: the container cannot be used here.
    """
    gpus = project.grid_config.gpus or project.hpo_config.gpus_per_trial
    wanted = container.wanted(project, task, gpus=bool(gpus), here=True)
    grid = project.grid_config
    if wanted is None and not setup_lines(grid):
        return None
    return _fill(
        "local.sh",
        shell=in_bash(grid),
        setup=setup_lines(grid),
        task=task.id,
        project=task.project,
        environment=_environment(task, wanted),
        run=_run(task, project, wanted),
    )


def _carried(project: Project) -> Path:
    return carried_path(carried(project.grid_config))


def _start(task: Task, project: Project) -> list[str]:
    """The program that came along, and what it is told."""
    return [str(_carried(project) / ENTRY), "--task", str(task.folder), container.JOB]


def _found(task: Task, project: Project) -> list[str]:
    """The same in an image: with its Python, or one that is found."""
    return ["sh", str(_carried(project) / START), "python3", *_start(task, project)]


def _fill(name: str, **values: object) -> str:
    template = resources.files("hpogrid.site") / "templates" / name
    return string.Template(template.read_text(encoding="utf-8")).substitute(values)


def _environment(task: Task, wanted: container.Wanted | None) -> str:
    """Lines that set what a job needs to find itself."""
    variables = {"HPOGRID_HOME": str(home())} | (
        {**container.ENVIRONMENT, IMAGE: wanted.image} if wanted else {}
    )
    lines = [f"export {name}={shlex.quote(text)}" for name, text in variables.items()]
    if wanted is None:
        lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    return "\n".join(lines)


def _end_time(scheduler: BatchSystem, request: Request) -> str:
    """A shell command that prints when the job has to be over, or nothing."""
    if request.seconds:
        return f"echo $(($(date +%s) + {request.seconds}))"
    return scheduler.end_time or ":"

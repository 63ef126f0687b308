"""The prun command of a task: pure functions from configs to an argument list."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.engine.resources import wanted_cores
from hpogrid.errors import UserError
from hpogrid.job.settings import ENTRY, LEDGER, PACKED, START

ANYWHERE = ("ANY", "AUTO", "PANDA")
"""Names of a site with which PanDA chooses the queue itself (in any case of letters)."""

_OWN = {
    "site": "site", "container": "container", "outDS": "outDS", "inDS": "inDS",
    "containerImage": "container", "disableAutoRetry": "retry",
}  # fmt: skip
_RESERVED = (
    "exec outputs nJobs split noBuild inTarBall outTarBall useSandbox forceStaged secondaryDSs "
    "reusableSecondary loadJson dumpJson dumpTaskParams noSubmit workDir tmpDir bulkSubmission "
    "inOutDsJson persistentFile version help helpGroup useAthenaPackages useRootCore"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")
_DATASET = re.compile(r"(?:[A-Za-z0-9_.\-]+:)?[A-Za-z0-9][A-Za-z0-9_.\-]*/?")
_LONGEST = 115  # prun allows 132 with what we append
_DATE = re.compile(r"\$\(date(?: \+([^)]*))?\)")
_VARIABLE = re.compile(r"\$\{\{(\w+)\}\}|\$\{(\w+)\}|\$(\w+)")
_MANY_FILES = 200  # in a job; prun wants more to be said
_HS06 = 10  # the power of a core, in the unit in which PanDA counts its time
_MUCH_MEMORY = 4000  # MB for each core, above which prun asks whether one means it


SEVERAL_CORES = 8


class Inputs(msgspec.Struct, frozen=True):
    """Input datasets and how many files each has; every job gets all of them."""

    datasets: dict[str, int] = {}


def output_dataset(template: str, project: str, account: str | None) -> str:
    """The name of the output dataset: the variables of the specification filled in.

    ``${NAME}`` (also ``${{NAME}}``) is an environment variable, ``{HPO_PROJECT_NAME}`` the
    project, ``$(date +FORMAT)`` the time. ``RUCIO_ACCOUNT`` is, where it is not set, ``account``.

    Raises:
        UserError: a variable that is not set, or a name that PanDA does not take.
    """

    def variable(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2) or match.group(3)
        value = os.environ.get(name) or (account if name == "RUCIO_ACCOUNT" else None)
        if not value:
            raise UserError(f"outDS: the variable {name} in '{template}' is not set; export it")
        return value

    def date(match: re.Match[str]) -> str:
        return time.strftime((match.group(1) or "%Y%m%d%H%M%S").strip("'\" "))

    text = _DATE.sub(date, template)
    text = _VARIABLE.sub(variable, text)
    text = text.replace("{HPO_PROJECT_NAME}", re.sub(r"[^A-Za-z0-9_.\-]", "_", project))
    text = text.rstrip("/")
    if not _NAME.fullmatch(text):
        raise UserError(
            f"outDS: '{text}' is no name of a dataset: use letters, digits and . _ - "
            "(user.<your account>.<anything>)"
        )
    if len(text) > _LONGEST:
        raise UserError(
            f"outDS: '{text}' has {len(text)} characters; PanDA takes {_LONGEST} at most"
        )
    return text


def prun_arguments(
    project: Project,
    site: str,
    n_jobs: int,
    out_ds: str,
    archive: str,
    inputs: Inputs,
    *,
    probe: bool = False,
) -> list[str]:
    """What follows ``prun`` on the command line: one task with ``n_jobs`` jobs.

    Args:
        project: what runs, and its grid config.
        site: a queue, several with commas, or ANY.
        n_jobs: how many jobs.
        out_ds: the name of the output dataset.
        archive: the path of the bundle.
        inputs: the datasets that every job gets whole.
        probe: the job only tells what it finds, which PanDA keeps as its metadata.

    Raises:
        UserError: a name or an option that cannot be.
    """
    grid = project.grid_config
    what = "--probe" if probe else "--job %RNDM:0"
    arguments = ["--outDS", out_ds, "--exec", f"sh {START} python3 {ENTRY} {what}"]
    arguments += [] if probe else ["--outputs", f"{LEDGER},{PACKED}"]
    arguments += ["--nJobs", str(n_jobs)]
    arguments += ["--noBuild", "--useSandbox", "--forceStaged", "--inTarBall", archive]
    arguments += ["--containerImage", _container(grid)]
    arguments += queue_arguments(site)
    if not grid.retry:
        arguments += ["--disableAutoRetry", "--maxAttempt", "1"]
    vo = os.environ.get("PANDA_AUTH_VO") or os.environ.get("OIDC_AUTH_VO")
    if vo and vo != "atlas" and "vo" not in grid.extra:
        arguments += ["--vo", vo]
    arguments += resource_arguments(project) + _inputs(inputs, n_jobs)
    return arguments + extra_arguments(grid.extra)


def queue_arguments(site: str) -> list[str]:
    """The option ``--site``, or nothing where PanDA is to choose.

    Raises:
        UserError: a name that no queue can have.
    """
    names = queue_names(site)
    return ["--site", ",".join(names)] if names else []


def queue_names(site: str) -> list[str]:
    """The queues that a site names; none: PanDA is to choose.

    Raises:
        UserError: a name that no queue can have.
    """
    names = [name.strip() for name in site.split(",") if name.strip()]
    if any(name.upper() in ANYWHERE for name in names):
        return []
    for name in names:
        if not _NAME.fullmatch(name):
            raise UserError(f"site: '{name}' is no name of a queue; 'hpogrid sites' lists them")
    return names


def extra_arguments(extra: Mapping[str, Any]) -> list[str]:
    """Further options of prun: ``{"memory": 4000, "noEmail": true}``.

    Raises:
        UserError: an option that hpogrid sets itself.
    """
    arguments = []
    for name, value in extra.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise UserError(f"extra: '{name}' is no option of prun; write it without dashes")
        if name in _OWN:
            raise UserError(f"extra: '{name}' is set with --{_OWN[name]} of the grid config")
        if name in _RESERVED.split():
            raise UserError(f"extra: '{name}' is what hpogrid sets itself; leave it out")
        if value is None or value is False:
            continue
        if isinstance(value, dict):
            raise UserError(f"extra: '{name}' needs a value or true, not an object")
        if value is True:
            arguments.append(f"--{name}")
            continue
        items = value if isinstance(value, list) else [value]
        arguments.append(f"--{name}={','.join(map(str, items))}")
    return arguments


def dataset_names(text: str | None) -> list[str]:
    """The datasets that ``inDS`` names, separated by commas.

    Raises:
        UserError: one of them cannot be a name.
    """
    names = [name.strip().rstrip("/") for name in (text or "").split(",") if name.strip()]
    for name in names:
        if not _DATASET.fullmatch(name):
            raise UserError(
                f"inDS: '{name}' is no name of a dataset; write scope:name "
                "('hpogrid data list' shows yours)"
            )
    return names


def _container(grid: GridConfig) -> str:
    if grid.container == "none":
        raise UserError("container: jobs of the grid run in an image; name one with --container")
    if not re.fullmatch(r"[A-Za-z0-9_./:@+\-]+", grid.container):
        raise UserError(f"container: '{grid.container}' is no name of an image")
    return grid.container


def job_cores(project: Project) -> int:
    """The cores of a job: one, or as many as PanDA has for those that need several.

    Raises:
        UserError: it needs more.
    """
    cores = wanted_cores(project) or 1
    if cores > SEVERAL_CORES:
        raise UserError(
            f"cpus: a job of the grid has 1 or {SEVERAL_CORES} cores, and not {cores}; lower "
            "--cpus of the grid config, or cpus_per_trial or max_concurrent of the hpo config"
        )
    return 1 if cores == 1 else SEVERAL_CORES


def wants_gpu(project: Project) -> bool:
    """Whether jobs are to have a GPU."""
    gpus = project.grid_config.gpus
    return bool(gpus) or (gpus is None and project.hpo_config.gpus_per_trial > 0)


def resource_arguments(project: Project) -> list[str]:
    """Cores, memory, time and GPUs of a job, where they are not among the further options.

    Raises:
        UserError: a memory that is no number, or more cores than there are.
    """
    grid, many = project.grid_config, job_cores(project)
    arguments = []
    if many > 1 and "nCore" not in grid.extra:
        arguments += ["--nCore", str(many)]
    if wants_gpu(project) and "architecture" not in grid.extra:
        arguments += ["--architecture", "&nvidia"]
    if grid.walltime_seconds is not None and "cpuTimePerEvent" not in grid.extra:
        # PanDA takes a job for one event, and sends it where there is time for that.
        arguments += ["--cpuTimePerEvent", str(grid.walltime_seconds * _HS06 * many)]
        arguments += ["--fixedCpuTime"]
    memory = _extra_memory(grid)
    if memory is None and grid.memory_mb is not None:
        memory = math.ceil(grid.memory_mb / many)
        arguments += ["--memory", str(memory)]
    if memory is not None and memory > _MUCH_MEMORY:
        arguments.append("-y")
    return arguments


def _extra_memory(grid: GridConfig) -> int | None:
    """The memory among the further options, in MB for each core."""
    memory = grid.extra.get("memory")
    if memory is None:
        return None
    if isinstance(memory, bool) or not re.fullmatch(r"[0-9]+", str(memory)):
        raise UserError(
            f"extra: memory is {memory!r}; write MB for each core, such as 4000, or use --memory 4G"
        )
    return int(str(memory))


def _inputs(inputs: Inputs, n_jobs: int) -> list[str]:
    """The datasets so that every job gets all files: PanDA deals those of ``--inDS`` out to jobs.

    One job gets all of them so. For several the datasets are secondary ones, used again and again.
    """
    if not inputs.datasets:
        return []
    total = sum(inputs.datasets.values())
    most = ["--maxNFilesPerJob", str(total)] if total > _MANY_FILES else []
    if n_jobs == 1:
        names = ",".join(inputs.datasets)
        return ["--inDS", names, "--nFilesPerJob", str(total), *most]
    streams = [f"IN{index}" for index in range(2, 2 + len(inputs.datasets))]
    described = [
        f"{stream}#{count}#{name}"
        for stream, (name, count) in zip(streams, inputs.datasets.items(), strict=True)
    ]
    secondary = ["--secondaryDSs", ",".join(described)]
    return [*secondary, "--reusableSecondary", ",".join(streams), *most]

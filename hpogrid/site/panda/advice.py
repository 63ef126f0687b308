"""What is said of a submission to the grid before it is made: what has no effect, or another one
than was asked for, and what will not work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig
from hpogrid.engine.resources import wanted_cores
from hpogrid.errors import UserError
from hpogrid.site.base import one_core_note
from hpogrid.site.panda.command import SEVERAL_CORES, job_cores, queue_names, wants_gpu
from hpogrid.site.panda.queues import USUAL_MACHINE, Job, Queue, load_queues
from hpogrid.text import counted

_UNUSED = ("max_jobs", "container_binds")
_UNUSED_IDDS = ("memory", "walltime", "cpus", "retry")


class Note(NamedTuple):
    """A sentence about one thing; ``fatal``: PanDA does nothing with such a task."""

    item: str
    text: str
    fatal: bool = False


def notes(project: Project, site: str, *, idds: bool = False, ask: bool = True) -> list[Note]:
    """All that is to be said.

    Args:
        project: what is submitted.
        site: a queue, several with commas, or ANY.
        idds: PanDA's HPO service runs the search.
        ask: look for the list of queues also where only a server has it.
    """
    found = [*_library(project), *_unused(project.grid_config, idds=idds)]
    if not idds:
        found += _cores(project)
    names = queue_names(site)
    try:
        queues = load_queues(download=ask) if names else {}
    except UserError:
        queues = {}
    for name in names:
        if name in queues:
            found += _queue(project, queues[name], idds=idds)
    return found


def asked(project: Project, *, idds: bool = False) -> Job:
    """What a job of a project asks of its queue; PanDA's HPO service knows of GPUs alone.

    Raises:
        UserError: more cores than a job of the grid has.
    """
    if idds:
        return Job(wants_gpu(project))
    grid = project.grid_config
    hours = (grid.walltime_seconds or 0) / 3600
    return Job(wants_gpu(project), job_cores(project), grid.memory_mb or 0, hours)


def _library(project: Project) -> Iterator[Note]:
    """What the algorithm needs of the image, since it does not come along."""
    from hpogrid.search import ALGORITHMS

    name, image = project.hpo_config.algorithm, project.grid_config.container
    library = ALGORITHMS.library(name)
    if library is None:
        return
    own = [other for other in ALGORITHMS if ALGORITHMS.library(other) is None]
    yield Note(
        "library",
        f"algorithm {name} needs {library} in the image ({image}): it does not come along; choose "
        f"an image that has it with --container, or one of {', '.join(own)} with --algorithm",
    )


def _unused(grid: GridConfig, *, idds: bool) -> Iterator[Note]:
    """Options of the grid config that change nothing here."""
    default = GridConfig()
    for name in (*_UNUSED, *(_UNUSED_IDDS if idds else ())):
        if getattr(grid, name) != getattr(default, name):
            where = "with --mode idds" if name in _UNUSED_IDDS else "on the grid"
            yield Note("options", f"{name} has no effect {where}: leave --{name} out")
    if grid.container_runtime != default.container_runtime:
        yield Note("options", "container_runtime has no effect on the grid: its pilot chooses one")


def _cores(project: Project) -> Iterator[Note]:
    """Where a job has other cores than were asked for, or one since none were."""
    if "nCore" in project.grid_config.extra:
        return
    wanted, given = wanted_cores(project) or 1, job_cores(project)
    if given != wanted:
        of = "cpus" if project.grid_config.cpus else "cpus_per_trial times max_concurrent"
        words = (
            f"jobs of PanDA have 1 or {SEVERAL_CORES} cores, so that {wanted} ({of}) become {given}"
        )
        yield Note("cpus", words)
    else:
        yield from (Note("cpus", note) for note in one_core_note(project, "PanDA"))


def _queue(project: Project, queue: Queue, *, idds: bool) -> Iterator[Note]:
    """Whether what a job asks for is what a queue has."""
    grid, name = project.grid_config, queue.name
    job = asked(project, idds=idds)
    lacking = queue.lacks(job)
    if queue.status != "online":
        yield Note("queue", f"{name} is in status {queue.status}: PanDA sends jobs there only "
                   "because it is named")  # fmt: skip
    if "gpus" in lacking:
        yield Note("gpus", f"{name} has no GPUs, and jobs ask for one: 'hpogrid sites' lists the "
                   "queues that have some", fatal=True)  # fmt: skip
    if queue.machine not in ("", USUAL_MACHINE):
        yield Note("image", f"the machines of {name} are {queue.machine}: the image "
                   f"{grid.container} has to be for them")  # fmt: skip
    if 0 < queue.hours < job.hours:
        yield Note("walltime", f"walltime {grid.walltime} is longer than the {queue.hours:g} h "
                   f"that {name} lets a job run: jobs end in time before that")  # fmt: skip
    if "memory" in lacking:
        yield Note("memory", f"a job of {name} has {queue.memory_mb} MB at most, and memory "
                   f"{grid.memory} is more: PanDA sends none there", fatal=True)  # fmt: skip
    if "cpus" in lacking:
        yield Note("cpus", f"a job of {name} has {counted(queue.cores, 'core')}, and "
                   f"{job.cores} are asked for: PanDA sends none there", fatal=True)  # fmt: skip

"""Where jobs run: one file for each kind of site, found by its name here."""

from __future__ import annotations

from collections.abc import Iterator

from hpogrid.config.schemas import GridConfig
from hpogrid.errors import UserError
from hpogrid.registry import Entry, Registry
from hpogrid.site.base import ServerSite, Site
from hpogrid.site.tasks import Task

SITES = Registry(
    "site",
    {
        "local": Entry("hpogrid.site.local:LocalSite", "detached processes on this machine"),
        "slurm": Entry("hpogrid.site.slurm:site", "job arrays of a Slurm cluster"),
        "sge": Entry("hpogrid.site.sge:site", "job arrays of a Grid Engine cluster"),
        "htcondor": Entry("hpogrid.site.htcondor:site", "clusters of jobs of an HTCondor pool"),
        "htcondor-transfer": Entry(
            "hpogrid.site.transfer:site", "the same, where the nodes see no disk of this machine"
        ),
        "pbs": Entry("hpogrid.site.psij:pbs", "jobs of a PBS cluster, by PSI/J"),
        "lsf": Entry("hpogrid.site.psij:lsf", "jobs of an LSF cluster, by PSI/J"),
        "flux": Entry("hpogrid.site.psij:flux", "jobs of a Flux instance, by PSI/J"),
        "cobalt": Entry("hpogrid.site.psij:cobalt", "jobs of a Cobalt cluster, by PSI/J"),
        "panda": Entry(
            "hpogrid.site.panda.site:PandaSite", "the PanDA grid: any other name is a queue"
        ),
    },
)


HERE = "local"
"""The site that is always there."""

QUEUES = "panda"
"""The kind of site whose queues have all the names that no other site has."""


def site_kind(name: str) -> str:
    """The kind of a site: its own name, or that of all queues.

    ``user@login.node:slurm``, a site of another machine, is a kind of its own.
    """
    return name if name in SITES or ":" in name else QUEUES


def make_site(name: str) -> Site:
    """The site called ``name``.

    Raises:
        UserError: it is one of another machine, and cannot be.
    """
    place, _, kind = name.rpartition(":")
    if place:
        from hpogrid.site.far import FarSite

        return FarSite(place, kind)
    site: Site = SITES.load(site_kind(name))()
    return site


def check_grid(site: str, grid: GridConfig) -> None:
    """Refuse settings with which no job of any project could be submitted at a site.

    Raises:
        UserError: which, and what to write instead.
    """
    where = make_site(site)
    if (grid.nodes or 1) > 1 and not where.traits.nodes:
        able = ", ".join(name for name in SITES if make_site(name).traits.nodes)
        raise UserError(
            f"nodes: a job at {site} has one node, not {grid.nodes}; leave it out, or choose a "
            f"site whose jobs have several: {able}"
        )
    where.check_config(grid)


def keeper(task: Task, job: int | None = None) -> str:
    """The kind of site that knows how a task's jobs are, or one of them.

    Of jobs that were imported no server does.
    """
    kind = site_kind(task.site if job is None else task.site_of(job))
    return HERE if task.imported and make_site(kind).server else kind


def keepers(task: Task) -> set[str]:
    """The kinds of sites at which a task has jobs."""
    return {keeper(task), *(keeper(task, job) for job in task.sites)}


def jobs_at(task: Task, kind: str) -> list[int]:
    """The jobs of a task that are at sites of a kind."""
    return [job for job in range(task.n_jobs) if keeper(task, job) == kind]


def bring(task: Task) -> list[str]:
    """Bring a task's ledgers into its folder; say what is missing, a sentence each."""
    try:
        missing = make_site(task.site).fetch(task) or []
    except UserError as error:
        missing = [f"{error}; showing what was fetched before"]
    return [f"task {task.id}: {sentence}" for sentence in missing]


def servers() -> Iterator[ServerSite]:
    """The sites with a server that may know tasks which were submitted elsewhere."""
    return (site.server for site in map(make_site, SITES) if site.server)

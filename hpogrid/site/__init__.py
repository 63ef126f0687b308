"""Where jobs run: one file for each kind of site, found by its name here."""

from __future__ import annotations

from hpogrid.registry import Entry, Registry
from hpogrid.site.base import Site

SITES = Registry(
    "site",
    {
        "local": Entry("hpogrid.site.local:LocalSite", "detached processes on this machine"),
        "slurm": Entry("hpogrid.site.slurm:site", "job arrays of a Slurm cluster"),
        "sge": Entry("hpogrid.site.sge:site", "job arrays of a Grid Engine cluster"),
        "htcondor": Entry("hpogrid.site.htcondor:site", "clusters of jobs of an HTCondor pool"),
        "pbs": Entry("hpogrid.site.psij:pbs", "jobs of a PBS cluster, by PSI/J"),
        "lsf": Entry("hpogrid.site.psij:lsf", "jobs of an LSF cluster, by PSI/J"),
        "flux": Entry("hpogrid.site.psij:flux", "jobs of a Flux instance, by PSI/J"),
        "cobalt": Entry("hpogrid.site.psij:cobalt", "jobs of a Cobalt cluster, by PSI/J"),
        "panda": Entry(
            "hpogrid.site.panda.site:PandaSite", "the PanDA grid: any other name is a queue"
        ),
    },
)


def site_kind(name: str) -> str:
    """The kind of a site: its own name, or ``panda``, whose queues have all other names."""
    return name if name in SITES else "panda"


def make_site(name: str) -> Site:
    """The site called ``name``."""
    site: Site = SITES.load(site_kind(name))()
    return site

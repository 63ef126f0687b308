"""Where jobs run: one file for each kind of site, found by its name here."""

from __future__ import annotations

from hpogrid.errors import UserError
from hpogrid.registry import Entry, Registry
from hpogrid.site.base import Site

SITES = Registry(
    "site",
    {
        "local": Entry("hpogrid.site.local:LocalSite", "detached processes on this machine"),
        "slurm": Entry("hpogrid.site.slurm:site", "job arrays of a Slurm cluster"),
    },
)


def site_kind(name: str) -> str:
    """The kind of a site: its own name.

    Raises:
        UserError: no such site.
    """
    if name not in SITES:
        raise UserError(
            f"site '{name}' cannot be used from here; known: {', '.join(SITES)} "
            "(choose with --site, or in the grid config)"
        )
    return name


def make_site(name: str) -> Site:
    """The site called ``name``."""
    site: Site = SITES.load(site_kind(name))()
    return site

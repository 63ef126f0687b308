"""``hpogrid check``."""

from __future__ import annotations

import click

from hpogrid.cli.complete import projects, sites
from hpogrid.cli.output import format_option, print_rows
from hpogrid.errors import Exit


@click.command()
@click.argument("project", required=False, shell_complete=projects)
@click.option(
    "-s",
    "--site",
    shell_complete=sites,
    help="Site or queue to check  [default: the grid config's].",
)
@format_option()
def check(project: str | None, site: str | None, form: str) -> int:
    """Say whether all is ready to submit, and what mends what is not.

    For the grid: the client, the credentials, the PanDA and Rucio servers; with a PROJECT also
    its scripts, image, queue, datasets and options. For other sites: a project's scripts, image
    and options, and whether the site answers. Nothing is submitted.

    For example: hpogrid check my_project
    """
    from hpogrid.config.project import load_project
    from hpogrid.site import site_kind
    from hpogrid.site.check import check_site
    from hpogrid.site.panda.check import check_grid, check_project

    loaded = load_project(project) if project is not None else None
    name = site or (loaded.grid_config.site if loaded is not None else "panda")
    if loaded is not None and site_kind(name) != "panda":
        findings = list(check_site(loaded, name))
    else:
        findings = list(check_grid())
        if loaded is not None:
            findings += check_project(loaded, name)
    print_rows([finding._asdict() for finding in findings], ["item", "state", "text"], form)
    return Exit.FAILURE if any(item.state == "bad" for item in findings) else Exit.OK

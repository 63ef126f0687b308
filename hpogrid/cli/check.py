"""``hpogrid check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import projects, sites
from hpogrid.cli.output import format_option, print_rows
from hpogrid.errors import Exit, UserError

if TYPE_CHECKING:
    from hpogrid.site.base import Site


@click.command()
@click.argument("project", required=False, shell_complete=projects)
@click.option(
    "-s",
    "--site",
    shell_complete=sites,
    help="Site or queue to check  [default: the grid config's].",
)
@click.option("--image", is_flag=True, help="Grid: run a job's program in the image, here.")
@click.option("--probe", is_flag=True, help="Grid: submit one job that tells what it finds there.")
@format_option()
def check(project: str | None, site: str | None, image: bool, probe: bool, form: str) -> int:
    """Say whether all is ready to submit, and what mends what is not.

    For the grid: the client, the credentials, the PanDA and Rucio servers; with a PROJECT also
    its scripts, image, queue, datasets and options. For other sites: a project's scripts, image
    and options, and whether the site answers. Nothing is submitted but what --probe asks for.

    For example: hpogrid check my_project
    """
    from hpogrid.config.project import load_project
    from hpogrid.site import make_site, servers

    loaded = load_project(project) if project is not None else None
    name = site or (loaded.grid_config.place if loaded is not None else "")
    sites: list[Site] = [make_site(name)] if name else list(servers())
    if image or probe:
        server = sites[0].server if name else None
        if loaded is None or server is None:
            raise UserError("--image and --probe are for a PROJECT at a queue of the grid")
        findings = [*server.check(None, name)]
        findings += server.examine(loaded, name, image=image, probe=probe)
    else:
        findings = [found for where in sites for found in where.check(loaded, name)]
    print_rows([finding._asdict() for finding in findings], ["item", "state", "text"], form)
    return Exit.FAILURE if any(item.state == "bad" for item in findings) else Exit.OK

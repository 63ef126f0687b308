"""``hpogrid plan``."""

from __future__ import annotations

import click

from hpogrid.cli.complete import projects, sites
from hpogrid.cli.output import format_option, print_rows


@click.command()
@click.argument("project", shell_complete=projects)
@click.option("-n", "--n_jobs", type=click.IntRange(1), default=1, show_default=True, help="Jobs.")
@click.option(
    "-s", "--site", shell_complete=sites, help="Site of the jobs  [default: the grid config's]."
)
@click.option("--scout", is_flag=True, help="Run one trial here, to tell the time of all.")
@format_option()
def plan(project: str, n_jobs: int, site: str | None, scout: bool, form: str) -> None:
    """Show what 'hpogrid run PROJECT' would do, before anything does.

    Points, jobs, time, every default that applies, every file and command.
    For example: hpogrid plan my_project --n_jobs 3
    """
    from hpogrid.site.scout import describe

    lines = describe(project, site=site, n_jobs=n_jobs, scout=scout)
    print_rows([{"what": what, "value": value} for what, value in lines], ["what", "value"], form)

"""``hpogrid sites``."""

from __future__ import annotations

from pathlib import Path

import click

from hpogrid.cli.output import format_option, message, print_rows

_COLUMNS = ["queue", "status", "gpu", "cores", "memory_mb", "hours", "input_mb", "site", "region"]


@click.command()
@click.option("--name", metavar="PATTERN", help="Only queues of this name (wildcards).")
@click.option("--all_sites", is_flag=True, help="Also queues without GPUs.")
@click.option("--all_status", is_flag=True, help="Also queues that are not online.")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="List of queues (JSON of CRIC or AGIS) instead of the one that is found.",
)
@click.option("--url", help="Where to get the list instead.")
@format_option()
def sites(
    name: str | None,
    all_sites: bool,
    all_status: bool,
    file: Path | None,
    url: str | None,
    form: str,
) -> None:
    """List the queues of the grid that have GPUs, those for the longest jobs first.

    The list comes from $CRIC_QUEUES_URL, else from CVMFS, else from CRIC. 0 means no limit.

    \b
    Examples:
      hpogrid sites
      hpogrid sites --name 'ANALY_*' --all_sites --all_status
    """
    from hpogrid.site.panda.queues import load_queues, select

    found = select(
        load_queues(file, url).values(), name=name, all_sites=all_sites, all_status=all_status
    )
    rows = [
        {
            "queue": queue.name,
            "status": queue.status,
            "gpu": queue.gpu,
            "cores": queue.cores,
            "memory_mb": queue.memory_mb,
            "hours": round(queue.hours, 1),
            "input_mb": queue.input_mb,
            "site": queue.site,
            "region": queue.region,
        }
        for queue in found
    ]
    print_rows(rows, _COLUMNS, form)
    if not found:
        message("no queue matches; see --name, --all_sites and --all_status")

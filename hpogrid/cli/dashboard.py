"""``hpogrid dashboard``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import projects_or_files
from hpogrid.cli.options import objective_options
from hpogrid.cli.output import message

if TYPE_CHECKING:
    from hpogrid.search.base import Mode


@click.command()
@click.argument("target", shell_complete=projects_or_files, metavar="PROJECT_OR_FILE")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Of the page."
)
@objective_options
def dashboard(target: str, port: int, metric: str | None, mode: Mode | None) -> None:
    """Look at a project in Optuna's dashboard: a snapshot, for this machine only.

    For example: hpogrid dashboard my_project --port 8081
    """

    from hpogrid.report.export.to_optuna import HOST, serve
    from hpogrid.report.load import given_objectives, load_sources, make_results, remarks

    sources = load_sources(target)
    for sentence in remarks(sources):
        message(sentence)
    results = make_results(sources, objectives=given_objectives(metric, mode))
    message(results.summary)
    serve(results, port, lambda: message(f"open http://{HOST}:{port}/ (Ctrl-C ends it)"))

"""``hpogrid report``."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import columns, projects_or_files
from hpogrid.cli.options import (
    objective_options,
    outname_option,
    server_option,
    task_filters,
    was_given,
)
from hpogrid.cli.output import F, format_option, message, print_data, print_file, print_paths, say
from hpogrid.cli.progress import working
from hpogrid.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpogrid.report.results import Results
    from hpogrid.search.base import Mode
    from hpogrid.site.choice import Filters
    from hpogrid.site.watching import Mirror


_WITH = {
    "outname": "an option that writes files, such as --to_csv",
    "tracking_uri": "--to_mlflow",
    "port": "--live",
}
"""What an option is about; without it, it has no effect."""


def _writer_options(function: F) -> F:
    """An option for each report format."""
    from hpogrid.report import WRITERS

    for name in reversed(list(WRITERS)):
        about = WRITERS.summary(name)
        function = click.option(f"--to_{name}", is_flag=True, help=f"Write {about}.")(function)
    return function


@click.command()
@click.argument("target", shell_complete=projects_or_files, metavar="PROJECT_OR_FILE")
@task_filters()
@click.option(
    "--extra",
    shell_complete=columns,
    multiple=True,
    metavar="COLUMN",
    help="More columns, also as a,b: site, task_time_s, time_s, taskid, version, reason, job, "
    "host, started, attempt, seed, last_report, or any reported metric.",
)
@outname_option("hpo_result")
@_writer_options
@click.option("--to_mlflow", is_flag=True, help="Write runs to MLflow (see --tracking_uri).")
@click.option(
    "--tracking_uri",
    help="Server or store of MLflow. Default: what the hpo config names, else "
    "$MLFLOW_TRACKING_URI, else sqlite:///mlflow.db.",
)
@click.option("--to_tensorboard", is_flag=True, help="Write a folder for TensorBoard's HParams.")
@click.option("--to_optuna", metavar="URL", help="Add the trials to a study in an Optuna storage.")
@click.option("--plot", is_flag=True, help="Draw the history in the terminal.")
@click.option("--rows", type=click.IntRange(0), default=20, show_default=True,
              help="Most rows of the printed table; 0: all.")  # fmt: skip
@server_option
@click.option("--live", is_flag=True, help="Serve the page on this machine, and follow the study.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of the page  [default: any]."
)
@objective_options
@format_option()
def report(
    target: str,
    filters: Filters,
    extra: tuple[str, ...],
    outname: str,
    rows: int,
    metric: str | None,
    mode: Mode | None,
    form: str,
    plot: bool,
    live: bool,
    port: int,
    to_mlflow: bool,
    tracking_uri: str | None,
    to_tensorboard: bool,
    to_optuna: str | None,
    server: str | None,
    **formats: bool,
) -> None:
    """Show the trials of a project, best first, and write them to files.

    PROJECT_OR_FILE is a project, or a ledger, a folder of ledgers, or a job's result file.

    \b
    Examples:
      hpogrid report p --to_csv --to_html --to_pcp
      hpogrid report p --range 12-15 --extra site --extra time_s
      hpogrid report ledger/job-0000.001.jsonl --metric loss --mode min
    """
    from hpogrid.report import save, writer
    from hpogrid.report.export import exporter
    from hpogrid.report.load import given_objectives, load_sources, make_results, remarks
    from hpogrid.report.trust import sentences
    from hpogrid.site.watching import looking_at

    chosen = [name.removeprefix("to_") for name, wanted in formats.items() if wanted]
    uses = {"outname": chosen or to_tensorboard, "tracking_uri": to_mlflow, "port": live}
    for option, used in uses.items():
        if was_given(option) and not used:
            message(f"--{option} has no effect without {_WITH[option]}")
    for name in chosen:
        writer(name)  # a missing library is better known before the work than after it
    targets = {
        "mlflow": "" if to_mlflow else None,
        "tensorboard": f"{outname}_tensorboard" if to_tensorboard else None,
        "optuna": to_optuna,
    }
    trackers = {name: (exporter(name), at) for name, at in targets.items() if at is not None}
    objectives = given_objectives(metric, mode)
    with working("reading trials"):
        there = looking_at(server, target) if server else contextlib.nullcontext()
        mirror = click.get_current_context().with_resource(there)
        sources = load_sources(target, filters, objectives)
        names = [name for item in extra for name in item.split(",") if name]
        results = make_results(sources, extra=names, objectives=objectives)
    for sentence in remarks(sources):
        message(sentence)
    _print(results, form, rows or None)
    if plot:
        _draw_history(results)
    message(results.summary)
    for sentence in sentences(results):
        message(sentence)
    for name in chosen:
        with working(f"writing {name}"):
            paths = save(results, name, outname)
        print_paths(paths, form)
    for name, (tracker, at) in trackers.items():
        with working(f"writing to {name}"):
            said = tracker.export(results, at or _mlflow_uri(tracking_uri, results))
        message(said)
    if live:

        def again() -> Results:
            return make_results(
                load_sources(target, filters, objectives), extra=names, objectives=objectives
            )

        _serve(again, port, mirror)


def _serve(read: Callable[[], Results], port: int, mirror: Mirror | None) -> None:
    """Show the page of a study as it grows, until Ctrl-C."""
    import threading

    from hpogrid.report.live import serving

    lost = False

    def bring() -> None:
        """Refresh the mirror; a server that is out of reach may come back."""
        nonlocal lost
        try:
            if mirror:
                mirror.refresh()
        except UserError as error:
            if not lost:
                message(f"{error}; the page stays as it is until that works again")
            lost = True
        else:
            if lost:
                message("the page follows the study again")
            lost = False

    with serving(read, port, bring) as address:
        say(address)
        message("the page follows the study until Ctrl-C; only this machine can reach it")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def _mlflow_uri(given: str | None, results: Results) -> str:
    named = given or results.mlflow or os.environ.get("MLFLOW_TRACKING_URI")
    return named or "sqlite:///mlflow.db"


def _print(results: Results, form: str, rows: int | None) -> None:
    from hpogrid.report import writer
    from hpogrid.report.table import print_table

    if form == "table":
        print_table(results, sys.stdout, rows)
    elif form == "yaml":
        names = results.names
        print_data([dict(zip(names, row, strict=True)) for row in results.rows()], form)
    else:
        table = io.BytesIO()
        writer(form).write(results, table)
        print_file(table.getvalue().decode())


def _draw_history(results: Results) -> None:
    import shutil

    from hpogrid.report.charts import draw
    from hpogrid.report.charts.as_text import text_chart

    charts = draw(results, "history")
    if not charts:
        message("--plot has nothing to draw: no trial has a result of what is optimised")
    for chart in charts:
        say(text_chart(chart, shutil.get_terminal_size().columns), nl=False, err=True)

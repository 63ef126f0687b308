"""``hpogrid run`` and ``hpogrid local_run``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import projects, sites
from hpogrid.cli.options import JsonObject
from hpogrid.cli.output import F, message, say
from hpogrid.errors import Exit, UserError
from hpogrid.space.value import Values
from hpogrid.text import counted

if TYPE_CHECKING:
    from hpogrid.config.project import Project
    from hpogrid.engine.run import Run
    from hpogrid.job.run import JobResult
    from hpogrid.job.start import Start
    from hpogrid.site.tasks import Task
    from hpogrid.study.study import Study


_FAILURES = 3
"""So many failed trials are shown at the end of a run."""


def _start_options(function: F) -> F:
    function = click.option(
        "--warm_start",
        metavar="FROM",
        help="Earlier results for the algorithm: a task, project, ledger, CSV or JSON file, "
        "mlflow:EXPERIMENT, or URL#STUDY of an Optuna storage.",
    )(function)
    return click.option(
        "-p",
        "--search_points",
        type=click.Path(path_type=Path),
        help="File with points to evaluate first.",
    )(function)


@click.command("run")
@click.argument("project", shell_complete=projects)
@click.option("-n", "--n_jobs", type=click.IntRange(1), default=1, show_default=True, help="Jobs.")
@click.option(
    "-s", "--site", shell_complete=sites, help="Site of the jobs  [default: the grid config's]."
)
@click.option("--independent", is_flag=True, help="Every job searches on its own.")
@click.option(
    "-m",
    "--mode",
    type=click.Choice(["grid", "idds", "local"]),
    default="grid",
    help="'local' runs the project here, as local_run does; with 'idds' PanDA's HPO service "
    "runs the search.",
)
@_start_options
@click.option("--dry_run", is_flag=True, help="Only print the commands and the files.")
@click.pass_context
def run_command(
    ctx: click.Context,
    project: str,
    n_jobs: int,
    site: str | None,
    independent: bool,
    mode: str,
    search_points: Path | None,
    warm_start: str | None,
    dry_run: bool,
) -> int:
    """Submit N_JOBS jobs of a PROJECT; together they are one search.

    For example: hpogrid run my_project --n_jobs 3 --site local
    """
    if mode == "local":
        code: int = ctx.invoke(
            local_run, project=project, search_points=search_points, warm_start=warm_start
        )
        return code
    from hpogrid.config.project import load_project
    from hpogrid.site.control import notes, plan, submit

    bundle = load_project(project)
    _tell_drift(bundle)
    if dry_run:
        for line in plan(project, site=site, n_jobs=n_jobs, mode=mode):
            say(line)
        return Exit.OK
    for note in notes(project, site=site, mode=mode, ask=True):
        message(f"note: {note}")
    start = _start(bundle, search_points, warm_start)
    with _told_of_default_site(bundle, site):
        task = submit(
            project, site=site, n_jobs=n_jobs, shared=not independent, start=start, mode=mode
        )
    message(f"task {task.id}: {counted(n_jobs, 'job')} of project '{project}' at {task.site}; "
            f"watch: hpogrid watch {task.id}")  # fmt: skip
    say(task.id)
    return Exit.OK


@click.command()
@click.argument("project", shell_complete=projects)
@click.option("--resume", is_flag=True, help="Go on with the last run of the project.")
@click.option(
    "--point",
    type=JsonObject(),
    help="Run one trial with these values only: a JSON object, or @FILE.",
)
@click.option(
    "--debug", is_flag=True, help="Run the --point in this process, with pdb where it fails."
)
@_start_options
def local_run(
    project: str,
    resume: bool,
    point: Values | None,
    debug: bool,
    search_points: Path | None,
    warm_start: str | None,
) -> int:
    """Run a PROJECT here, in the foreground. Ctrl-C ends it in good order.

    For example: hpogrid local_run my_project
    """
    from hpogrid.cli.progress import progress_of_run
    from hpogrid.config.project import load_project
    from hpogrid.engine import choose_engine
    from hpogrid.site import HERE
    from hpogrid.site.local import run_here
    from hpogrid.site.point import point_task
    from hpogrid.site.tasks import new_task

    given = (resume, point is not None, bool(search_points or warm_start))
    if sum(given) > 1:
        raise UserError(
            "--resume, --point, and --search_points or --warm_start do not go together; "
            "give one of them"
        )
    if debug and point is None:
        raise UserError("--debug runs one trial: say which with --point")
    bundle = load_project(project)
    _tell_drift(bundle)
    if point is not None:
        task = point_task(bundle, point, debug=debug)
    elif resume:
        task = _last_run(bundle)
    else:
        start = _start(bundle, search_points, warm_start)
        task = new_task(bundle, site=HERE, foreground=True, start=start)
    engine = choose_engine(task.read_project(), task.scripts)
    message(f"engine {engine.name}: {engine.why}")
    known: list[Study] = []
    if debug:
        result = run_here(task, lambda run: None)
    else:
        with progress_of_run() as progress:

            def follow(run: Run) -> None:
                known[:] = [run.study]
                progress(run)

            result = run_here(task, follow)
    # A run that began here, alone, knows all that stands in its ledger, which may be large.
    alone = result.attempt == 1 and task.read_project().storage is None
    _summarise(bundle, task, result, known if alone else [])
    if result.state in ("interrupted", "unfinished"):
        message(f"resume with: hpogrid local_run {project} --resume")
    if result.state == "interrupted":
        return Exit.INTERRUPTED
    return Exit.OK if result.finished > result.failed or not result.finished else Exit.FAILURE


@contextlib.contextmanager
def _told_of_default_site(project: Project, site: str | None) -> Iterator[None]:
    """Where the default site takes nothing, say first how it runs without the grid."""
    from hpogrid.config.schemas import GridConfig

    try:
        yield
    except UserError as error:
        if type(error) is not UserError or site is not None:
            raise
        if project.grid_config.place != GridConfig().site:
            raise
        raise UserError(
            f"here it runs with: hpogrid run {project.name} --site local (no site was chosen, and "
            f"the default is {project.grid_config.site} of the PanDA grid); for the grid: {error}"
        ) from error


def _tell_drift(project: Project) -> None:
    from hpogrid.config.advice import drift_notes

    for note in drift_notes(project):
        message(f"note: {note}")


def _start(project: Project, points: Path | None, warm_start: str | None) -> Start:
    from hpogrid.site.starting import make_start

    start, notes = make_start(project, points, warm_start)
    for note in notes:
        message(f"note: {note}")
    return start


def _last_run(project: Project) -> Task:
    from hpogrid.site.tasks import find_tasks

    found = find_tasks(project=project.name)
    task = next((task for task in found if task.foreground and task.searches), None)
    if task is None:
        raise UserError(f"project '{project.name}' has no run to resume; leave out --resume")
    if task.project_hash != project.hash:
        raise UserError(
            f"project '{project.name}' has changed since task {task.id}; "
            "start a new run without --resume"
        )
    return task


def _summarise(project: Project, task: Task, result: JobResult, known: Sequence[Study]) -> None:
    from hpogrid.config.advice import cut_note
    from hpogrid.report.watch import best_words
    from hpogrid.site.point import debug_command
    from hpogrid.study.study import read_study
    from hpogrid.study.values import best_of

    config = project.hpo_config
    failed = f", {result.failed} of them failed" if result.failed else ""
    message(
        f"task {task.id}: {counted(result.finished, 'trial')} finished{failed}: {result.reason}"
    )
    study, warnings = (known[0], []) if known else read_study(task.ledgers)
    for warning in warnings:
        message(f"note: {warning}")
    failures = [trial for trial in study if trial.state == "failed"]
    for trial in failures[:_FAILURES]:
        command = debug_command(project, trial.applied)
        message(f"trial {trial.id} failed: {trial.reason}\n  debug it: {command}")
    if len(failures) > _FAILURES:
        message(
            f"{len(failures) - _FAILURES} more failed; how to debug one: "
            f"hpogrid tasks logs {task.id} --trial {failures[-1].id}"
        )
    if cut := cut_note(config, study):
        message(f"note: {cut}")
    metric = config.metrics[0]
    best = best_of(study, metric, config.modes[0])
    if best is not None:
        say(best_words(metric, best))
    sys.stdout.flush()

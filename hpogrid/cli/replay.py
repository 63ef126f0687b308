"""``hpogrid replay``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import projects, sites, trials
from hpogrid.cli.output import message, say
from hpogrid.errors import Exit, RunError

if TYPE_CHECKING:
    from hpogrid.site.tasks import Task


@click.command()
@click.argument("project", shell_complete=projects)
@click.argument("trial", shell_complete=trials)
@click.option(
    "-s", "--site", shell_complete=sites, help="Where  [default: here, in the foreground]."
)
@click.option("--python", metavar="PYTHON", help="In this Python, or the one of this environment.")
def replay(project: str, trial: str, site: str | None, python: str | None) -> int:
    """Run a TRIAL of a PROJECT, or of a task, again, and say whether it comes to the same.

    With its values, its seed, its version of the scripts and as many threads; the last line says
    what differs in Python, packages, GPUs and machine. Ends with 1 where the results differ.
    For example: hpogrid replay my_project 0-7
    """
    from hpogrid.report.card import find_trial
    from hpogrid.report.replay import compare
    from hpogrid.site.replay import replay_task
    from hpogrid.site.tasks import load_task
    from hpogrid.study.study import read_study

    found = find_trial(project, trial)
    before = found.origin.environment(found.trial)
    task = replay_task(found.task, found.trial, before, site=site, python=python)
    message(f"task {task.id}: trial {trial} of task {found.task.id} again")
    _run(task)
    study, _ = read_study(load_task(task.id).ledgers)
    now = next((item for item in study if item.finished), None)
    if now is None:
        raise RunError(f"it did not come to its end; 'hpogrid tasks show {task.id}' tells more")
    names = task.read_project().hpo_config.metrics
    environments = before, study.environments.get((now.job, now.run))
    verdict = compare(found.trial, now, names, environments)
    for sentence in verdict.sentences:
        say(sentence)
    return Exit.OK if verdict.equal else Exit.FAILURE


def _run(task: Task) -> None:
    """Run the task here, or wait for it."""
    from hpogrid.cli.progress import progress_of_run
    from hpogrid.cli.watch import follow
    from hpogrid.site import make_site
    from hpogrid.site.control import overview
    from hpogrid.site.local import run_here

    if not task.foreground:
        follow(overview([task]))
        make_site(task.site).fetch(task)
        return
    with progress_of_run() as progress:
        result = run_here(task, progress)
    if result.state == "interrupted":
        raise KeyboardInterrupt

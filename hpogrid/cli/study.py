"""``hpogrid study``."""

from __future__ import annotations

from pathlib import Path

import click

from hpogrid.cli.complete import projects, tasks
from hpogrid.cli.output import format_option, message, print_rows, say

_storage = click.option(
    "--storage", metavar="URL", help="An Optuna storage, instead of the ledgers."
)


@click.group()
def study() -> None:
    """What was found: the studies of projects, here or in an Optuna storage.

    For example: hpogrid study show my_project
    """


@study.command("list")
@_storage
@format_option()
def list_studies(storage: str | None, form: str) -> None:
    """List the studies: of every project that was run, or of a storage."""
    from hpogrid.site.studies import own_studies, stored_studies

    rows = stored_studies(storage) if storage else own_studies()
    print_rows(rows, ["study", "mode", "trials", "best", "started"], form)
    for row in rows:
        if row.get("notes"):
            message(f"{row['study']}: {row['notes']}")
    if not rows:
        message("there is no study yet")


@study.command("show")
@click.argument("name")
@_storage
@format_option()
def show(name: str, storage: str | None, form: str) -> None:
    """Show the study NAME: a project's, or one in a storage."""
    from hpogrid.site.studies import own_study, stored_study

    row = stored_study(storage, name) if storage else own_study(name)
    print_rows([row], list(row), form)


@study.command("create", short_help="Make the study of a PROJECT in its storage.")
@click.argument("project", shell_complete=projects)
@_storage
def create(project: str, storage: str | None) -> None:
    """Make the study of a PROJECT in its storage (the first job would, too)."""
    from hpogrid.site.studies import create_study

    name, where = create_study(project, storage)
    message(f"study '{name}' is in {where}")


@study.command("export")
@click.argument("task", type=int, shell_complete=tasks)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="File  [default: PROJECT-TASK.tar.gz]."
)
def export(task: int, output: Path | None) -> None:
    """Write a TASK, by its number, with all its trials to one file."""
    from hpogrid.site import bring
    from hpogrid.site.studies import export_task
    from hpogrid.site.tasks import load_task

    for sentence in bring(load_task(task)):
        message(f"note: {sentence}")
    say(export_task(task, output))


@study.command("import", short_help="Take in a task that was exported.")
@click.argument("path", type=click.Path(path_type=Path))
def import_(path: Path) -> None:
    """Take in a task from the file PATH that ``export`` wrote, under a new number."""
    from hpogrid.site.studies import import_task

    task = import_task(path)
    message(f"imported task {task.id} of project '{task.project}'")
    say(task.id)

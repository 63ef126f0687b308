"""``hpogrid trial``."""

from __future__ import annotations

import click

from hpogrid.cli.complete import projects, trials
from hpogrid.cli.output import cell, format_option, message, print_data, print_rows
from hpogrid.text import counted

_TASK = click.argument("task", shell_complete=projects, metavar="ID")
_TRIAL = click.argument("name", shell_complete=trials, metavar="TRIAL")


@click.group()
def trial() -> None:
    """One trial: all that is known of it, and what you write about it.

    ID is the number of a task, or the name of a project where only one of its tasks has the TRIAL.
    For example: hpogrid trial note 12 0-7 'the loss jumps at epoch 3'
    """


@trial.command("show", short_help="Show all that is known of a TRIAL.")
@_TASK
@_TRIAL
@format_option()
def show(task: str, name: str, form: str) -> None:
    """Show a TRIAL: values, results, times, environment, notes, files, how to run it again."""
    from hpogrid.report.card import card, find_trial

    known = card(find_trial(task, name))
    if form in ("json", "yaml"):
        print_data(known, form)
        return
    rows = [{"what": what, "value": cell(value)} for what, value in known.items()]
    print_rows(rows, ["what", "value"], form)


@trial.command("note", short_help="Write a note about a TRIAL.")
@_TASK
@_TRIAL
@click.argument("text")
def note(task: str, name: str, text: str) -> None:
    """Write a note about a TRIAL; the page, the tables and the exports show it."""
    from hpogrid.report.card import find_trial
    from hpogrid.site.tasks import user_name
    from hpogrid.study.notes import add_note

    found = find_trial(task, name)
    add_note(found.task.folder, name, user_name(), text)
    message(f"noted for trial {name} of task {found.task.id}")


@trial.command("tag", short_help="Give tags to a TRIAL.")
@_TASK
@_TRIAL
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@click.option("--remove", is_flag=True, help="Take the tags away.")
def tag(task: str, name: str, tags: tuple[str, ...], remove: bool) -> None:
    """Give tags to a TRIAL: words to find it by in the page's filter and in tables."""
    from hpogrid.report.card import find_trial
    from hpogrid.site.tasks import user_name
    from hpogrid.study.notes import set_tags

    found = find_trial(task, name)
    set_tags(found.task.folder, name, user_name(), list(tags), removed=remove)
    done = "taken from" if remove else "given to"
    message(f"{counted(len(tags), 'tag')} {done} trial {name} of task {found.task.id}")

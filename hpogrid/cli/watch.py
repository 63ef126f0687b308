"""``hpogrid watch``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hpogrid.cli.output import message, print_rows, say
from hpogrid.errors import Exit, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpogrid.cli.progress import Gauge, Screen
    from hpogrid.report.follow import Followed
    from hpogrid.report.watch import Standing
    from hpogrid.site.control import Overview

_FIRST_PAUSE = 0.5
_LAST_PAUSE = 30.0
_TICK = 1.0
_MOST_FAILURES = 20
_COLUMNS = ["jeditaskid", "status", "trials", "computingsite", "taskname"]


@click.command()
@click.argument("target", required=False, metavar="[PROJECT|ID]")
def watch(target: str | None) -> int:
    """Show how searches go on until they end: of a PROJECT, a task, or all that run.

    For example: hpogrid watch my_project
    """
    found = _wanted(target)
    if not found:
        message("no task is active; 'hpogrid tasks show' lists all, 'hpogrid run' starts one")
        return Exit.OK
    found, stands = follow(found)
    print_rows([item.row() for item in found], _COLUMNS, "table")
    for line in results(stands):
        say(line)
    return Exit.OK


def _wanted(target: str | None) -> list[Overview]:
    """The tasks that are named, or run; of a project that has none that runs, the last one.

    Raises:
        UserError: there is no such task or project.
    """
    from hpogrid.report.load import is_project
    from hpogrid.site.choice import Filters, study_of
    from hpogrid.site.control import any_task, overview, survey

    if target is None:
        seen = survey()
        for problem in seen.problems:
            message(f"note: {problem}")
        return [item for item in seen.found if item.active]
    if target.isdecimal():
        return overview([any_task(int(target))])
    if not is_project(target):
        raise UserError(
            f"there is no project '{target}' and no task of that number; 'hpogrid tasks show' "
            "lists the tasks"
        )
    found = overview(study_of(target, Filters()).tasks)
    if not found:
        raise UserError(f"project '{target}' has no tasks yet; 'hpogrid run {target}' starts them")
    return [item for item in found if item.active] or found[:1]


def follow(
    found: Sequence[Overview], *, details: bool = False
) -> tuple[list[Overview], list[Standing]]:
    """Show tasks until none is active.

    Args:
        found: the tasks as they are now.
        details: see `hpogrid.site.control.overview`.

    Returns:
        The tasks as they are then, and how their searches stand.
    """
    from hpogrid.cli.progress import Gauge, screen
    from hpogrid.report.follow import Followed

    items, gauge, pause = list(found), Gauge(), _FIRST_PAUSE
    tasks = [Followed(item.task) for item in items]
    with screen() as on:
        while True:
            stands = _show(on, tasks, items, gauge)
            if not any(map(_goes_on, items)):
                return items, stands
            _wait(on, tasks, items, gauge, pause)
            items = _ask(items, details)
            pause = min(pause * 1.2, _LAST_PAUSE)


def _goes_on(item: Overview) -> bool:
    """Whether a task is active, or may be: its site may answer again."""
    return item.active or any(job.state == "unknown" for job in item.jobs)


def _show(
    on: Screen, tasks: Sequence[Followed], items: Sequence[Overview], gauge: Gauge
) -> list[Standing]:
    places = {name: path for task in tasks for name, path in task.folders().items()}
    usage = gauge.look(places)
    stands = [task.look(item, usage) for task, item in zip(tasks, items, strict=True)]
    on.show(stands)
    return stands


def _wait(
    on: Screen, tasks: Sequence[Followed], items: Sequence[Overview], gauge: Gauge, pause: float
) -> None:
    """Let the sites alone for a while, and look at the ledgers only; less if all is over."""
    until = time.monotonic() + pause
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _TICK))
        _show(on, tasks, items, gauge)
        if all(task.over for task in tasks):
            return


def _ask(items: Sequence[Overview], details: bool) -> list[Overview]:
    """How tasks are now. A site that does not answer is asked again.

    Raises:
        UserError: it did not answer for a long time.
    """
    from hpogrid.site.control import overview

    for attempt in range(1, _MOST_FAILURES + 1):
        try:
            return overview([item.task for item in items], details=details)
        except UserError as error:
            if attempt == _MOST_FAILURES:
                raise
            message(f"note: {error}; asking again")
            time.sleep(_LAST_PAUSE)
    raise AssertionError("unreachable")


def results(stands: Sequence[Standing]) -> list[str]:
    """What the searches have found, a line each."""
    from hpogrid.report.watch import best_words

    return [best_words(item.metric, item.best) for item in stands if item.best is not None]

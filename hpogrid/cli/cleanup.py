"""``hpogrid cleanup``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hpogrid.cli.complete import projects_or_files
from hpogrid.cli.options import Amount, ids_option
from hpogrid.cli.output import Row, format_option, message, print_rows
from hpogrid.errors import Exit, UserError
from hpogrid.text import bytes_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpogrid.cleanup.targets import Plan, Target
    from hpogrid.cleanup.trash import Item
    from hpogrid.search.base import Mode

_MOST_NAMED = 20
_KINDS = {"checkpoints": ("checkpoint",), "outputs": ("output",), "all": ("checkpoint", "output")}


@click.command()
@click.argument("target", shell_complete=projects_or_files, metavar="PROJECT_OR_FOLDER")
@click.option("--keep", default="best", show_default=True, metavar="POLICY",
              help="What stays: best, last, 'top K', or none.")  # fmt: skip
@click.option("--only", type=click.Choice(list(_KINDS)), default="all", show_default=True,
              help="What may go.")  # fmt: skip
@click.option(
    "--yes", "-y", is_flag=True, help="Do it; without this it only says what it would do."
)
@click.option("--undo", is_flag=True, help="Bring back what went last.")
@click.option("--purge", is_flag=True, help="Delete for good what is in the trash.")
@ids_option
@click.option("--metric", help="In a folder of models: the metric that says which is best.")
@click.option("--mode", type=click.Choice(["min", "max"]), help="Which way it is better.")
@click.option("--idle", type=Amount(0), default=10, show_default=True,
              help="In a folder of models: minutes without a change after which nothing trains "
              "a model any more.")  # fmt: skip
@click.option("--dry_run", is_flag=True, help="Only say what it would do, as without --yes.")
@format_option()
def cleanup(
    target: str,
    keep: str,
    only: str,
    yes: bool,
    undo: bool,
    purge: bool,
    ids: str | None,
    metric: str | None,
    mode: Mode | None,
    idle: float,
    dry_run: bool,
    form: str,
) -> int:
    """Make room: move checkpoints and outputs of trials into a trash.

    Without --yes it only lists what would go, with sizes. The policy 'best' keeps the newest
    checkpoint and the outputs of the best trial, 'top 3' those of the best three, 'last' those of
    every trial, 'none' nothing. Ledgers and other records always stay, and so does what a link
    leads to that stays; a trial that runs or will go on is left alone. PROJECT_OR_FOLDER may also
    be a folder of models that each have the files metrics and hyperparams.txt.

    For example: hpogrid cleanup my_project --keep 'top 3' --yes
    """
    from hpogrid.cleanup.policy import check_policy
    from hpogrid.cleanup.targets import find_targets, make_plan
    from hpogrid.report.load import given_objectives

    if undo and purge:
        raise UserError("--undo and --purge do not go together; give one of them")
    check_policy(keep)
    targets = find_targets(
        target, ids=ids, objectives=given_objectives(metric, mode), idle=60 * idle
    )
    really = yes and not dry_run
    if undo:
        return _undo(targets, dry_run, form)
    if purge:
        _purge(targets, really, form)
        return Exit.OK
    _move(targets, make_plan(targets, keep, _KINDS[only]), really, form)
    return Exit.OK


def _move(targets: Sequence[Target], plan: Plan, really: bool, form: str) -> None:
    from hpogrid.cleanup.targets import carry_out

    rows = [
        {"trial": item.trial, "kind": item.kind, "size": _shown(item.size, form), "path": item.path}
        for item in plan.going
    ]
    _print(rows, ["trial", "kind", "size", "path"], form)
    if plan.linked:
        paths = _some([str(item.path) for item in plan.linked])
        message(f"note: because links lead there, these stay: {paths}")
    if plan.busy:
        message(f"note: left alone, because they run or will go on: {_some(plan.busy)}")
    if not really:
        going = bytes_text(sum(item.size for item in plan.going))
        what = f"{len(plan.going)} things, {going} of {bytes_text(plan.total)}"
        message(f"would move {what}, to the trash; --yes does it")
        return
    moved = carry_out(targets, plan)
    message(
        f"moved {len(moved)} things, {bytes_text(_sum(moved))}, to the trash; --undo brings them "
        "back, --purge --yes deletes them"
    )


def _some(names: Sequence[str]) -> str:
    """The first few of some names."""
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown}, and {more} more" if more > 0 else shown


def _undo(targets: Sequence[Target], dry_run: bool, form: str) -> int:
    from hpogrid.cleanup.targets import undo

    if dry_run:
        found = _list_trash(targets, form)
        message(f"the trash holds {len(found)} things, {bytes_text(_sum(found))}")
        return Exit.OK
    back, problems = undo(targets)
    for problem in problems:
        message(f"note: {problem}")
    message(f"brought back {len(back)} things, {bytes_text(_sum(back))}")
    return Exit.FAILURE if problems else Exit.OK


def _purge(targets: Sequence[Target], really: bool, form: str) -> None:
    from hpogrid.cleanup.trash import Trash

    if not really:
        found = _list_trash(targets, form)
        message(f"would delete {len(found)} things, {bytes_text(_sum(found))}; --yes does it")
        return
    found = [item for target in targets for item in Trash(target.root).purge()]
    message(f"deleted {len(found)} things, {bytes_text(_sum(found))}")


def _list_trash(targets: Sequence[Target], form: str) -> list[Item]:
    from hpogrid.cleanup.trash import Trash

    found = [(target.root, item) for target in targets for item in Trash(target.root).items()]
    rows = [
        {"size": _shown(item.size, form), "path": Path(root, item.path)} for root, item in found
    ]
    _print(rows, ["size", "path"], form)
    return [item for _, item in found]


def _print(rows: Sequence[Row], columns: list[str], form: str) -> None:
    plain = [{**row, "path": str(row["path"])} for row in rows]
    if plain or form != "table":
        print_rows(plain, columns, form)


def _shown(size: int, form: str) -> int | str:
    return bytes_text(size) if form == "table" else size


def _sum(items: Sequence[Item]) -> int:
    return sum(item.size for item in items)

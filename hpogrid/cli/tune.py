"""``hpogrid tune``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpogrid.cli.output import message
from hpogrid.cli.proposing import (
    confirmed,
    name_of,
    script_of,
    script_options,
    settings_of,
    tell,
    tell_hpo,
    wish_of,
)
from hpogrid.errors import Exit, UserError

if TYPE_CHECKING:
    from hpogrid.config.whole import Configs

_NUMBER = re.compile(r"-[0-9.]")
_WRITTEN_OUT = re.compile(r"([A-Za-z_][\w.-]*)~(.+)")
"""``lr~loguniform(1e-5,1e-2)``"""


def _plain(word: str) -> str:
    return word.replace("-", "_") if word.startswith("--") else word


class _Axes(click.Command):
    """A command in which options that it does not know are axes: ``--lr 1e-5:1e-2:log``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the axes, and what stands behind ``--``, out of the arguments."""
        before, mark, behind = args, [], []
        if "--" in args:
            at = args.index("--")
            before, mark, behind = args[:at], ["--"], args[at + 1 :]
        known, axes = self._parted(ctx, before)
        ctx.ensure_object(dict)["axes"] = axes
        ctx.obj["behind"] = behind
        return super().parse_args(ctx, known + mark)

    def _option(self, ctx: click.Context, word: str) -> click.Option | None:
        """The option of this command that a word begins with."""
        options = [*self.params, self.get_help_option(ctx)]
        for option in options:
            if isinstance(option, click.Option):
                for spelling in option.opts:
                    short = len(spelling) == 2
                    if short and re.fullmatch(f"{spelling}([^A-Za-z].*)?", word):
                        return option
                    if not short and _plain(spelling) == _plain(word.partition("=")[0]):
                        return option
        return None

    def _parted(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[list[str], list[tuple[str, str]]]:
        """The arguments that are the command's own, and the axes."""
        known: list[str] = []
        axes: list[tuple[str, str]] = []
        waiting = list(args)
        while waiting:
            word = waiting.pop(0)
            name, given, value = word.partition("=")
            axis = _WRITTEN_OUT.fullmatch(word)
            option = self._option(ctx, word)
            if axis is not None:
                axes.append((axis[1], axis[2]))
            elif option is not None:
                known.append(word)
                glued = given or (word[1] != "-" and len(word) > 2)  # --trials=9, -n9
                if not option.is_flag and not glued and waiting:
                    known.append(waiting.pop(0))
            elif not word.startswith("-"):
                known.append(word)
            elif given:
                axes.append((name.lstrip("-"), value))
            elif waiting and (not waiting[0].startswith("-") or _NUMBER.match(waiting[0])):
                axes.append((name.lstrip("-"), waiting.pop(0)))
            else:
                raise click.UsageError(
                    f"{name} needs a range, such as {name} 1e-5:1e-2:log; a flag of the script "
                    "goes behind --"
                )
        return known, axes


@click.command(cls=_Axes)
@click.argument("script", type=click.Path(path_type=Path), required=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--AXIS RANGE]... [-- WORDS]")
@script_options
@click.option("--n_jobs", type=click.IntRange(1), default=1, show_default=True, help="Jobs.")
@click.option("--dry_run", is_flag=True, help="Only show what would be done.")
@click.pass_context
def tune(
    ctx: click.Context,
    /,
    script: Path | None,
    words: tuple[str, ...],
    n_jobs: int,
    dry_run: bool,
    **given: Any,
) -> int:
    """Search the best options of a training SCRIPT: here, or with --site as jobs.

    \b
    Each --AXIS is an option of the script, or a name in its config, with a range:
      --lr 1e-5:1e-2:log   --layers 1:8:int   --dropout 0:0.5   --act relu,tanh
      --momentum 0.9 (one value is passed on)   'lr~loguniform(1e-5,1e-2)'
    Without any, what is searched is read in the script. WORDS behind -- are the script's own.
    It makes configs and a project of the script's name; called again, it goes on.

    For example: hpogrid tune train.py --lr 1e-5:1e-2:log --metric val_acc --mode max -n 50
    """
    from hpogrid.config.proposal import checked, propose, scripts_of
    from hpogrid.config.reading.script import read_script
    from hpogrid.config.whole import store_whole

    axes, own = ctx.obj["axes"], [*words, *ctx.obj["behind"]]
    script = script_of(script)
    guess = read_script(script, wish_of(axes, own, True, given))
    name = name_of(script, given.pop("name"))
    yes, site = given.pop("yes"), given["site"]
    data = propose(script, guess, settings_of(given))
    configs, scripts = checked(name, data), scripts_of(script, guess)
    tell(guess)
    said = tell_hpo(data["hpo_config"], name)
    if dry_run:
        _show(data, name)
        return Exit.OK
    known = _goes_on(name, configs, scripts, yes)
    for note in store_whole(name, configs, scripts):
        if note not in said:
            message(f"note: {note}")
    if not known:
        message(f"created project '{name}'; its parts: hpogrid project show {name}")
    return _start(ctx, name, site, n_jobs)


def _show(data: dict[str, Any], name: str) -> None:
    """What would be stored, and started."""
    from hpogrid.cli.output import print_data

    print_data({"project": name, **data}, "json")


def _goes_on(name: str, configs: Configs, scripts: Path, yes: bool) -> bool:
    """Whether there is a project of that name; what would be another study is asked for.

    Raises:
        UserError: the user does not want it changed.
    """
    from hpogrid.config.project import project_names
    from hpogrid.config.store import STORES
    from hpogrid.config.whole import changed_kinds, is_same

    if name not in project_names():
        taken = [store for kind, store in STORES.items() if store.where(name).exists()
                 and not is_same(store.load(name), configs[kind])]  # fmt: skip
        if taken and not yes:
            raise UserError(
                f"there is another {taken[0].label} '{name}' already; give another --name, or "
                "--yes to replace it"
            )
        return False
    changed = changed_kinds(name, configs, scripts)
    if "scripts" in changed:
        message(f"note: the script has changed: this is a new version of project '{name}', and "
                "reports keep the results of the earlier one apart")  # fmt: skip
    other = [kind.replace("_", " ") for kind in changed if kind != "scripts"]
    if other:
        question = f"Project '{name}' has another {', '.join(other)}. Change it?"
        if not yes and not confirmed(question):
            raise UserError(
                f"project '{name}' has another {', '.join(other)}, and stays as it is; give --yes "
                "to change it (a backup is kept), or another --name"
            )
    return True


def _start(ctx: click.Context, name: str, site: str, n_jobs: int) -> int:
    """Run the project here, or submit it; what it has found already is known to the search."""
    from hpogrid.cli.run import local_run, run_command
    from hpogrid.site import HERE

    here = site == HERE and n_jobs == 1
    if here and _is_unfinished(name):
        code: int = ctx.invoke(local_run, project=name, resume=True)
    else:
        earlier = {"warm_start": name} if _has_results(name) else {}
        if here:
            code = ctx.invoke(local_run, project=name, **earlier)
        else:
            code = ctx.invoke(run_command, project=name, n_jobs=n_jobs, **earlier)
    if code == Exit.OK:
        message(f"all trials: hpogrid report {name}")
    return code


def _has_results(name: str) -> bool:
    """Whether the project, as it is now, has trials that are complete."""
    from hpogrid.config.project import load_project
    from hpogrid.site.choice import study_of, version_of
    from hpogrid.study.study import read_study

    now = load_project(name).study_version
    tasks = (task for task in study_of(name).tasks if version_of(task) == now)
    return any(trial.state == "complete" for task in tasks for trial in read_study(task.ledgers)[0])


def _is_unfinished(name: str) -> bool:
    """Whether the last run here was ended before its time."""
    from hpogrid.config.project import load_project
    from hpogrid.job.run import read_result
    from hpogrid.site.tasks import find_tasks

    found = find_tasks(project=name)
    last = next((task for task in found if task.foreground and task.searches), None)
    if last is None or last.project_hash != load_project(name).hash:
        return False
    result = read_result(last.job_folder(0))
    return result is not None and result.state in ("interrupted", "unfinished")

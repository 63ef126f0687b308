"""What ``hpogrid tune`` and ``hpogrid init`` share: options about a script, and reading it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpogrid.cli.complete import sites
from hpogrid.cli.options import Known
from hpogrid.cli.output import message
from hpogrid.errors import UserError
from hpogrid.schedule import SCHEDULERS
from hpogrid.search import ALGORITHMS

if TYPE_CHECKING:
    from hpogrid.config.proposal import Settings
    from hpogrid.config.reading.base import Wish
    from hpogrid.config.reading.script import Guess
    from hpogrid.space.parameter import Parameter

_OPTIONS = (
    click.option("--name", help="Name of the configs and the project  [default: the script's]."),
    click.option("--set", "axes", multiple=True, metavar="NAME=RANGE",
                 help="Search NAME in LOW:HIGH (with :log, :int, :step=S behind), in a,b,c, or in "
                 "any form of a dialect."),
    click.option("--space", type=click.Path(path_type=Path), metavar="FILE",
                 help="Axes from a file in any dialect: a sweep of wandb, NNI's search_space.json, "
                 "ConfigSpace, ..."),
    click.option("--leave", multiple=True, metavar="NAME",
                 help="Option of the script that keeps its default."),
    click.option("--model", help="Function or class to call  [default: look]."),
    click.option("--metric", help="Metric to optimise (several: a,b)  [default: look]."),
    click.option("--mode", help="min or max  [default: what the metric's name says]."),
    click.option("--metric_regex",
                 help="Pattern over the output with a group around the metric."),
    click.option("--trials", "--num_trials", "-n", type=click.IntRange(1), default=50,
                 show_default=True, help="Trials of each job."),
    click.option("--algorithm", type=Known(list(ALGORITHMS)),
                 help="Algorithm that proposes the next point  [default: auto]."),
    click.option("--scheduler", type=Known(list(SCHEDULERS)),
                 help="Who stops bad trials early  [default: asynchyperband, with epochs]."),
    click.option("--max_concurrent", "-c", type=click.IntRange(1), help="Trials at once."),
    click.option("--time", metavar="TIME",
                 help="How long a job may search: 90m, 12h, 1-00:00:00."),
    click.option("--seed", type=click.IntRange(0), help="Seed of everything random."),
    click.option("--python", help="Python of the trials, or the folder of its environment."),
    click.option("--site", "-s", shell_complete=sites, default="local", show_default=True,
                 help="Site of the jobs."),
    click.option("--ask_script", is_flag=True,
                 help="Run the script with --help to find its options."),
    click.option("--yes", "-y", is_flag=True, help="Do not ask."),
)  # fmt: skip


def script_options(function: Any) -> Any:
    """The options about a script, how to search, and where."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def wish_of(
    axes: Iterable[tuple[str, str]], words: Iterable[str], only: bool, given: dict[str, Any]
) -> Wish:
    """What the options say of the script; those are taken out of ``given``.

    Args:
        axes: ranges by name; more are in ``given``.
        words: the script's own.
        only: whether nothing is searched but the axes, where there are any.
        given: the options.
    """
    from hpogrid.config.reading.base import Wish

    ranges: dict[str, str | Parameter] = {}
    typed = [*axes, *(_pair(text) for text in given.pop("axes"))]
    file: Path | None = given.pop("space")
    for name, axis in [*typed, *(_in_file(file) if file else [])]:
        if name in ranges:
            raise UserError(f"{name} is given twice; keep one of them")
        ranges[name] = axis
    only = file is not None or (only and bool(typed))
    return Wish(
        axes=ranges,
        only=only,
        leave=frozenset(given.pop("leave")),
        words=tuple(words),
        model=given.pop("model"),
        metric=given.pop("metric"),
        mode=given.pop("mode"),
        metric_regex=given.pop("metric_regex"),
        ask=given.pop("ask_script"),
    )


def _in_file(path: Path) -> Iterable[tuple[str, Parameter]]:
    from hpogrid.space.dialects import read_space_file

    space, notes = read_space_file(path, str(path))
    for note in notes:
        message(f"note: {note}")
    return space.parameters.items()


def settings_of(given: dict[str, Any]) -> Settings:
    """What the options say of the search."""
    from hpogrid.config.proposal import Settings

    return Settings(**{name: given.pop(name) for name in Settings.__struct_fields__})


def _pair(text: str) -> tuple[str, str]:
    for mark in ("=", "~"):
        name, found, value = text.partition(mark)
        if found and name.strip() and "~" not in name and "(" not in name:
            return name.strip(), value
    raise UserError(f"--set {text}: write NAME=RANGE, such as lr=1e-5:1e-2:log")


def tell(guess: Guess) -> None:
    """Say what is guessed, and why."""
    for note in guess.notes:
        message(f"note: {note}")
    if guess.beside:
        message(f"note: the whole folder is bundled, for {', '.join(guess.beside)}")


def tell_hpo(data: dict[str, Any], name: str) -> list[str]:
    """Say what of the hpo config its user should look at again; return what was said."""
    from hpogrid.config.advice import hpo_notes
    from hpogrid.config.schemas import HpoConfig
    from hpogrid.config.store import read_config

    config = read_config("hpo_config", data, f"hpo config '{name}'")
    assert isinstance(config, HpoConfig)
    notes = hpo_notes(config)
    for note in notes:
        message(f"note: {note}")
    return notes


def confirmed(question: str) -> bool:
    """Ask; no answer is no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        message("")
        return False


def name_of(script: Path, name: str | None) -> str:
    """What the configs and the project are called: as the script, unless something is given."""
    from hpogrid.config.home import is_name

    if name is None and not is_name(script.stem):
        raise UserError(f"{script.name}: no project can be called '{script.stem}'; give a --name")
    return name or script.stem


def script_of(script: Path | None) -> Path:
    """The script that is named, or the one of this folder."""
    from hpogrid.config.reading.script import find_script

    return script or find_script(Path())

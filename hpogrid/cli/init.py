"""``hpogrid init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpogrid.cli.output import message, print_data
from hpogrid.errors import UserError

if TYPE_CHECKING:
    from hpogrid.config.guess import Guess
    from hpogrid.space.space import Space


@click.command()
@click.argument("script", type=click.Path(path_type=Path), required=False)
@click.option("--name", help="Name of the configs and the project  [default: the script's].")
@click.option("--site", default="local", show_default=True, help="Site of the jobs.")
@click.option(
    "--trials", type=click.IntRange(1), default=50, show_default=True, help="Trials of each job."
)
@click.option("--metric_regex", help="Pattern over the output with a group around the metric.")
@click.option("--ask_script", is_flag=True, help="Run the script with --help to find its options.")
@click.option("--yes", "-y", is_flag=True, help="Store what is proposed without asking.")
def init(
    script: Path | None,
    name: str | None,
    site: str,
    trials: int,
    metric_regex: str | None,
    ask_script: bool,
    yes: bool,
) -> None:
    """Propose the four configs and a project for a training SCRIPT, by reading it.

    Without SCRIPT it is the one in this folder. What is proposed is shown before anything is
    stored. For example: hpogrid init train.py
    """
    from hpogrid.config.assemble import assemble
    from hpogrid.config.guess import find_script, read_script
    from hpogrid.config.store import STORES, read_config

    script = script or find_script(Path())
    guess = read_script(script, ask_script)
    name = name or script.stem
    data: dict[str, Any] = {
        "search_space": _shown(guess.space),
        "hpo_config": {
            "algorithm": "random",
            "metric": guess.metric,
            "mode": guess.mode,
            "trials": trials,
            "stop": {"training_iteration": guess.reports},
        },
        "model_config": _model(script, guess, metric_regex),
        "grid_config": {"site": site},
    }
    print_data(data, "json")
    for note in guess.notes:
        message(f"note: {note}")
    if guess.beside:
        message(f"note: the whole folder is bundled, for {', '.join(guess.beside)}")
    if not yes and not _confirmed(f"Store these as '{name}' and make the project '{name}'?"):
        raise UserError("nothing was stored; answer y, or give --yes")
    configs: dict[str, Any] = {"search_space": guess.space}
    for kind in ("hpo_config", "model_config", "grid_config"):
        configs[kind] = read_config(kind, data[kind], f"{kind} '{name}'")
    taken = [store.label for kind, store in STORES.items() if store.where(name).exists()]
    if taken:
        raise UserError(f"there is a {taken[0]} '{name}' already; choose another --name")
    for kind, config in configs.items():
        STORES[kind].create(name, config)
    scripts = script.absolute().parent if guess.beside else script
    for note in assemble(name, scripts, dict.fromkeys(STORES, name)):
        message(f"note: {note}")
    message(f"created project '{name}'; start it with: hpogrid run {name}")


def _shown(space: Space) -> Any:
    """A space as people write it, where that can say it all."""
    from hpogrid.space.dialects import render_space

    try:
        return render_space(space, "method_dimension")
    except UserError:
        return space.to_json()


def _model(script: Path, guess: Guess, metric_regex: str | None) -> dict[str, Any]:
    config = {
        "script": script.name, "model": guess.model, "param": guess.param,
        "metric_regex": metric_regex,
    }  # fmt: skip
    return {name: value for name, value in config.items() if value}


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        return False

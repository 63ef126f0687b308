"""``hpogrid init``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hpogrid.cli.output import message, print_data
from hpogrid.errors import UserError


@click.command()
@click.argument("script", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the configs and the project  [default: the script's].")
@click.option("--site", default="local", show_default=True, help="Site of the jobs.")
@click.option(
    "--trials", type=click.IntRange(1), default=50, show_default=True, help="Trials of each job."
)
@click.option("--yes", "-y", is_flag=True, help="Store what is proposed without asking.")
def init(script: Path, name: str | None, site: str, trials: int, yes: bool) -> None:
    """Propose the four configs and a project for a training SCRIPT, by reading it.

    What is proposed is shown before anything is stored. For example: hpogrid init train.py
    """
    from hpogrid.config.assemble import assemble
    from hpogrid.config.guess import read_script
    from hpogrid.config.store import STORES, read_config
    from hpogrid.space.dialects import read_space

    guess = read_script(script)
    name = name or script.stem
    data: dict[str, Any] = {
        "search_space": guess.space,
        "hpo_config": {
            "algorithm": "random",
            "metric": guess.metric,
            "mode": guess.mode,
            "trials": trials,
            "stop": {"training_iteration": guess.reports},
        },
        "model_config": _model(script, guess.model, guess.param),
        "grid_config": {"site": site},
    }
    print_data(data, "json")
    for note in guess.notes:
        message(f"note: {note}")
    if not yes and not _confirmed(f"Store these as '{name}' and make the project '{name}'?"):
        raise UserError("nothing was stored; answer y, or give --yes")
    configs: dict[str, Any] = {"search_space": read_space(guess.space, f"search space '{name}'")[0]}
    for kind in ("hpo_config", "model_config", "grid_config"):
        configs[kind] = read_config(kind, data[kind], f"{kind} '{name}'")
    taken = [store.label for kind, store in STORES.items() if store.where(name).exists()]
    if taken:
        raise UserError(f"there is a {taken[0]} '{name}' already; choose another --name")
    for kind, config in configs.items():
        STORES[kind].create(name, config)
    for note in assemble(name, script, dict.fromkeys(STORES, name)):
        message(f"note: {note}")
    message(f"created project '{name}'; start it with: hpogrid run {name}")


def _model(script: Path, model: str | None, param: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {"script": script.name}
    if model is not None:
        config["model"] = model
    if param:
        config["param"] = param
    return config


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        return False

"""``hpogrid init``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hpogrid.cli.output import message, print_data
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
from hpogrid.errors import UserError


@click.command()
@click.argument("script", type=click.Path(path_type=Path), required=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- SCRIPT'S OWN WORDS]")
@script_options
def init(script: Path | None, words: tuple[str, ...], **given: Any) -> None:
    """Propose the four configs and a project for a training SCRIPT, by reading it.

    Without SCRIPT it is the one in this folder. What is proposed is shown, with what it was
    guessed from, before anything is stored. What stands behind -- goes to the script in every
    trial. For example: hpogrid init train.py --set lr=1e-5:1e-2:log
    """
    from hpogrid.config.proposal import checked, propose, refuse_taken, scripts_of
    from hpogrid.config.reading.script import read_script
    from hpogrid.config.whole import store_whole

    script = script_of(script)
    guess = read_script(script, wish_of([], words, False, given))
    name = name_of(script, given.pop("name"))
    yes = given.pop("yes")
    data = propose(script, guess, settings_of(given))
    configs = checked(name, data)
    print_data({**data, "search_space": _shown(data["search_space"])}, "json")
    tell(guess)
    said = tell_hpo(data["hpo_config"], name)
    if not yes and not confirmed(f"Store these as '{name}' and make the project '{name}'?"):
        raise UserError("nothing was stored; answer y, or give --yes")
    refuse_taken(name)
    for note in store_whole(name, configs, scripts_of(script, guess)):
        if note not in said:
            message(f"note: {note}")
    message(f"created project '{name}'; start it with: hpogrid run {name}")


def _shown(data: Any) -> Any:
    """A space as people write it, where that can say it all."""
    from hpogrid.space.dialects import render_space
    from hpogrid.space.space import Space

    try:
        return render_space(Space.from_json(data), "method_dimension")
    except UserError:
        return data

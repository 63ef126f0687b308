"""``hpogrid hpo_config | grid_config | model_config``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hpogrid.cli.complete import named_by_group
from hpogrid.cli.options import config_options, prep_options, prep_stages
from hpogrid.cli.output import format_option, message, print_data, print_rows
from hpogrid.cli.stored import add_copy_export_import, add_list, add_remove, add_where
from hpogrid.config.direction import default_modes
from hpogrid.config.schemas import SCHEMAS, GridConfig
from hpogrid.config.store import STORES
from hpogrid.schedule import SCHEDULERS
from hpogrid.search import ALGORITHMS
from hpogrid.space.value import Values

_CHOICES = {"algorithm": list(ALGORITHMS), "scheduler": list(SCHEDULERS)}

_EXAMPLES = {
    "hpo_config": "create my_hpo --algorithm random --metric loss --mode min --trials 200",
    "grid_config": "create my_grid --site local",
    "model_config": "create my_model --script train.py --model train",
}


def _group(kind: str, summary: str) -> click.Group:
    example = f"hpogrid {kind} {_EXAMPLES[kind]}"
    group = click.Group(kind, help=f"{summary}\n\nFor example: {example}")
    fields = config_options(SCHEMAS[kind], _CHOICES)
    for action, help_text in (
        ("create", "Store a new config under NAME."),
        ("recreate", "Replace the config NAME; what is not given has its default."),
        ("update", "Change what is given in the config NAME, and keep the rest."),
    ):
        group.add_command(_writer(kind, action, help_text, fields))
    store = STORES[kind]
    add_list(group, lambda: store)
    _add_show(group, kind)
    add_where(group, lambda: store)
    add_remove(group, lambda: store)
    add_copy_export_import(group, kind)
    return group


def _writer(kind: str, action: str, help_text: str, fields: Callable[[Any], Any]) -> click.Command:
    @click.command(action, help=help_text)
    @click.argument("name", shell_complete=named_by_group)
    @click.option(
        "--file", type=click.Path(path_type=Path), help="JSON or YAML file to start from."
    )
    @fields
    def write(name: str, file: Path | None, **given: Any) -> None:
        from hpogrid.config.store import read_config
        from hpogrid.files import parse_file

        store = STORES[kind]
        notes: list[str] = []
        where = f"{store.label} '{name}'"
        settings = _from_file(parse_file(file), str(file)) if file else {}
        given |= prep_stages(given.pop("prep", ()), given.pop("prep_keys", ()))
        settings |= {key: value for key, value in given.items() if value is not None}

        def read(data: dict[str, Any]) -> Any:
            config = read_config(kind, data, where)
            if isinstance(config, GridConfig):
                from hpogrid.site import check_grid

                check_grid(config.place, config)
            return config

        if action == "update":
            if not settings:
                raise click.UsageError("nothing to change; name at least one option")
            store.update(name, lambda old: read(_merged(store.write(old), settings)))
        else:
            if kind == "hpo_config" and "metric" in settings and "mode" not in settings:
                settings["mode"], notes = default_modes(str(settings["metric"]).split(","))
            config = read(_merged({}, settings))
            (store.create if action == "create" else store.recreate)(name, config)
        message(f"{action}d {store.label} '{name}'")
        for note in notes:
            message(f"note: {note}")
        if kind == "hpo_config":
            from hpogrid.config.advice import hpo_notes

            for note in hpo_notes(store.load(name)):
                message(f"note: {note}")

    if kind == "hpo_config":
        option = click.option(
            "--max_concurrent", "-c", type=int, help="Trials at once: short for --scheduler_param."
        )
        write = option(write)
    return prep_options(write) if kind == "model_config" else write


def _from_file(data: object, where: str) -> Values:
    from hpogrid.errors import UserError

    if not isinstance(data, dict):
        raise UserError(f"{where}: expected an object with the settings of the config")
    return data


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The old settings with the new ones; ``max_concurrent`` is a parameter of the scheduler."""
    settings = {**old, **new}
    concurrent = settings.pop("max_concurrent", None)
    if concurrent is not None:
        params = settings.get("scheduler_param", {})
        settings["scheduler_param"] = {**params, "max_concurrent": concurrent}
    return settings


def _add_show(group: click.Group, kind: str) -> None:
    @group.command("show")
    @click.argument("name", shell_complete=named_by_group)
    @format_option("json")
    def show(name: str, form: str) -> None:
        """Print the config NAME."""
        data = STORES[kind].write(STORES[kind].load(name))
        if form in ("table", "csv"):
            rows = [{"setting": key, "value": value} for key, value in data.items()]
            print_rows(rows, ["setting", "value"], form)
        else:
            print_data(data, form)


hpo_config = _group("hpo_config", "How the search is done.")
grid_config = _group("grid_config", "Where the jobs run.")
model_config = _group("model_config", "What is trained.")

"""``hpogrid schema``."""

from __future__ import annotations

import click

from hpogrid.cli.output import print_data


@click.command()
@click.argument(
    "kind",
    metavar="TYPE",
    type=click.Choice(["hpo_config", "grid_config", "model_config", "search_space"]),
)
def schema(kind: str) -> None:
    """Print the JSON Schema of a config TYPE, for editors that check while one types.

    TYPE is hpo_config, grid_config, model_config or search_space.
    For example: hpogrid schema hpo_config > hpo_config.schema.json
    """
    import msgspec

    from hpogrid.config.schemas import SCHEMAS

    if kind == "search_space":
        from hpogrid.space.dialects import load_dialect

        make = load_dialect("method_dimension").json_schema
        assert make is not None
        print_data(make(), "json")
    else:
        print_data(msgspec.json.schema(SCHEMAS[kind]), "json")

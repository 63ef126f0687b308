"""``hpogrid schema``."""

from __future__ import annotations

import click

from hpogrid.cli.options import Known
from hpogrid.cli.output import print_data
from hpogrid.errors import UserError
from hpogrid.space.dialects import DIALECTS


@click.command()
@click.argument(
    "kind",
    metavar="TYPE",
    type=click.Choice(["hpo_config", "grid_config", "model_config", "search_space"]),
)
@click.option(
    "--dialect",
    type=Known(list(DIALECTS)),
    default="method_dimension",
    show_default=True,
    help="Of a search_space: how it is written.",
)
def schema(kind: str, dialect: str) -> None:
    """Print the JSON Schema of a config TYPE, for editors that check while one types.

    TYPE is hpo_config, grid_config, model_config or search_space.
    For example: hpogrid schema hpo_config > hpo_config.schema.json
    """
    import msgspec

    from hpogrid.config.schemas import SCHEMAS

    if kind != "search_space":
        print_data(msgspec.json.schema(SCHEMAS[kind]), "json")
        return
    from hpogrid.space.dialects import load_dialect

    make = load_dialect(dialect).json_schema
    if make is None:
        raise UserError(f"dialect {dialect} is text, and no JSON that a schema could describe")
    print_data(make(), "json")

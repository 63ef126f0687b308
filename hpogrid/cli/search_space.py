"""``hpogrid search_space``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hpogrid.cli.complete import named_by_group, parameters
from hpogrid.cli.options import Known
from hpogrid.cli.output import F, cell, format_option, message, print_data, print_rows, say
from hpogrid.cli.stored import add_copy_export_import, add_list, add_remove, add_where
from hpogrid.config.store import STORES
from hpogrid.errors import UserError
from hpogrid.space.dialects import DIALECTS
from hpogrid.space.space import Space
from hpogrid.text import counted

STORE = STORES["search_space"]
_MOST_POINTS = 100_000

_MOST_POINTS = 100_000

_INPUT = (
    click.argument("name", shell_complete=named_by_group),
    click.argument("texts", nargs=-1, metavar="[JSON | @FILE | KEY=VALUE...]"),
    click.option("-s", "--search_space", "text_option", metavar="JSON", help="The space as JSON."),
    click.option(
        "--file",
        type=click.Path(path_type=Path),
        help="File with the space: JSON, YAML, Jsonnet, or text.",
    ),
    click.option(
        "--dialect", type=Known(list(DIALECTS)), help="How it is written  [default: look]."
    ),
    click.option(
        "-m", "--multirun", is_flag=True, help="Hydra's flag, for command lines as they are."
    ),
    click.option("--compat", metavar="SYSTEM", help="Whose meaning words have: optuna-sweeper."),
)


def _input(function: F) -> F:
    for decorator in reversed(_INPUT):
        function = decorator(function)
    return function


@click.group()
def search_space() -> None:
    """What is searched: parameters and their distributions.

    For example: hpogrid search_space create my_space
    '{"lr": {"method": "loguniform", "dimension": {"low": 1e-5, "high": 1e-2}}}'
    """


def _read(
    name: str,
    *,
    texts: tuple[str, ...],
    text_option: str | None,
    file: Path | None,
    dialect: str | None,
    multirun: bool,
    compat: str | None,
) -> Space:
    """Read the space from the one place where it was given; say what its author should know."""
    from hpogrid.space.dialects import read_space, read_space_file

    where = f"search space '{name}'"
    words: Any = list(texts) if len(texts) > 1 else next(iter(texts), None)
    given = [source for source in (words, text_option, file) if source is not None]
    if len(given) != 1:
        raise UserError(f"{where}: give the space once: as JSON, as @FILE, or with --file")
    source = given[0]
    if isinstance(source, str) and source.startswith("@"):
        source = Path(source[1:])
    if isinstance(source, Path):
        space, notes = read_space_file(source, where, dialect, compat)
    else:
        space, notes = read_space(source, where, dialect, compat)
    for note in notes:
        message(f"note: {note}")
    return space


@search_space.command("create")
@_input
def create(name: str, **given: Any) -> None:
    """Store a new search space under NAME."""
    STORE.create(name, _read(name, **given))
    message(f"created search space '{name}'")


@search_space.command("recreate")
@_input
def recreate(name: str, **given: Any) -> None:
    """Replace the search space NAME."""
    STORE.recreate(name, _read(name, **given))
    message(f"recreated search space '{name}'")


@search_space.command("update", short_help="Add or replace parameters of a space.")
@_input
@click.option(
    "--drop",
    shell_complete=parameters,
    multiple=True,
    metavar="PARAMETER",
    help="Remove a parameter.",
)
def update(name: str, drop: tuple[str, ...], **given: Any) -> None:
    """Add or replace the given parameters of the search space NAME, and keep the others."""
    new: dict[str, Any] = {}
    if not drop or given["texts"] or given["text_option"] or given["file"]:
        new = _read(name, **given).parameters

    def change(old: Space) -> Space:
        from hpogrid.registry import unknown

        for parameter in drop:
            if parameter not in old.parameters:
                known = list(old.parameters)
                raise UserError(f"search space '{name}': {unknown('parameter', parameter, known)}")
        kept = {key: value for key, value in old.parameters.items() if key not in drop}
        return Space({**kept, **new})

    STORE.update(name, change)
    message(f"updated search space '{name}'")


@search_space.command("show", short_help="Print a space.")
@click.argument("name", shell_complete=named_by_group)
@click.option("--dialect", type=Known(list(DIALECTS)), help="How to write it.")
@format_option("json")
def show(name: str, dialect: str | None, form: str) -> None:
    """Print the search space NAME: as it is written in a dialect, or as a table.

    Without --dialect it is the method/dimension form where that can say it, else the native one.
    """
    space: Space = STORE.load(name)
    if form in ("table", "csv"):
        print_rows(_describe(space), ["parameter", "type", "values", "condition"], form)
        return
    data = _render(space, dialect)
    say(data) if isinstance(data, str) else print_data(data, form)


def _render(space: Space, dialect: str | None) -> Any:
    from hpogrid.space.dialects import render_space

    if dialect is not None:
        return render_space(space, dialect)
    try:
        return render_space(space, "method_dimension")
    except UserError:
        return render_space(space, "native")


def _describe(space: Space) -> list[dict[str, str]]:
    import msgspec

    rows = []
    for name, item in space.parameters.items():
        data = msgspec.to_builtins(item)
        condition = data.pop("when", None)
        kind = data.pop("type")
        scale = data.pop("scale", None)
        if scale:
            kind = f"{kind}, {scale.pop('kind')}"
            data = {**scale, **data}
        values = ", ".join(f"{key} {cell(value)}" for key, value in data.items())
        rows.append(
            {
                "parameter": name,
                "type": kind,
                "values": values,
                "condition": cell(condition),
            }
        )
    return rows


@search_space.command("validate", short_help="Check a space without storing it.")
@_input
def validate(name: str, **given: Any) -> None:
    """Check a space without storing it; with only a NAME, check the stored one."""
    if given["texts"] or given["text_option"] or given["file"]:
        space = _read(name, **given)
    else:
        space = STORE.load(name)
    say(f"search space '{name}' is valid: {counted(len(space.parameters), 'parameter')}")


@search_space.command("size")
@click.argument("name", shell_complete=named_by_group)
def size(name: str) -> None:
    """Print how many different configurations the space NAME has."""
    count = STORE.load(name).size()
    say("infinite" if count is None else count)


@search_space.command("sample")
@click.argument("name", shell_complete=named_by_group)
@click.option(
    "-n",
    "--number",
    type=click.IntRange(1, _MOST_POINTS),
    default=5,
    show_default=True,
    help="Points.",
)
@click.option("--seed", type=int, help="Seed, for the same points again.")
@format_option()
def sample(name: str, number: int, seed: int | None, form: str) -> None:
    """Draw points from the space NAME, as a random search does."""
    import itertools
    import random

    space: Space = STORE.load(name)
    points = itertools.islice(space.draws(random.Random(seed)), number)
    rows = [point.applied for point in points]
    print_rows(rows, list(space.parameters), form)


@search_space.command("diff")
@click.argument("left", shell_complete=named_by_group)
@click.argument("right", shell_complete=named_by_group)
@format_option()
def diff(left: str, right: str, form: str) -> None:
    """Print in what the spaces LEFT and RIGHT differ."""
    from hpogrid.space.value import canonical

    first, second = STORE.load(left), STORE.load(right)
    before, after = (space.to_json()["parameters"] for space in (first, second))
    names = [*before, *(name for name in after if name not in before)]
    rows = [
        {"parameter": name, "left": before.get(name), "right": after.get(name)}
        for name in names
        if canonical(before.get(name)) != canonical(after.get(name))
    ]
    print_rows(rows, ["parameter", "left", "right"], form)
    if not rows and first != second:
        message("the same parameters in another order")
        return
    if not rows:
        message("no difference")


@search_space.command("convert", short_help="Print a space in another dialect.")
@click.argument("name", shell_complete=named_by_group)
@click.option(
    "--to", "dialect", type=Known(list(DIALECTS)), required=True, help="The other dialect."
)
@click.option(
    "--format", "form", type=click.Choice(["json", "yaml"]), default="json", show_default=True,
    help="Form of the output.",
)  # fmt: skip
def convert(name: str, dialect: str, form: str) -> None:
    """Print the space NAME in another dialect, exactly, or say why that cannot be."""
    from hpogrid.space.dialects import render_space

    data = render_space(STORE.load(name), dialect)
    say(data) if isinstance(data, str) else print_data(data, form)


add_list(search_space, lambda: STORE)
add_where(search_space, lambda: STORE)
add_remove(search_space, lambda: STORE)
add_copy_export_import(search_space, "search_space")

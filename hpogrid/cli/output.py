"""How results are printed: tables for people, JSON, CSV and YAML for programs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from hpogrid.text import csv_field, harmless, harmless_json, harmless_line

F = TypeVar("F", bound=Callable[..., object])

Row = Mapping[str, object]


def format_option(default: str = "table") -> Callable[[F], F]:
    """The option ``--format``."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "csv", "yaml"]),
        default=default,
        show_default=True,
        help="Form of the output.",
    )


def print_rows(rows: Sequence[Row], columns: Sequence[str], form: str) -> None:
    """Print a table in the form that was asked for."""
    picked = [{name: row.get(name) for name in columns} for row in rows]
    if form == "table":
        _print_table(picked, columns)
    elif form == "csv":
        _print_csv(picked, columns)
    else:
        print_data(picked, form)


def print_data(data: object, form: str) -> None:
    """Print data as JSON or YAML."""
    if form == "yaml":
        import yaml

        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)
        return
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    click.echo(harmless_json(text))


def say(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print text; what came from others cannot make the terminal do anything."""
    # A message that cannot be written (a full disk) is no reason to stop what it is about.
    with contextlib.suppress(OSError) if err else contextlib.nullcontext():
        click.echo(harmless(str(text)), err=err, nl=nl)


def message(text: str) -> None:
    """Say something to the person at the terminal: on stderr, so that it is no result."""
    sys.stdout.flush()  # where both streams end up in one file, they stay in order
    say(text, err=True)


def print_paths(paths: Iterable[Path], form: str) -> None:
    """Name the files that were written; beside data in a form for programs, on stderr."""
    for path in paths:
        say(path, err=form != "table")


def cell(value: object) -> str:
    """A value in a table: numbers short, lists and objects as JSON, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str | int):
        return harmless_line(str(value))
    import msgspec

    return harmless_line(msgspec.json.encode(value).decode())


def _print_csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    import csv
    import io

    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(map(csv_field, columns))
    writer.writerows([[_exact(row[name]) for name in columns] for row in rows])
    print_file(table.getvalue())


def print_file(text: str) -> None:
    """Print what is a file as much as something to read: to the last letter, except to people."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)


def _exact(value: object) -> Any:
    if isinstance(value, str):
        return csv_field(value)
    return value if value is None or isinstance(value, int | float) else cell(value)


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    texts = [[cell(row[name]) for name in columns] for row in rows]
    if not sys.stdout.isatty():
        widths = [
            max(len(line[index]) for line in [list(columns), *texts])
            for index in range(len(columns))
        ]
        for line in [list(columns), *texts]:
            padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            say("  ".join(padded).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for line in texts:
        table.add_row(*map(Text, line))
    Console(no_color=bool(os.environ.get("NO_COLOR"))).print(table)

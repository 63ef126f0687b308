"""The actions that every kind of stored config has; the groups add ``create`` and ``update``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click

from hpogrid.cli.complete import named_by_group
from hpogrid.cli.output import format_option, message, print_data, print_rows, say
from hpogrid.errors import UserError
from hpogrid.text import counted


class Named(Protocol):
    """Stored things of one kind, as far as the shared actions need them."""

    @property
    def label(self) -> str:
        """The kind in words."""

    def names(self, pattern: str = "*") -> list[str]:
        """The names that match."""

    def where(self, name: str) -> Path:
        """Where one is kept."""

    def remove(self, name: str) -> Any:
        """Delete one."""


def add_list(group: click.Group, store: Callable[[], Named]) -> None:
    """Add ``list``."""

    @group.command("list")
    @click.argument("pattern", default="*", shell_complete=named_by_group)
    @click.option("-e", "--expr", default=None, hidden=True)
    @format_option()
    def list_names(pattern: str, expr: str | None, form: str) -> None:
        """List the names, all or those that match the wildcard PATTERN."""
        names = store().names(expr or pattern)
        if form in ("json", "yaml"):
            print_data(names, form)
        elif form == "csv":
            print_rows([{"name": name} for name in names], ["name"], form)
        elif names:
            say("\n".join(names))
        if not names:
            message(f"no {store().label} matches '{expr or pattern}'")


def add_where(group: click.Group, store: Callable[[], Named]) -> None:
    """Add ``where``."""

    @group.command("where")
    @click.argument("name", shell_complete=named_by_group)
    def where(name: str) -> None:
        """Print where NAME is kept."""
        _must_match(store(), name)
        say(store().where(name))


def add_remove(group: click.Group, store: Callable[[], Named]) -> None:
    """Add ``remove``."""

    @group.command("remove")
    @click.argument(
        "names", shell_complete=named_by_group, nargs=-1, required=True, metavar="NAME..."
    )
    @click.option("--yes", "-y", is_flag=True, help="Do not ask.")
    @click.option("--dry_run", is_flag=True, help="Only say what would be removed.")
    def remove(names: tuple[str, ...], yes: bool, dry_run: bool) -> None:
        """Remove what is called NAME; wildcards are allowed, in quotes."""
        kind = store()
        found = sorted({name for pattern in names for name in _must_match(kind, pattern)})
        if dry_run or not yes:
            message(f"{'would remove' if dry_run else 'to remove'}: {', '.join(found)}")
        if dry_run:
            return
        if not yes and not _confirmed(f"Remove {counted(len(found), kind.label)}?"):
            raise UserError("nothing was removed; answer y, or give --yes")
        for name in found:
            kept = kind.remove(name)
            message(f"removed {kind.label} '{name}'" + (f"; kept as {kept}" if kept else ""))


def _must_match(store: Named, pattern: str) -> list[str]:
    from hpogrid.registry import unknown

    found = store.names(pattern)
    if not found:
        store.where(pattern) if not any(c in pattern for c in "*?[") else None
        raise UserError(unknown(store.label, pattern, store.names()))
    return found


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # the input has ended
        message("")
        return False


def read_export(path: Path, kind: str) -> tuple[str, Any]:
    """The name and data in a file that ``export`` wrote.

    Raises:
        UserError: it is something else.
    """
    from hpogrid.files import parse_file

    data = parse_file(path)
    if not isinstance(data, dict) or set(data) != {"kind", "name", "config"}:
        raise UserError(f"{path} was not written by 'hpogrid {kind} export'; use create --file")
    if data["kind"] != kind:
        raise UserError(f"{path} holds a {data['kind']}; use 'hpogrid {data['kind']} import'")
    return str(data["name"]), data["config"]


def add_copy_export_import(group: click.Group, kind: str) -> None:
    """Add ``copy``, ``export`` and ``import`` for configs that are one file."""

    @group.command("copy")
    @click.argument("name", shell_complete=named_by_group)
    @click.argument("new_name")
    def copy(name: str, new_name: str) -> None:
        """Store what is called NAME under NEW_NAME as well."""
        from hpogrid.config.store import STORES

        STORES[kind].create(new_name, STORES[kind].load(name))
        message(f"created {STORES[kind].label} '{new_name}'")

    @group.command("export")
    @click.argument("name", shell_complete=named_by_group)
    @click.option(
        "--output", "-o", type=click.Path(path_type=Path), help="File  [default: stdout]."
    )
    def export(name: str, output: Path | None) -> None:
        """Write NAME to a file that ``import`` reads elsewhere."""
        import msgspec

        from hpogrid.config.store import STORES
        from hpogrid.files import write_atomic

        store = STORES[kind]
        data = {"kind": kind, "name": name, "config": store.write(store.load(name))}
        text = msgspec.json.format(msgspec.json.encode(data), indent=2)
        if output is None:
            say(text.decode())
        else:
            write_atomic(output, text + b"\n")
            say(output)

    @group.command("import")
    @click.argument("path", type=click.Path(path_type=Path))
    @click.option("--name", help="Name to store it under  [default: the one in the file].")
    def import_(path: Path, name: str | None) -> None:
        """Store what ``export`` wrote to the file PATH."""
        from hpogrid.config.store import STORES

        own_name, data = read_export(path, kind)
        store = STORES[kind]
        store.create(name or own_name, store.read(data, str(path)))
        message(f"created {store.label} '{name or own_name}'")

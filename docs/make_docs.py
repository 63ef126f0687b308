"""Writes the parts of the documentation that the program itself knows.

    python docs/make_docs.py           # write them
    python docs/make_docs.py --check   # only say what is out of date

``commands.md`` is written as a whole. In the other pages, and in the README, what stands between
``<!-- generated: NAME -->`` and ``<!-- /generated -->`` is replaced.
"""

from __future__ import annotations

import re
import sys
import tomllib
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import msgspec

from hpogrid.cli.main import cli
from hpogrid.registry import Registry
from hpogrid.schedule import SCHEDULERS
from hpogrid.search import ALGORITHMS
from hpogrid.search.base import Options, describe_options
from hpogrid.site import SITES
from hpogrid.space.dialects import DIALECTS
from hpogrid.space.dialects.method_dimension import METHODS

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
_WIDTH = 100
_GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def commands(
    command: click.Command = cli, name: str = "hpogrid", parent: click.Context | None = None
) -> Iterator[tuple[click.Command, click.Context]]:
    """All commands that the help shows, each before its own subcommands."""
    context = click.Context(command, parent, name, max_content_width=_WIDTH, terminal_width=_WIDTH)
    context.help_option_names = ["-h", "--help"]
    yield command, context
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.get_command(context, child_name)
            if child is not None and not child.hidden:
                yield from commands(child, child_name, context)


def commands_page() -> str:
    """The page of all commands: what ``--help`` says."""
    parts = [
        "# Commands\n\n"
        "What `--help` says, for every command. `-` and `_` mean the same in the names of "
        "commands and options.\n"
    ]
    for command, context in commands():
        level = "##" if len(context.command_path.split()) < 3 else "###"
        text = command.get_help(context)
        parts.append(f"{level} {context.command_path}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


# --- tables --------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def _names(registry: Registry, head: str) -> str:
    rows = [[f"`{name}`", registry.summary(name)] for name in registry]
    return table([head, ""], rows)


def _with_options(registry: Registry, head: str, option: str) -> str:
    rows = []
    for name in registry:
        kind = registry.load(name).Settings
        rows.append([f"`{name}`", registry.summary(name), "; ".join(_describe(kind))])
    return table([head, "", option], rows)


def _describe(kind: type[Options]) -> Iterator[str]:
    """The options of a plug-in; where one of them decides about the others, each case."""
    default = kind.variant({})
    yield f"`{describe_options(default)}`" if msgspec.structs.fields(default) else "none"
    for field in msgspec.structs.fields(kind):
        if typing.get_origin(field.type) is typing.Literal:
            for choice in typing.get_args(field.type):
                other = kind.variant({field.name: choice})
                if other is not default:
                    own = [item for item in describe_options(other).split(", ") if item]
                    text = ", ".join(own[1:]) or "no others"
                    yield f"with {field.name} {choice}: `{text}`"


def _methods() -> str:
    rows = []
    for name, kind in METHODS.items():
        keys = [
            f"`{field.name}`" + ("" if field.required else " (optional)")
            for field in msgspec.structs.fields(kind)
        ]
        rows.append([f"`{name}`", ", ".join(keys), _summary(kind)])
    return table(["method", "dimension", "what is drawn"], rows)


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")


def _options(*path: str) -> str:
    """The options of one command."""
    wanted = " ".join(["hpogrid", *path])
    command = next(item for item, context in commands() if context.command_path == wanted)
    rows = []
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden and option.name != "help":
            text, default = _split_default(option)
            names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
            rows.append([names, text, default])
    return table(["option", "meaning", "default"], rows)


def _split_default(option: click.Option) -> tuple[str, str]:
    text, _, default = (option.help or "").partition("[default: ")
    if option.show_default and option.default is not None:
        default = str(option.default)
    if isinstance(option.type, click.Choice):
        choices = ", ".join(f"`{choice}`" for choice in option.type.choices)
        text = f"{text.strip().rstrip('.')}: {choices}"
    default = default.rstrip("]. ")
    return text.strip(), f"`{default}`" if default else ""


def _extras() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    rows = []
    for name, packages in extras.items():
        shown = [re.split(r"[<>=!~; ]", package)[0] for package in packages]
        rows.append([f"`{name}`", ", ".join(shown)])
    return table(["extra", "brings"], rows)


SECTIONS: dict[str, Callable[[], str]] = {
    "algorithms": lambda: _with_options(ALGORITHMS, "algorithm", "`algorithm_param` and defaults"),
    "schedulers": lambda: _with_options(SCHEDULERS, "scheduler", "`scheduler_param` and defaults"),
    "sites": lambda: _names(SITES, "site"),
    "dialects": lambda: _names(DIALECTS, "dialect"),
    "methods": _methods,
    "extras": _extras,
    "hpo_config": lambda: _options("hpo_config", "create"),
    "grid_config": lambda: _options("grid_config", "create"),
    "model_config": lambda: _options("model_config", "create"),
    "project": lambda: _options("project", "create"),
    "run": lambda: _options("run"),
    "local_run": lambda: _options("local_run"),
    "tasks_show": lambda: _options("tasks", "show"),
    "report": lambda: _options("report"),
    "compare": lambda: _options("compare"),
    "confirm": lambda: _options("confirm"),
    "replay": lambda: _options("replay"),
    "analyze": lambda: _options("analyze"),
    "dashboard": lambda: _options("dashboard"),
}


# --- writing -------------------------------------------------------------------------------


def pages() -> dict[Path, str]:
    """Every page with generated parts, as it should be."""
    found = {DOCS / "commands.md": commands_page()}
    for path in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        if path not in found and _GENERATED.search(text):
            found[path] = _GENERATED.sub(_fill, text)
    return found


def _fill(match: re.Match[str]) -> str:
    return f"{match[1]}{SECTIONS[match[2]]()}{match[3]}"


def main(arguments: Sequence[str]) -> int:
    """Write what is out of date; with ``--check``, only name it."""
    stale = {
        path: text
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        sys.stdout.write(f"{path.relative_to(ROOT)} is out of date\n")
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

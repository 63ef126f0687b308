"""The generated parts are fresh, and every command and option is explained."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from hpogrid.cli.main import cli
from tests.docs.pages import ROOT


def walk(command: click.Command, path: tuple[str, ...]) -> list[tuple[str, click.Command]]:
    found = [(" ".join(path), command)]
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            if not child.hidden:
                found += walk(child, (*path, name))
    return found


COMMANDS = walk(cli, ("hpogrid",))
REFERENCE = (ROOT / "docs" / "commands.md").read_text()


def test_generated_parts_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "docs" / "make_docs.py"), "--check"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"{answer.stdout}{answer.stderr}run: python docs/make_docs.py"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_and_option_is_documented(name: str, command: click.Command) -> None:
    title = f"# {name}\n\n```text\n"
    assert title in REFERENCE
    section = REFERENCE.split(title)[1].split("\n```")[0]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, parameter.name
            assert all(spelling in section for spelling in parameter.opts)
        elif isinstance(parameter, click.Argument):
            assert parameter.make_metavar(click.Context(command)).strip("[].") in section

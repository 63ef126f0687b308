"""``hpogrid completion``."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), default="bash")
def completion(shell: str) -> None:
    """Print the completion script of a SHELL (bash, zsh or fish).

    For example: source <(hpogrid completion bash)
    """
    from click.shell_completion import get_completion_class

    from hpogrid.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "hpogrid", "_HPOGRID_COMPLETE")
    click.echo(script.source_template % script.source_vars())

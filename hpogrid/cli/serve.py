"""``hpogrid serve``."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from hpogrid.cli.options import Amount
from hpogrid.cli.output import format_option, message, print_data, print_rows, say
from hpogrid.errors import UserError

if TYPE_CHECKING:
    from hpogrid.study.serve.tokens import Right


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port."
)
@click.option("--cert", type=click.Path(path_type=Path, exists=True), help="TLS certificate (PEM).")
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="TLS key (PEM).")
@click.option(
    "--join",
    is_flag=True,
    help="Start a server in the background unless one runs, print its port, and end.",
)
@click.option(
    "--with_token",
    is_flag=True,
    help="With --join: print the owner's token too, into a pipe only (storage ssh:// does so).",
)
@click.option("--stop", is_flag=True, help="End the server that --join started.")
@click.option("--schema", is_flag=True, help="Print the calls as an OpenAPI document, and end.")
def serve(
    context: click.Context,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    join: bool,
    with_token: bool,
    stop: bool,
    schema: bool,
) -> None:
    """Keep the ledgers of jobs that have a network but share no disk. Ends with Ctrl-C.

    The jobs find it by their project's storage: hpo_config --storage https://HOST:PORT. They
    need a token: the owner's own, which is made once and kept in the user directory, or one of
    'hpogrid serve tokens'. Set HPOGRID_TOKEN, or HPOGRID_TOKEN_FILE, where they run.

    For example: hpogrid serve --port 8765
    """
    if context.invoked_subcommand is not None:
        return
    if schema:
        from hpogrid.study.serve.calls import openapi

        print_data(openapi(), "json")
        return
    if join and stop:
        raise UserError("--join starts a server and --stop ends it: give one of them")
    if with_token and not (join and _into_a_pipe()):
        raise UserError("--with_token goes with --join into a pipe: elsewhere it might be logged")
    if join or stop:
        _in_background(stop=stop, with_token=with_token)
        return
    if cert is None and host not in ("127.0.0.1", "::1", "localhost"):
        raise UserError(
            "beyond this machine the token needs TLS: give --cert and --key, or use an SSH tunnel"
        )
    from hpogrid.site.serving import open_server
    from hpogrid.study.serve.tokens import token_path

    with open_server(host, port, cert, key) as (chosen, run):
        scheme = "https" if cert else "http"
        say(f"{scheme}://{host}:{chosen}")
        message(f"token: export HPOGRID_TOKEN_FILE={token_path()}")
        run()
        message("stopped")


def _into_a_pipe() -> bool:
    mode = os.fstat(sys.stdout.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _in_background(*, stop: bool, with_token: bool) -> None:
    from hpogrid.site.serving import join_server, stop_server

    if stop:
        port = stop_server()
        message("no server runs in the background" if port is None else f"stopped port {port}")
        return
    joined = join_server()
    say(msgspec.json.encode(joined if with_token else {"port": joined.port}).decode())


@serve.group()
def tokens() -> None:
    """Who else may call the server: make, list and revoke tokens.

    For example: hpogrid serve tokens create laptop --right read --days 7
    """


@tokens.command("create", short_help="Make a token and print it, this once.")
@click.argument("name")
@click.option(
    "--right",
    type=click.Choice(["read", "write"]),
    default="read",
    show_default=True,
    help="To watch, or for jobs.",
)
@click.option("--task", type=int, metavar="ID", help="Only for this task; needed to write.")
@click.option(
    "--days",
    type=Amount(0, min_open=True),
    default=30.0,
    show_default=True,
    help="It ends after so many days.",
)
def create_token(name: str, right: Right, task: int | None, days: float) -> None:
    """Make a token and print it, this once: keep it in a file that only you can read."""
    from hpogrid.site.serving import task_key
    from hpogrid.site.tasks import load_task
    from hpogrid.study.serve.tokens import make_token

    if right == "write" and task is None:
        raise UserError("a token to write is for the jobs of one task: give --task ID")
    key = None if task is None else task_key(load_task(task))
    say(make_token(name, right, key, days))


@tokens.command("list")
@format_option()
def show_tokens(form: str) -> None:
    """List the tokens, without what they are."""
    from hpogrid.site.serving import token_rows

    print_rows(token_rows(), ["name", "right", "task", "created", "ends"], form)


@tokens.command("revoke")
@click.argument("name")
def revoke_token(name: str) -> None:
    """End a token: within a second the server knows it no more."""
    from hpogrid.study.serve.tokens import revoke

    revoke(name)
    message(f"revoked '{name}'")

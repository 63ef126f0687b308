"""``hpogrid serve``."""

from __future__ import annotations

from pathlib import Path

import click

from hpogrid.cli.output import message, say
from hpogrid.errors import UserError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port."
)
@click.option("--cert", type=click.Path(path_type=Path, exists=True), help="TLS certificate (PEM).")
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="TLS key (PEM).")
def serve(host: str, port: int, cert: Path | None, key: Path | None) -> None:
    """Keep the ledgers of jobs that have a network but share no disk. Ends with Ctrl-C.

    The jobs find it by their project's storage: hpo_config --storage https://HOST:PORT. They
    need the token, which is made once and kept in the user directory: set HPOGRID_TOKEN, or
    HPOGRID_TOKEN_FILE, where they run.

    For example: hpogrid serve --port 8765
    """
    from hpogrid.site.serving import open_server, token_path

    if cert is None and host not in ("127.0.0.1", "::1", "localhost"):
        raise UserError(
            "beyond this machine the token needs TLS: give --cert and --key, or use an SSH tunnel"
        )
    with open_server(host, port, cert, key) as server:
        scheme = "https" if cert else "http"
        say(f"{scheme}://{host}:{server.server_address[1]}")
        message(f"token: export HPOGRID_TOKEN_FILE={token_path()}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            message("stopped")

"""Optuna's dashboard on a snapshot of a project."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.report.export.to_optuna import OptunaExporter
from hpogrid.report.results import Results

HOST = "127.0.0.1"


def snapshot(results: Results, folder: Path) -> str:
    """Write the trials to a storage in a folder; return its URL.

    Raises:
        UserError: it is not known what is optimised.
    """
    if not results.objectives:
        raise UserError("it is not known what is optimised; give --metric and --mode")
    url = f"sqlite:///{folder / 'snapshot.db'}"
    OptunaExporter().export(results, url)
    return url


def application(url: str) -> Any:
    """The dashboard on a storage, as a WSGI application."""
    dashboard = require("optuna_dashboard", extra="dashboard", what="dashboard")
    return dashboard.wsgi(url)


def serve(results: Results, port: int, ready: Callable[[], None]) -> None:
    """Serve the dashboard to this machine only, until Ctrl-C.

    Args:
        results: what to show.
        port: of the page.
        ready: called as soon as the page can be opened.

    Raises:
        UserError: the port is taken, or a library is missing.
    """
    require("optuna_dashboard", extra="dashboard", what="dashboard")
    from wsgiref.simple_server import make_server

    with tempfile.TemporaryDirectory(prefix="hpogrid-dashboard-") as folder:
        page = application(snapshot(results, Path(folder)))
        try:
            server = make_server(HOST, port, page)
        except OSError as error:
            raise UserError(
                f"port {port} cannot be used: {error.strerror}; name another one with --port"
            ) from error
        ready()
        with server:
            server.serve_forever()

"""Addresses of MLflow, as configs hold them: without secrets, and the same from every folder."""

from __future__ import annotations

from urllib.parse import urlsplit

from hpogrid.errors import UserError
from hpogrid.study.address import check_no_secret

_SERVERS = ("http", "https", "databricks")
_STORES = ("sqlite", "postgresql", "mysql", "mssql")


def check_uri(uri: str) -> None:
    """Refuse an address that jobs cannot use, or that holds a secret.

    Raises:
        UserError: with what to write instead.
    """
    parts = urlsplit(uri)
    if parts.scheme.split("+")[0] not in (*_SERVERS, *_STORES):
        raise UserError(
            f"mlflow: '{uri}' is no address of MLflow; write http://HOST:PORT, or "
            "sqlite:////FOLDER/mlflow.db"
        )
    check_no_secret(
        "mlflow",
        uri,
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN) "
        "where the jobs run",
    )
    if parts.scheme == "sqlite" and not uri.startswith("sqlite:////"):
        raise UserError(
            f"mlflow: '{uri}' is another file in every folder, and jobs run in their own; give "
            "the whole path, such as sqlite:////home/me/mlflow.db"
        )

"""Addresses of MLflow, as configs hold them: without secrets, and the same from every folder."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from hpogrid.errors import UserError

_VARIABLE = re.compile(r"\$\{(\w+)\}")
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
    if parts.password and not _VARIABLE.fullmatch(parts.password):
        raise UserError(
            "mlflow: keep the password out of the config, which is copied with every job: set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN) "
            "where the jobs run"
        )
    if parts.scheme == "sqlite" and not uri.startswith("sqlite:////"):
        raise UserError(
            f"mlflow: '{uri}' is another file in every folder, and jobs run in their own; give "
            "the whole path, such as sqlite:////home/me/mlflow.db"
        )


def full_uri(uri: str) -> str:
    """The address with ``${NAME}`` taken from the environment.

    Raises:
        UserError: a variable is not set.
    """
    return _VARIABLE.sub(_value, uri)


def _value(match: re.Match[str]) -> str:
    try:
        return os.environ[match.group(1)]
    except KeyError as error:
        name = match.group(1)
        raise UserError(f"mlflow: the environment variable {name} is not set") from error

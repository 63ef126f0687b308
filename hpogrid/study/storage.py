"""Storages of Optuna and their URLs: what may be written there, and opening them."""

from __future__ import annotations

import os
import random
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from hpogrid.errors import UserError
from hpogrid.registry import require
from hpogrid.search.base import Mode
from hpogrid.study.address import check_no_secret, check_private, filled, why, without_secret

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_ATTEMPTS = 5
T = TypeVar("T")


def is_server(url: str) -> bool:
    """Whether a storage is the server of ``hpogrid serve``."""
    return url.startswith(("http://", "https://", "ssh://"))


def check_url(url: str, n_jobs: int = 1) -> None:
    """Refuse a storage that cannot work, or that would put a secret into a bundle.

    Raises:
        UserError: what to write instead.
    """
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        raise UserError(
            f"storage: '{url}' is no URL; write for example postgresql://host/db, "
            "redis://host:6379/0, journal:///path/to/file or grpc://host:13000"
        )
    if parts.password and is_server(url):
        raise UserError(
            "storage: 'hpogrid serve' takes no password in the address; it takes the token of "
            "HPOGRID_TOKEN_FILE, and ssh your keys"
        )
    if is_server(url):
        check_no_secret(
            "storage", url, "set HPOGRID_TOKEN or HPOGRID_TOKEN_FILE where the jobs run"
        )
        check_private("storage", url)
        return
    check_no_secret(
        "storage", url, "write ${NAME} in its place and set that variable where the jobs run"
    )
    if parts.scheme.startswith("sqlite") and n_jobs > 1:
        raise UserError(
            "storage: SQLite loses or blocks what several jobs write at once; leave the storage "
            "out (jobs then share the folder of their ledgers), or use journal://, "
            "postgresql://, mysql:// or redis://"
        )


def open_storage(url: str) -> BaseStorage:
    """The Optuna storage at a URL; ``${NAME}`` in it is taken from the environment.

    Raises:
        UserError: a variable is not set, or a library is missing.
    """
    optuna = require("optuna", extra="storage", what="storage")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: BaseStorage = _storage(optuna, filled("storage", url))
    return found


def _storage(optuna: Any, full: str) -> Any:
    parts = urlsplit(full)
    if parts.scheme in ("redis", "rediss"):
        require("redis", extra="storage", what="a redis:// storage")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            backend = optuna.storages.journal.JournalRedisBackend(full)
        return optuna.storages.JournalStorage(backend)
    if parts.scheme == "journal":
        backend = optuna.storages.journal.JournalFileBackend(parts.path)
        return optuna.storages.JournalStorage(backend)
    if parts.scheme == "grpc":
        require("grpc", extra="storage", what="a grpc:// storage")
        return optuna.storages.GrpcStorageProxy(host=parts.hostname, port=parts.port or 13000)
    return optuna.storages.get_storage(full)


def open_study(
    url: str, name: str, metrics: Sequence[str], modes: Sequence[Mode]
) -> tuple[BaseStorage, int]:
    """Open a study, or make it: the storage, and the study's number in it.

    The study gets the names of the metrics, which its dashboard shows, unless it has names.

    Jobs that make the tables of a database at the same moment are in each other's way, and so
    each tries a few times.

    Raises:
        UserError: the storage cannot be used.
    """
    from optuna import create_study
    from optuna.exceptions import ExperimentalWarning

    directions: list[Any] = ["minimize" if mode == "min" else "maximize" for mode in modes]
    for attempt in range(_ATTEMPTS):
        try:
            storage = open_storage(url)
            study = create_study(
                storage=storage, study_name=name, directions=directions, load_if_exists=True
            )
            if study.metric_names is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    study.set_metric_names(list(metrics))
        except UserError:
            raise
        except Exception as error:  # every storage has exceptions of its own
            if attempt == _ATTEMPTS - 1:
                raise _unusable(url, error) from error
            time.sleep(random.uniform(0.2, 1.0) * (attempt + 1))
        else:
            return storage, study._study_id
    raise AssertionError("unreachable")


def reach(url: str, action: Callable[[BaseStorage], T]) -> T:
    """Do something with a storage that is there.

    Raises:
        UserError: it cannot be used.
    """
    path = urlsplit(url).path
    path = path.removeprefix("/") if url.startswith("sqlite") else path
    if url.startswith(("sqlite:///", "journal://")) and path and not os.path.exists(path):
        raise UserError(f"storage {without_secret(url)} cannot be used: there is no file {path}")
    try:
        return action(open_storage(url))
    except UserError:
        raise
    except Exception as error:  # every storage has exceptions of its own
        raise _unusable(url, error) from error


def _unusable(url: str, error: Exception) -> UserError:
    return UserError(f"storage {without_secret(url)} cannot be used: {why(url, error)}")

"""Rucio as we use it: what is there, with one sentence for each fault.

Its client library is imported when a `Rucio` is made.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hpogrid.errors import RunError, UserError, first_line
from hpogrid.registry import require
from hpogrid.space.value import Values

_SECONDS = 60
_DID = re.compile(r"[A-Za-z0-9_.\-]+:[A-Za-z0-9_.\-/*?+=]+")


class Did(NamedTuple):
    """The name of a file, dataset or container."""

    scope: str
    name: str

    def __str__(self) -> str:
        return f"{self.scope}:{self.name}"


class File(NamedTuple):
    """A file of a dataset, as the catalogue knows it."""

    did: Did
    bytes: int
    adler32: str | None


class Entry(NamedTuple):
    """A dataset or container; ``files`` and ``bytes`` count all that is in it."""

    did: Did
    type: str
    files: int
    bytes: int
    open: bool


class Missing(UserError):
    """There is no such dataset or file."""


class Down(RunError):
    """The server does not answer, so there is no use in asking on."""


class Rucio:
    """A connection to the Rucio server that the client's configuration names.

    Raises:
        UserError: no client, no configuration, or credentials that are not good.
        Down: the server does not answer.
    """

    def __init__(self) -> None:
        self.errors: Any = require("rucio.common.exception", extra="rucio", what="data in Rucio")
        with self.explained("Rucio"):  # the library looks for its configuration when imported
            library = require("rucio.client", extra="rucio", what="data in Rucio")
            self.client: Any = library.Client(timeout=_SECONDS, logger=silent())

    @property
    def account(self) -> str:
        """Whose datasets are meant where none is named."""
        return str(self.client.account)

    @property
    def host(self) -> str:
        """The address of the server."""
        return str(self.client.host)

    def did(self, text: str) -> Did:
        """The name that a user types: ``scope:name``, or a name in one's own scope.

        Raises:
            UserError: it cannot be one.
        """
        text = text.rstrip("/")
        if ":" not in text:
            parts = text.split(".")
            own = parts[0] in ("user", "group") and len(parts) > 2
            text = f"{'.'.join(parts[:2]) if own else f'user.{self.account}'}:{text}"
        if not _DID.fullmatch(text):
            raise UserError(f"'{text}' is no name of a dataset; write scope:name")
        scope, _, name = text.partition(":")
        return Did(scope, name)

    def whoami(self) -> str:
        """The account, as the server sees it."""
        with self.explained("Rucio"):
            return str(self.client.whoami()["account"])

    def find(self, pattern: Did) -> list[Did]:
        """The datasets and containers that match a wildcard pattern, sorted."""
        with self.explained(str(pattern)):
            found = self.client.list_dids(
                pattern.scope, [{"name": pattern.name}], did_type="collection"
            )
            return sorted(Did(pattern.scope, str(name)) for name in found)

    def entry(self, did: Did) -> Entry:
        """What a name stands for.

        Raises:
            Missing: nothing.
        """
        with self.explained(str(did)):
            found = self.client.get_did(did.scope, did.name, dynamic_depth="FILE")
        return Entry(
            did,
            str(found.get("type", "")).lower(),
            int(found.get("length") or 0),
            int(found.get("bytes") or 0),
            bool(found.get("open")),
        )

    def files(self, did: Did) -> list[File]:
        """The files of a dataset or container, sorted by name.

        Raises:
            Missing: there is no such dataset.
        """
        with self.explained(str(did)):
            found = list(self.client.list_files(did.scope, did.name))
        files = [
            File(Did(item["scope"], item["name"]), int(item["bytes"] or 0), item.get("adler32"))
            for item in found
        ]
        return sorted(files)

    def available(self, did: Did) -> set[Did]:
        """Those files of a dataset of which there is a copy somewhere."""
        with self.explained(str(did)):
            found = list(self.client.list_replicas([{"scope": did.scope, "name": did.name}]))
        return {Did(item["scope"], item["name"]) for item in found if item.get("rses")}

    def download(self, dids: Sequence[Did], folder: Path) -> dict[Did, str]:
        """Get files, each on its own; return for those that did not come the reason.

        What is there already and has the right checksum is not fetched again.
        """
        outside = {did: "its name would lead out of the folder" for did in dids if not _safe(did)}
        dids = [did for did in dids if did not in outside]
        if not dids:
            return outside
        kind = require("rucio.client.downloadclient", extra="rucio", what="data in Rucio")
        folder.mkdir(parents=True, exist_ok=True)
        items = [{"did": str(did), "base_dir": str(folder), "no_subdir": True} for did in dids]
        with self.explained("Rucio"):
            client = kind.DownloadClient(self.client, logger=silent(), tracing=False)
            results = client.download_dids(
                items, num_threads=2, deactivate_file_download_exceptions=True
            )
        states = {str(item.get("did")): _state(item) for item in results}
        good = ("DONE", "ALREADY_DONE")
        found = {did: states.get(str(did), "no copy of it was found") for did in dids}
        return outside | {did: _words(state) for did, state in found.items() if state not in good}

    @contextlib.contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Turn the library's exceptions into one sentence about ``what``."""
        import configparser

        import requests

        try:
            yield
        except self.errors.DataIdentifierNotFound as error:
            raise Missing(
                f"there is no {what} in Rucio; 'hpogrid data list' shows yours"
            ) from error
        except (self.errors.CannotAuthenticate, self.errors.AccessDenied) as error:
            raise UserError(
                f"Rucio refuses ({what}): {_details(error)}; check account and credentials "
                "with 'rucio whoami'"
            ) from error
        except _configuration_errors(self.errors) as error:
            raise UserError(
                f"Rucio is not set up here: {_details(error)}; set RUCIO_CONFIG to a rucio.cfg, "
                "or RUCIO_ACCOUNT and RUCIO_AUTH_TYPE (on lxplus: lsetup rucio)"
            ) from error
        except (self.errors.ServerConnectionException, requests.RequestException) as error:
            raise Down(f"the Rucio server does not answer: {_details(error)}") from error
        except self.errors.RucioException as error:
            raise RunError(f"Rucio ({what}): {_details(error)}") from error
        except (configparser.Error, KeyError) as error:
            raise UserError(
                f"the configuration of Rucio is incomplete: {first_line(error)}"
            ) from error


def silent() -> Any:
    """A logger for the library that says nothing; it is also called like a function."""

    class Silent(logging.Logger):
        def __call__(self, *_: object, **__: object) -> None:
            pass

    logger = Silent("hpogrid.rucio")
    logger.addHandler(logging.NullHandler())
    return logger


def configured() -> bool:
    """Whether there seems to be a configuration of Rucio, without loading its library."""
    home = os.environ.get("RUCIO_HOME", "/opt/rucio")
    files = [os.environ.get("RUCIO_CONFIG"), f"{home}/etc/rucio.cfg"]
    return any(file and Path(file).is_file() for file in files)


def _configuration_errors(errors: object) -> tuple[type[Exception], ...]:
    names = (
        "ConfigNotFound", "ConfigLoadingError", "MissingClientParameter", "ClientProtocolNotFound",
        "ClientProtocolNotSupported",
    )  # fmt: skip
    return tuple(getattr(errors, name) for name in names)


def _details(error: BaseException) -> str:
    """The part of a message that says what it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    details = next((line for line in lines if line.startswith("Details:")), lines[:1] or [""])
    text = details if isinstance(details, str) else details[0]
    text = re.sub(r"(password|token)\S*\s*[:=]\s*\S+", r"\1 ***", text.removeprefix("Details:"))
    text = text.partition(" Rucio looked in the following paths")[0]
    text = " ".join(text.split())[:300].rstrip(".: ")
    return text or type(error).__name__


def _safe(did: Did) -> bool:
    return "/" not in did.name and did.name not in ("", ".", "..")


def _state(item: Values) -> str:
    state = item.get("clientState")
    return str(getattr(state, "value", state))


def _words(state: str) -> str:
    return {
        "FILE_NOT_FOUND": "no copy of it was found",
        "FAILED": "the copy is damaged or the transfer failed",
        "FAIL_VALIDATE": "its checksum is not the catalogue's",
    }.get(state, state.lower().replace("_", " "))

"""Credentials for PanDA, looked at before anything is sent: a token, or a grid proxy."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from hpogrid.errors import UserError

_TOKEN_VARIABLES = ("PANDA_AUTH_ID_TOKEN", "OIDC_AUTH_ID_TOKEN")
_TOKEN_FILE = "OIDC_AUTH_TOKEN_FILE"  # noqa: S105 (the name of a variable)
_SECRET = re.compile(r"Bearer\s+[^\s\"']+|\b[\w-]{8,}\.[\w-]{16,}\.[\w-]{8,}\b")
_SECONDS = 20.0
_KINDS = "oidc (a token), x509_no_grid (a certificate), or unset (a grid proxy)"


class Login(NamedTuple):
    """Who one is for PanDA.

    Attributes:
        kind: ``token``, ``proxy`` or ``certificate``.
        account: the nickname with which names of datasets begin; None: only the server knows.
        expires: seconds since the epoch, where it is known.
        name: the full one, as the server lists tasks by, where it is known.
    """

    kind: str
    account: str | None
    expires: float | None
    name: str | None = None


def login() -> Login:
    """The credentials that the environment names.

    Raises:
        UserError: there are none, or they have expired; says how to get new ones.
    """
    kind = os.environ.get("PANDA_AUTH", "voms")
    if kind == "oidc":
        return _token_login()
    if kind == "x509_no_grid":
        return _certificate_login()
    if kind == "voms":
        return _proxy_login()
    raise UserError(f"PANDA_AUTH is '{kind}'; it can be {_KINDS}")


def server() -> str:
    """The address of the PanDA server, as it reads in messages."""
    return os.environ.get("PANDA_URL_SSL", "https://pandaserver.cern.ch").split("/server/")[0]


def redact(text: str) -> str:
    """The text without tokens."""
    for token in _tokens():
        text = text.replace(token, "***")
    return _SECRET.sub("***", text)


# --- tokens --------------------------------------------------------------------------------


def _token_login() -> Login:
    if not (os.environ.get("PANDA_AUTH_VO") or os.environ.get("OIDC_AUTH_VO")):
        raise UserError("PANDA_AUTH=oidc needs to know the VO: export PANDA_AUTH_VO=atlas")
    token, renewable = _token()
    claims = _claims(token)
    expires = claims.get("exp")
    expires = float(expires) if isinstance(expires, int | float) else None
    if expires is not None and expires < time.time() and not renewable:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(expires))
        raise UserError(f"the PanDA token expired at {when}; get a new one with pbook")
    account = claims.get("preferred_username")
    named = isinstance(account, str) and "name" in claims  # the client needs both
    name = claims.get("name")
    return Login("token", account if named else None, expires, str(name) if name else None)


def _token() -> tuple[str, bool]:
    """The token that panda-client is going to use, and whether it can renew it."""
    name = _TOKEN_VARIABLES[0]
    if name in os.environ:
        return os.environ[name], False
    if _TOKEN_FILE in os.environ:
        return _read(Path(os.environ[_TOKEN_FILE]), _TOKEN_FILE).strip(), False
    name = _TOKEN_VARIABLES[1]
    if name in os.environ:
        return os.environ[name], False
    path = Path(os.environ.get("PANDA_CONFIG_ROOT", ".")).expanduser() / ".token"
    if not path.exists():
        raise UserError(
            "there is no PanDA token: log in with pbook, or set OIDC_AUTH_TOKEN_FILE to the file "
            "that holds one"
        )
    try:
        cached = json.loads(_read(path, "PANDA_CONFIG_ROOT"))
        return str(cached["id_token"]), "refresh_token" in cached
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged; log in again with pbook") from error


def _read(path: Path, variable: str) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise UserError(
            f"the PanDA token {path} ({variable}) cannot be read: {reason}; log in with pbook"
        ) from error


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    try:
        data = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, binascii.Error, RecursionError) as error:
        raise UserError("the PanDA token is not a token (JWT); log in again with pbook") from error
    if not isinstance(data, dict):
        raise UserError("the PanDA token is not a token (JWT); log in again with pbook")
    return data


def _tokens() -> list[str]:
    """Everything secret that may show up in a message."""
    found = [os.environ.get(name, "") for name in _TOKEN_VARIABLES]
    for path in (os.environ.get(_TOKEN_FILE), _cached_token_path()):
        try:
            text = Path(path).read_text() if path else ""
        except (OSError, UnicodeDecodeError):
            continue
        found += [text.strip(), *re.findall(r'"\w*token"\s*:\s*"([^"]+)"', text)]
    return sorted((token for token in found if len(token) >= 8), key=len, reverse=True)


def _cached_token_path() -> str | None:
    folder = os.environ.get("PANDA_CONFIG_ROOT")
    return str(Path(folder).expanduser() / ".token") if folder else None


# --- certificates --------------------------------------------------------------------------


def _certificate_login() -> Login:
    nickname = os.environ.get("PANDA_NICKNAME")
    if not nickname:
        raise UserError("PANDA_AUTH=x509_no_grid needs your name: export PANDA_NICKNAME=name")
    _proxy_file()
    return Login("certificate", nickname, None)


def _proxy_login() -> Login:
    path = _proxy_file()
    if shutil.which("voms-proxy-info") is None:
        raise UserError(
            "voms-proxy-info is not installed here, without which panda-client cannot use a "
            "proxy: set up the grid tools, or use a token (PANDA_AUTH=oidc)"
        )
    command = ["voms-proxy-info", "-file", str(path), "-timeleft"]
    left = _output(command).strip().splitlines()
    seconds = int(left[-1]) if left and left[-1].isdigit() else 0
    if seconds == 0:
        raise UserError(f"the grid proxy {path} has expired: voms-proxy-init -voms atlas")
    match = re.search(
        r"nickname\s*=\s*(\S+)", _output(["voms-proxy-info", "-file", str(path), "-all"])
    )
    return Login("proxy", match.group(1) if match else None, time.time() + seconds)


def _proxy_file() -> Path:
    path = Path(os.environ.get("X509_USER_PROXY") or f"/tmp/x509up_u{os.getuid()}")  # noqa: S108
    if not os.access(path, os.R_OK):
        raise UserError(
            f"there is no grid proxy ({path}): voms-proxy-init -voms atlas, or use a token "
            "(PANDA_AUTH=oidc)"
        )
    return path


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")

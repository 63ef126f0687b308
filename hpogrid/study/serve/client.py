"""The client of ``hpogrid serve``: the standard library alone, one connection that is kept."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import threading
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from hpogrid.errors import UserError, first_line
from hpogrid.files import Damaged, decode
from hpogrid.study.address import check_private
from hpogrid.study.claims import Claim
from hpogrid.study.serve.calls import ROOT, Changes, Claims, Listing, Problem, Size, TaskLine
from hpogrid.study.serve.tunnel import Tunnel, tunnel_to

TOKEN = "HPOGRID_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable with the token."""

TOKEN_FILE = f"{TOKEN}_FILE"
"""The one that names a file with it."""

CERTIFICATE = "HPOGRID_CA_FILE"
"""The environment variable that names the file of a certificate of one's own."""

T = TypeVar("T")
_TIMEOUT = 10.0
_LARGEST_ANSWER = 2**28


class Unreachable(Exception):
    """The server does not answer, or not as it should."""


class Refused(Unreachable):
    """The server answers that the token has not this right: waiting does not help."""


class Answer(Exception):
    """The server refuses a call for a reason that the caller knows what to do with."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


_MEANT = (404, 409, 410, 423)
_FORBIDDEN = (401, 403, 429)


class Client:
    """Calls a server. One thread at a time.

    Args:
        url: ``http://host:port``, ``https://host:port``, or ``ssh://user@host`` (see `Tunnel`).
        timeout: seconds without a sign of life after which the server is out of reach.
    """

    def __init__(self, url: str, timeout: float = _TIMEOUT) -> None:
        parts = urlsplit(url)
        self._lock = threading.Lock()
        if parts.scheme == "ssh":
            self._link: http.client.HTTPConnection = _Through(tunnel_to(url), timeout)
            self._headers: dict[str, str] = {}
            return
        try:
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UserError(f"{url} is no address of a server: {error}") from error
        if parts.scheme not in ("http", "https") or not host:
            raise UserError(
                f"{url} is no address of a server; write http://HOST:PORT, "
                "https://HOST:PORT or ssh://USER@HOST"
            )
        check_private("the server", url)
        self._headers = _bearer(read_token())
        # No proxy: the server is one of ours, and a token must not go elsewhere.
        if parts.scheme == "https":
            self._link = http.client.HTTPSConnection(host, port, timeout=timeout, context=_trust())
        else:
            self._link = http.client.HTTPConnection(host, port, timeout=timeout)

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._link.close()

    # --- the calls ---------------------------------------------------------------------------

    def tasks(self) -> list[TaskLine]:
        """The tasks that the token may see."""
        return _read(self._ask("GET", ROOT), list[TaskLine])

    def export(self, task: str) -> bytes:
        """A task as ``study export`` writes it."""
        return self._ask("GET", f"{ROOT}/{task}")

    def listing(self, task: str) -> Listing:
        """The ledgers of a task."""
        return _read(self._ask("GET", f"{ROOT}/{task}/ledgers"), Listing)

    def read(self, task: str, name: str, start: int) -> bytes:
        """The bytes of a ledger from ``start`` on, at most some MB of them."""
        return self._ask("GET", f"{ROOT}/{task}/ledgers/{name}", {"from": start})

    def append(self, task: str, name: str, at: int, data: bytes) -> int:
        """Append to a ledger; return its size."""
        return _read(self._ask("PUT", f"{ROOT}/{task}/ledgers/{name}", {"at": at}, data), Size).size

    def changes(self, task: str, cursor: str, job: int) -> Changes:
        """What was written after a cursor."""
        query: dict[str, str | int] = {"after": cursor, "job": job}
        return _read(self._ask("GET", f"{ROOT}/{task}/changes", query), Changes)

    def claims(self, task: str) -> Claims:
        """The claims of a task."""
        return _read(self._ask("GET", f"{ROOT}/{task}/claims"), Claims)

    def claim(self, task: str, name: str, generation: int, claim: Claim) -> None:
        """Make a claim."""
        path = f"{ROOT}/{task}/claims/{name}/{generation}"
        self._ask("PUT", path, body=msgspec.json.encode(claim))

    def open_share(self, task: str, job: int) -> None:
        """Let others take of a job's share."""
        self._ask("PUT", f"{ROOT}/{task}/shares/{job}")

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str | int] | None = None,
        body: bytes = b"",
    ) -> bytes:
        """Send a request; return the body of the answer.

        Raises:
            Unreachable: no answer, or none that makes sense.
            Refused: the token has not this right.
            Answer: a refusal with a meaning.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        with self._lock:
            try:
                status, data = self._exchange(method, target, body)
            except (OSError, ValueError, http.client.HTTPException) as error:
                self._link.close()
                if isinstance(self._link, _Through):
                    self._link.broke()
                raise Unreachable(_said(error)) from error
        if status == 200:
            return data
        try:
            detail = decode(data, Problem, "the answer").detail
        except Damaged:
            detail = http.client.responses.get(status, "")
        if status in _MEANT:
            raise Answer(status, detail)
        kind = Refused if status in _FORBIDDEN else Unreachable
        raise kind(f"{status} {http.client.responses.get(status, '')}: {detail}")

    def _exchange(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        kept = self._link.sock is not None
        try:
            return self._once(method, target, body)
        except (ConnectionError, http.client.BadStatusLine):
            # Every call may be repeated. A connection that was kept may have been ended meanwhile.
            self._link.close()
            if not kept:
                raise
            return self._once(method, target, body)

    def _once(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        if isinstance(self._link, _Through) and self._link.sock is None:
            self._link.connect()
            self._headers = _bearer(self._link.token)
        self._link.request(method, target, body if method == "PUT" else None, self._headers)
        with contextlib.closing(self._link.getresponse()) as answer:
            if (answer.length or 0) > _LARGEST_ANSWER:
                raise ValueError(f"an answer of {answer.length} bytes")
            return answer.status, answer.read()


class _Through(http.client.HTTPConnection):
    """A connection through a tunnel; ``token`` is the one for its other end."""

    def __init__(self, tunnel: Tunnel, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._tunnel = tunnel
        self.token = ""

    def connect(self) -> None:
        """Connect; what does not answer is opened anew the next time."""
        path, self.token = self._tunnel.open()
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(self.timeout)
        try:
            link.connect(str(path))
        except OSError:
            link.close()
            raise
        self.sock = link

    def broke(self) -> None:
        """No answer came: perhaps there is no server at the other end any more."""
        self._tunnel.broke()


def _trust() -> ssl.SSLContext:
    """Whose certificates are believed: those of the system, or the one of one's own."""
    path = os.environ.get(CERTIFICATE)
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # a file that holds no certificate is one, too
        raise UserError(f"{CERTIFICATE}: cannot use {path}: {error.strerror or error}") from error


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read(data: bytes, kind: type[T]) -> T:
    try:
        return decode(data, kind, "the server's answer")
    except Damaged as error:
        raise Unreachable(str(error)) from error


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate is not trusted: {error.verify_message} "
            f"({CERTIFICATE} names the file of one of your own)"
        )
    return first_line(error)


def read_token() -> str:
    """The token of the server, from the environment or the file that it names.

    Raises:
        UserError: neither is set, or it is no token.
    """
    token, path = os.environ.get(TOKEN, "").strip(), os.environ.get(TOKEN_FILE)
    if not token and path:
        try:
            token = Path(path).read_text(errors="replace").strip(" \0\r\n")
        except OSError as error:
            raise UserError(f"{TOKEN_FILE}: cannot read {path}: {error.strerror}") from error
    if not token:
        raise UserError(
            f"the server wants a token: set {TOKEN} or {TOKEN_FILE} where the jobs run "
            "('hpogrid serve' says where it is)"
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UserError(f"{TOKEN} or the file that {TOKEN_FILE} names holds no token")
    return token

"""The server of ``hpogrid serve``: keeps the ledgers of jobs that share no disk.

==========================================  =================================================
``GET  /TASK/ledgers``                      a `Listing`
``GET  /TASK/ledgers/NAME?from=N``          the bytes from ``N`` on
``PUT  /TASK/ledgers/NAME?at=N``            append bytes, or none to show that the job lives;
                                            409 unless the size is ``N``
``GET  /TASK/claims``                       name, generation and owner of every claim
``PUT  /TASK/claims/NAME.GENERATION``       make a claim; 409 if it is taken
==========================================  =================================================

TASK is the key of a task of this user directory; its ledgers are those that the report reads.
"""

from __future__ import annotations

import hmac
import os
import re
import ssl
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from hpogrid.files import Damaged, decode
from hpogrid.study.claims import Claim, make_claim, read_claims

_LEDGER = re.compile(r"job-\d{4,}\.\d{3,}\.jsonl")
_CLAIM = re.compile(r"([0-9a-f]{24})\.(\d{3})")
_MOST_BYTES = 64 * 2**20

Find = Callable[[str], Path | None]
"""From the key of a task to its folder of ledgers."""


class Listing(msgspec.Struct):
    """The ledgers of a task.

    Attributes:
        now: the server's time, in nanoseconds since 1970.
        ledgers: by name, the bytes and the time of the last change in nanoseconds.
    """

    now: int
    ledgers: dict[str, tuple[int, int]]


class Refusal(Exception):
    """A request that is not answered, with its status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class LedgerServer(ThreadingHTTPServer):
    """Serves the ledgers of tasks to those who have the token.

    Args:
        address: host and port (0: any that is free).
        token: what every request must bring.
        find: where the ledgers of a task are; None: no such task.
        certificate, key: files for TLS.
    """

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        token: str,
        find: Find,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        super().__init__(address, _Handler)
        self.token = token
        self.find = find
        self.lock = threading.Lock()
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.socket = context.wrap_socket(self.socket, server_side=True)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: LedgerServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer({"ledgers": self._read_ledgers, "claims": self._read_claims})

    def do_PUT(self) -> None:
        self._answer({"ledgers": self._append, "claims": self._claim})

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: requests come by the second."""

    def _answer(self, actions: dict[str, Callable[[Path, str], bytes]]) -> None:
        try:
            self._check_token()
            parts = urlsplit(self.path).path.strip("/").split("/")
            if len(parts) not in (2, 3) or parts[1] not in actions:
                raise Refusal(HTTPStatus.NOT_FOUND)
            folder = self.server.find(parts[0])
            if folder is None:
                raise Refusal(HTTPStatus.NOT_FOUND)
            body = actions[parts[1]](folder, parts[2] if len(parts) == 3 else "")
            self._send(HTTPStatus.OK, body)
        except Refusal as refusal:
            self.close_connection = True
            self._send(refusal.status, b"")

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _check_token(self) -> None:
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            raise Refusal(HTTPStatus.UNAUTHORIZED)

    def _number(self, name: str) -> int:
        text = parse_qs(urlsplit(self.path).query).get(name, ["0"])[0]
        if not text.isdigit():
            raise Refusal(HTTPStatus.BAD_REQUEST)
        return int(text)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MOST_BYTES:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.rfile.read(int(length))

    # --- ledgers -----------------------------------------------------------------------------

    def _read_ledgers(self, folder: Path, name: str) -> bytes:
        if not name:
            found = {path.name: path.stat() for path in folder.glob("job-*.jsonl")}
            ledgers = {name: (status.st_size, status.st_mtime_ns) for name, status in found.items()}
            return msgspec.json.encode(Listing(time.time_ns(), ledgers))
        path = self._ledger(folder, name)
        if not path.exists():
            raise Refusal(HTTPStatus.NOT_FOUND)
        with path.open("rb") as stream:
            stream.seek(self._number("from"))
            return stream.read(_MOST_BYTES)

    def _append(self, folder: Path, name: str) -> bytes:
        path, data = self._ledger(folder, name), self._body()
        with self.server.lock:
            size = path.stat().st_size if path.exists() else 0
            if size != self._number("at"):
                raise Refusal(HTTPStatus.CONFLICT)
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as stream:
                stream.write(data)
            os.utime(path)
        return msgspec.json.encode(size + len(data))

    @staticmethod
    def _ledger(folder: Path, name: str) -> Path:
        if not _LEDGER.fullmatch(name):
            raise Refusal(HTTPStatus.BAD_REQUEST)
        return folder / name

    # --- claims ------------------------------------------------------------------------------

    def _read_claims(self, folder: Path, name: str) -> bytes:
        found = read_claims(folder / "claims")
        return msgspec.json.encode([(name, *item) for name, item in found.items()])

    def _claim(self, folder: Path, name: str) -> bytes:
        match = _CLAIM.fullmatch(name)
        try:
            claim = decode(self._body(), Claim, "the claim")
        except Damaged as error:
            raise Refusal(HTTPStatus.BAD_REQUEST) from error
        if match is None:
            raise Refusal(HTTPStatus.BAD_REQUEST)
        if not make_claim(folder / "claims", match[1], int(match[2]), claim):
            raise Refusal(HTTPStatus.CONFLICT)
        return b"{}"

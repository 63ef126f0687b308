"""Exchange through ``hpogrid serve``: for jobs that have a network but share no disk.

Each job appends its own ledger to the copy that the server keeps, and mirrors the others' into
its own folder of ledgers, where it reads them as if the disk were shared. A job that loses the
server carries on alone; what it wrote meanwhile is delivered when the server is back.
"""

from __future__ import annotations

import http.client
import logging
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hpogrid.errors import UserError, first_line
from hpogrid.files import Damaged, decode
from hpogrid.space.space import Space
from hpogrid.space.value import Values
from hpogrid.study.claims import Claim, Claims, digest
from hpogrid.study.exchange import LEASE_SECONDS, Exchange
from hpogrid.study.ledger import SUFFIX, ledger_name
from hpogrid.study.server import Listing
from hpogrid.study.study import Trial

TOKEN = "HPOGRID_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable with the token; ``HPOGRID_TOKEN_FILE`` names a file with it."""

_TIMEOUT = 10.0
_SYNC_SECONDS = 1.0
_RETRY_SECONDS = 15.0
_PART_BYTES = 16 * 2**20


class Unreachable(Exception):
    """The server does not answer, or not as it should."""


class Client:
    """Talks to the server about one task.

    Args:
        url: ``http://host:port`` or ``https://host:port``.
        task: the key of the task.
    """

    def __init__(self, url: str, task: str) -> None:
        self._base = f"{url.rstrip('/')}/{task}"
        self._token = read_token()
        context = ssl.create_default_context(cafile=os.environ.get("HPOGRID_CA_FILE"))
        # No proxy: the server is one of ours, and a token must not go elsewhere.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self._retry_at = 0.0

    def try_again(self) -> None:
        """Do not wait before the next attempt to reach the server."""
        self._retry_at = 0.0

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request; return status and body.

        Raises:
            Unreachable: no answer, or a refusal; for a while it is then not tried again.
        """
        if time.monotonic() < self._retry_at:
            raise Unreachable("it was out of reach a moment ago")
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            f"{self._base}/{path}",
            data=body,
            method=method,
            headers={"Authorization": f"Bearer {self._token}"},
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 409:
                    return 409, error.read()
                text = f"{error.code} {error.reason}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            text = first_line(error)
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        logging.getLogger(__name__).warning("server out of reach: %s", text)
        raise Unreachable(text)


def read_token() -> str:
    """The token of the server, from the environment or the file that it names.

    Raises:
        UserError: neither is set.
    """
    token = os.environ.get(TOKEN)
    path = os.environ.get(f"{TOKEN}_FILE")
    if not token and path:
        try:
            token = Path(path).read_text().strip()
        except OSError as error:
            raise UserError(f"{TOKEN}_FILE: cannot read {path}: {error.strerror}") from error
    if not token:
        raise UserError(
            f"the server wants a token: set {TOKEN} or {TOKEN}_FILE where the jobs run "
            "('hpogrid serve' says where it is)"
        )
    return token


class RemoteClaims(Claims):
    """Claims that the server keeps; without it a job takes what it likes."""

    def __init__(self, client: Client, job: int) -> None:
        self._client = client
        self._job = job

    def take(self, key: bytes, suggested: Values, applied: Values) -> bool:
        """See `Claims.take`."""
        return self._post(key, 0, Claim(self._job, suggested, applied))

    def owner(self, key: bytes) -> Claim | None:
        """See `Claims.owner`."""
        found = {name: claim for name, _, claim in self._list()}
        return found.get(digest(key))

    def take_over(self, key: bytes, claim: Claim) -> bool:
        """See `Claims.take_over`."""
        found = {name: (generation, owner) for name, generation, owner in self._list()}
        generation, owner = found.get(digest(key), (-1, None))
        mine = Claim(self._job, claim.suggested, claim.applied)
        return owner == claim and self._post(key, generation + 1, mine)

    def all(self) -> Iterator[tuple[bytes, Claim]]:
        """See `Claims.all`."""
        return ((name.encode(), claim) for name, _, claim in self._list())

    def _post(self, key: bytes, generation: int, claim: Claim) -> bool:
        try:
            path = f"claims/{digest(key)}.{generation:03d}"
            return self._client.ask("PUT", path, msgspec.json.encode(claim))[0] != 409
        except Unreachable:
            return True

    def _list(self) -> list[tuple[str, int, Claim]]:
        try:
            _, body = self._client.ask("GET", "claims")
            return decode(body, list[tuple[str, int, Claim]], "the server's list of claims")
        except (Unreachable, Damaged):
            return []


class RemoteExchange(Exchange):
    """A job's view of its task through the server.

    Args:
        folder, space, job: as for `Exchange`; the folder may be the job's own.
        url: of the server.
        task: the key of the task.

    Raises:
        UserError: the server cannot be reached at the start. Later it may be out of reach.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        job: int,
        *,
        url: str,
        task: str,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._client = Client(url, task)
        self._folder = folder
        self._own = None
        self._there = Listing(0, {})
        self._copies: set[Path] = set()
        self._quiet = False
        self._prefix = ledger_name(job, 0).split(".")[0] + "."
        self._synced = 0.0
        try:
            self._mirror()
        except Unreachable as error:
            raise UserError(f"storage {url} cannot be reached: {error}") from error
        super().__init__(folder, space, job, shared=True, lease=lease)
        self._claims = RemoteClaims(self._client, job) if space.finite else None

    def poll(self, *, now: bool = False) -> list[Trial]:
        """Deliver, mirror, then look (see `Exchange.poll`)."""
        if now or time.monotonic() - self._synced >= _SYNC_SECONDS:
            self._sync()
        return super().poll(now=now)

    def beat(self) -> None:
        """Show the server that this job lives, with the next delivery (see `Exchange.beat`)."""
        super().beat()
        self._quiet = True

    def look(self) -> None:
        """See `Exchange.look`."""
        self._sync()

    def is_copy(self, path: Path) -> bool:
        """See `Exchange.is_copy`."""
        return path in self._copies

    def age(self, path: Path) -> float:
        """How many seconds ago a ledger changed, by the server's clock if it knows the ledger."""
        if path.name not in self._there.ledgers:
            return super().age(path)
        return (self._there.now - self._there.ledgers[path.name][1]) / 1e9

    def deliver(self) -> bool:
        """See `Exchange.deliver`."""
        self._client.try_again()
        return self._sync()

    def _sync(self) -> bool:
        """Bring both sides up to date; False: the server is out of reach."""
        try:
            self._mirror()
        except Unreachable:
            return False
        return True

    def _mirror(self) -> None:
        """Push this job's ledgers, and pull the others' (and its own from another machine).

        Raises:
            Unreachable: the server does not answer.
        """
        self._synced = time.monotonic()
        _, body = self._client.ask("GET", "ledgers")
        try:
            self._there = there = decode(body, Listing, "the server's answer")
        except Damaged as error:
            raise Unreachable(str(error)) from error
        for path in sorted(self._folder.glob(f"{self._prefix}*{SUFFIX}")):
            self._push(path, there.ledgers.get(path.name, (0, 0))[0])
        for name, (size, changed) in there.ledgers.items():
            path = self._folder / Path(name).name
            if path != self._own:
                self._pull(path, size, changed)

    def _push(self, path: Path, at: int) -> None:
        """Append to the server's copy what it lacks, or nothing to show that this job lives."""
        alive = path == self._own and self._quiet
        with path.open("rb") as stream:
            stream.seek(at)
            while True:
                data = stream.read(_PART_BYTES)
                data = data[: data.rfind(b"\n") + 1]
                if not (data or alive):
                    return
                self._client.ask("PUT", f"ledgers/{path.name}?at={at}", data)
                alive = self._quiet = False
                at += len(data)
                stream.seek(at)

    def _pull(self, path: Path, size: int, changed: int) -> None:
        """Append to this machine's copy what it lacks; it changed when the server's did."""
        try:
            have = path.stat().st_size
        except FileNotFoundError:
            have = -1
        if size > max(have, 0):
            _, data = self._client.ask("GET", f"ledgers/{path.name}?from={max(have, 0)}")
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                # At its place: another job of this machine may be doing the same.
                os.pwrite(handle, data, max(have, 0))
            finally:
                os.close(handle)
            self._copies.add(path)
            os.utime(path, ns=(changed, changed))
        elif have >= 0 and path.stat().st_mtime_ns < changed:
            os.utime(path, ns=(changed, changed))

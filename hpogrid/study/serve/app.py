"""The calls of `hpogrid.study.serve.calls` as an application for an HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import Damaged, decode
from hpogrid.registry import require
from hpogrid.study.claims import Claim
from hpogrid.study.serve.calls import (
    CLAIM_PATTERN,
    LARGEST_BODY,
    LARGEST_NUMBER,
    LEDGER_PATTERN,
    ROOT,
    Problem,
    Size,
    TaskLine,
)
from hpogrid.study.serve.shelf import Conflict, Shelf, UnknownCursor, UnknownLedger
from hpogrid.study.serve.tokens import Keyring, Right, Token, WrongTokens

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

T = TypeVar("T")
_LOOK_SECONDS = 1.0
"""After so long a token that was revoked is forgotten."""

_LOOK_APART_SECONDS = 0.1
"""Strangers make nobody look for tokens more often."""

_LARGEST_JOB = 10**6
_LARGEST_GENERATION = 999
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """A task at the server.

    Attributes:
        line: what others may know of it.
        ledgers: the folder of its ledgers.
        sharing: among how many jobs a finite space is dealt out.
        export: makes an archive of it, as ``study export`` does.
    """

    line: TaskLine
    ledgers: Path
    sharing: int
    export: Callable[[], bytes]


Places = Callable[[], dict[str, Place]]
"""The tasks of the server by key, as they are now."""


class Refusal(Exception):
    """A call that is refused, with its status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Calls:
    """Answers calls.

    Args:
        places: see `Places`; asked again for a task that is new.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._known: dict[str, Place] = {}
        self._shelves: dict[str, Shelf] = {}
        self._keyring = Keyring()
        self._looking = asyncio.Lock()
        self._wrong = WrongTokens()
        self._exporting = asyncio.Lock()  # an archive is made of all that a task has

    # --- who asks ----------------------------------------------------------------------------

    async def token(self, request: Request) -> Token:
        """The token that a request brings.

        Raises:
            Refusal: it brings none that is known, or they cannot be read.
        """
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        text = text.strip() if scheme.lower() == "bearer" else ""
        if time.monotonic() - self._keyring.looked > _LOOK_SECONDS and not self._looking.locked():
            with contextlib.suppress(Refusal):  # who was known stays known
                await self._look_for_tokens()
        token = self._keyring.find(text)
        if token is None and text:  # it may have been made just now
            await self._look_for_tokens()
            token = self._keyring.find(text)
        if token is not None:
            return token
        address = request.client.host if request.client else ""
        if self._wrong.too_many(address):
            raise Refusal(429, "too many wrong tokens from there")
        raise Refusal(401, "the token is missing, wrong, revoked or over")

    async def _look_for_tokens(self) -> None:
        """See which tokens there are; one look, from now on, for all who want one together."""
        wanted = time.monotonic()
        async with self._looking:
            if self._keyring.looked >= wanted:
                return
            await asyncio.sleep(self._keyring.looked + _LOOK_APART_SECONDS - time.monotonic())
            try:
                await asyncio.to_thread(self._keyring.look)
            except UserError as error:
                _log.warning("%s", error)
                raise Refusal(507, "the tokens cannot be read at the moment") from error

    async def place(self, request: Request, right: Right) -> tuple[Place, Shelf]:
        """The task of a call, if the token allows the call.

        Raises:
            Refusal: it does not, or there is no such task.
        """
        token, key = await self.token(request), request.path_params["task"]
        if not token.may(right, key):
            what = "this task" if token.may(right, None) else f"the right to {right}"
            raise Refusal(403, f"the token '{token.name}' is not for {what}")
        if key not in self._known:
            self._known = await asyncio.to_thread(self._places)
        place = self._known.get(key)
        if place is None:
            raise Refusal(404, "no such task")
        if key not in self._shelves:
            self._shelves[key] = Shelf(place.ledgers, place.sharing)
        return place, self._shelves[key]

    # --- the calls ---------------------------------------------------------------------------

    async def tasks(self, request: Request) -> Response:
        """The tasks that the token may see."""
        token = await self.token(request)
        self._known = await asyncio.to_thread(self._places)
        return _json([p.line for key, p in self._known.items() if token.may("read", key)])

    async def export(self, request: Request) -> Response:
        """A task as ``study export`` writes it."""
        place, _ = await self.place(request, "read")
        async with self._exporting:
            return _bytes(await asyncio.to_thread(place.export), "application/gzip")

    async def listing(self, request: Request) -> Response:
        """The ledgers of a task."""
        _, shelf = await self.place(request, "read")
        return _json(await asyncio.to_thread(shelf.listing))

    async def read(self, request: Request) -> Response:
        """The bytes of a ledger."""
        _, shelf = await self.place(request, "read")
        name, start = _matched(request, "ledger", LEDGER_PATTERN), _number(request, "from")
        return _bytes(await asyncio.to_thread(shelf.read, name, start or 0))

    async def append(self, request: Request) -> Response:
        """Append to a ledger."""
        _, shelf = await self.place(request, "write")
        name, at = _matched(request, "ledger", LEDGER_PATTERN), _number(request, "at")
        data = await _body(request)
        return _json(Size(await asyncio.to_thread(shelf.append, name, at or 0, data)))

    async def changes(self, request: Request) -> Response:
        """What was written since."""
        _, shelf = await self.place(request, "read")
        after = request.query_params.get("after")
        if after is None:
            raise Refusal(400, "'after' is missing: the cursor of the last answer")
        job = _number(request, "job")
        return _json(await asyncio.to_thread(shelf.changes, after, job))

    async def claims(self, request: Request) -> Response:
        """The claims of a task."""
        _, shelf = await self.place(request, "read")
        return _json(await asyncio.to_thread(shelf.claims))

    async def claim(self, request: Request) -> Response:
        """Claim a configuration."""
        _, shelf = await self.place(request, "write")
        name = _matched(request, "claim", CLAIM_PATTERN)
        generation = _whole(request.path_params["generation"], _LARGEST_GENERATION, "generation")
        claim = decode(await _body(request), Claim, "the claim")
        said = await asyncio.to_thread(shelf.claim, name, generation, claim)
        if said == "taken":
            raise Refusal(409, "another job has it")
        if said == "held":
            raise Refusal(423, "it belongs to a job that lives")
        return _json(claim)

    async def open_share(self, request: Request) -> Response:
        """Let others take of a job's share."""
        _, shelf = await self.place(request, "write")
        job = _whole(request.path_params["job"], _LARGEST_JOB, "job")
        await asyncio.to_thread(shelf.open_share, job)
        return _json(Size(0))


def make_app(calls: Calls, hears: Callable[[tuple[str, int]], None]) -> Any:
    """The application.

    Args:
        calls: who answers.
        hears: is told of the address of each request whose token is right.
    """
    require("starlette", extra="serve", what="hpogrid serve")
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Route

    task = f"{ROOT}/{{task}}"
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", ROOT, calls.tasks),
        ("GET", task, calls.export),
        ("GET", f"{task}/ledgers", calls.listing),
        ("GET", f"{task}/ledgers/{{ledger}}", calls.read),
        ("PUT", f"{task}/ledgers/{{ledger}}", calls.append),
        ("GET", f"{task}/changes", calls.changes),
        ("GET", f"{task}/claims", calls.claims),
        ("PUT", f"{task}/claims/{{claim}}/{{generation}}", calls.claim),
        ("PUT", f"{task}/shares/{{job}}", calls.open_share),
    ]

    def answering(call: Callable[[Request], Awaitable[Response]]) -> Any:
        async def answer(request: Request) -> Response:
            try:
                await calls.token(request)
                hears(request.client or ("", 0))
                return await call(request)
            except Exception as error:
                return _refused(error)

        return answer

    async def elsewhere(request: Request, error: Exception) -> Response:
        """No such path or method: only those who may know are told that."""
        assert isinstance(error, HTTPException)
        try:
            await calls.token(request)
        except Exception as refusal:
            return _refused(refusal)
        found = _refused(Refusal(error.status_code, str(error.detail).lower()))
        found.headers.update(error.headers or {})
        return found

    routes = [Route(path, answering(call), methods=[method]) for method, path, call in table]
    app = Starlette(routes=routes, exception_handlers={HTTPException: elsewhere})
    app.router.redirect_slashes = False  # which is answered before anybody is asked for a token
    return app


def _refused(error: Exception) -> Response:
    """What is answered in place of a result."""
    from starlette.requests import ClientDisconnect

    status, detail = 500, "the server has a fault; its log says which"
    if isinstance(error, Refusal):
        status, detail = error.status, str(error)
    elif isinstance(error, Conflict):
        status, detail = 409, str(error)
    elif isinstance(error, UnknownCursor):
        status, detail = 410, "the cursor is not known any more: list the ledgers again"
    elif isinstance(error, UnknownLedger):
        status, detail = 404, "no such ledger"
    elif isinstance(error, Damaged):
        status, detail = 400, str(error)
    elif isinstance(error, UserError):
        status, detail = 507, str(error)
        _log.warning("%s", detail)
    elif isinstance(error, OSError):
        status, detail = 507, f"the server cannot do it now: {error.strerror or error}"
        _log.warning("%s", error)
    elif isinstance(error, ClientDisconnect):
        status, detail = 400, "the client went away"
    else:
        _log.error("a call failed", exc_info=error)
    answer = _json(Problem(detail), status)
    if status in (401, 429):
        answer.headers["www-authenticate"] = "Bearer"
        answer.headers["connection"] = "close"
    if status == 429:
        answer.headers["retry-after"] = "60"
    return answer


def _json(data: object, status: int = 200) -> Response:
    return _bytes(msgspec.json.encode(data), "application/json", status)


def _bytes(data: bytes, kind: str = "application/octet-stream", status: int = 200) -> Response:
    from starlette.responses import Response

    return Response(data, status, media_type=kind)


def _matched(request: Request, name: str, pattern: str) -> str:
    text: str = request.path_params[name]
    if not re.fullmatch(pattern.strip("^$"), text):
        raise Refusal(400, f"no {name} has this name; it is like {pattern}")
    return text


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    return None if text is None else _whole(text, LARGEST_NUMBER, name)


def _whole(text: str, largest: int, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > largest:
        raise Refusal(400, f"'{name}' is no whole number from 0 to {largest}")
    return int(text)


async def _body(request: Request) -> bytes:
    """What a request brings, if it is not too much and comes in time."""
    length = request.headers.get("content-length")
    if length is None:
        raise Refusal(411, "the length of the body must be given")
    if _whole(length, LARGEST_NUMBER, "content-length") > LARGEST_BODY:
        raise Refusal(413, f"more than {LARGEST_BODY} bytes")
    return await request.body()

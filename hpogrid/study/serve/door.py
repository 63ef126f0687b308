"""The door of the server: who has a connection, for how long, and who must leave for others.

A connection has so many seconds for its handshake and the head of its first request, and so many
for a whole request. When there are as many as the process may have, one of those leaves that have
shown no right token: the oldest from where most of them come. So strangers that hold connections
cost others nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hpogrid.errors import UserError
from hpogrid.registry import require

HEAD_SECONDS = 10.0
REQUEST_SECONDS = 60.0
IDLE_SECONDS = 90.0
"""For how long a connection of somebody who is known may wait for the next request."""

_HEAD_BYTES = 16 * 2**10
_OWN_FILES = 128
"""Files that the server itself has open, and its threads; three quarters of fewer."""

_THREADS = 32
"""So many calls may wait for a slow disk, and others are answered still."""

_MOST = 8192
_QUEUE = 512
_FEW = 8
_log = logging.getLogger(__name__)

Address = tuple[str, int]
Reader = Callable[[Callable[[], None]], asyncio.Protocol]
"""Makes what reads a connection, and calls when that has ended."""


class _Visit:
    """A connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.address = _address(transport)
        self.known = False
        self.timer: asyncio.TimerHandle | None = None


class Gate:
    """Counts the connections, and ends those whose time is up.

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._visits: dict[Address, _Visit] = {}
        self._strangers: dict[str, dict[_Visit, None]] = {}  # by host; the oldest is the first

    def enter(self, transport: asyncio.Transport) -> _Visit:
        """A connection was made."""
        while len(self._visits) >= self._most:
            self._end(self._least_wanted())
        visit = _Visit(transport)
        if (last := self._visits.get(visit.address)) is not None:
            self._end(last)
        self._visits[visit.address] = visit
        self._strangers.setdefault(visit.address[0], {})[visit] = None
        self._give(visit, HEAD_SECONDS)
        return visit

    def leave(self, visit: _Visit) -> None:
        """A connection has ended."""
        if visit.timer is not None:
            visit.timer.cancel()
        if self._visits.get(visit.address) is visit:
            del self._visits[visit.address]
            self._no_stranger(visit)

    def began(self, address: Address) -> None:
        """A request has its head."""
        if (visit := self._visits.get(address)) is not None:
            self._give(visit, REQUEST_SECONDS)

    def hear(self, address: Address) -> None:
        """A request has shown a right token."""
        if (visit := self._visits.get(address)) is not None:
            visit.known = True
            self._no_stranger(visit)

    def ended(self, address: Address) -> None:
        """A request was answered."""
        if (visit := self._visits.get(address)) is not None:
            self._give(visit, IDLE_SECONDS if visit.known else HEAD_SECONDS)

    def _give(self, visit: _Visit, seconds: float) -> None:
        if visit.timer is not None:
            visit.timer.cancel()
        visit.timer = asyncio.get_running_loop().call_later(seconds, self._end, visit)

    def _end(self, visit: _Visit) -> None:
        visit.transport.abort()
        self.leave(visit)

    def _no_stranger(self, visit: _Visit) -> None:
        host = visit.address[0]
        strangers = self._strangers.get(host, {})
        strangers.pop(visit, None)
        if not strangers:
            self._strangers.pop(host, None)

    def _least_wanted(self) -> _Visit:
        crowd = max(self._strangers.values(), key=len, default=None)
        return next(iter(self._visits.values() if crowd is None else crowd))

    def watching(self, app: Any) -> Any:
        """The application, with the gate told of its requests."""

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            address = tuple(scope.get("client") or ("", 0))
            self.began(address)
            try:
                await app(scope, receive, send)
            finally:
                self.ended(address)

        return watched


class _Early(asyncio.Protocol):
    """Keeps what arrives between a handshake and the one who reads it."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.data.append(data)


class _Door(asyncio.Protocol):
    """A new connection: through the gate, and where there is TLS through its handshake."""

    def __init__(self, gate: Gate, reader: Reader, context: ssl.SSLContext | None) -> None:
        self._gate = gate
        self._reader = reader
        self._context = context
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let somebody in."""
        assert isinstance(transport, asyncio.Transport)
        # Two writes make an answer, and the second one waits for nobody.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        visit = self._gate.enter(transport)
        if self._context is None:
            self._lead(visit, transport, [])
        else:
            self._task = asyncio.ensure_future(self._shake(visit, self._context))

    async def _shake(self, visit: _Visit, context: ssl.SSLContext) -> None:
        early, secured = _Early(), None
        with contextlib.suppress(OSError):
            secured = await asyncio.get_running_loop().start_tls(
                visit.transport, early, context,
                server_side=True, ssl_handshake_timeout=HEAD_SECONDS,
            )  # fmt: skip
        if secured is None or secured.is_closing():
            self._gate.leave(visit)
        else:
            self._lead(visit, secured, early.data)

    def _lead(self, visit: _Visit, transport: asyncio.Transport, early: list[bytes]) -> None:
        reader = self._reader(lambda: self._gate.leave(visit))
        transport.set_protocol(reader)
        reader.connection_made(transport)
        for data in early:
            reader.data_received(data)


def _address(transport: asyncio.BaseTransport) -> Address:
    name = transport.get_extra_info("peername") or ("", id(transport))
    return str(name[0]), int(name[1])


def listen(host: str, port: int) -> socket.socket:
    """A socket that others can connect to.

    Raises:
        UserError: the address cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_QUEUE)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What a handshake needs.

    Raises:
        UserError: the files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UserError(
            f"cannot use the certificate {certificate} with the key {key or certificate}: {error}"
        ) from error
    return context


def _most_visits() -> int:
    """As many connections as the process may have files, less its own and those of newcomers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    own = min(_OWN_FILES, soft * 3 // 4)
    return min(max((soft - own) * 2 // 3, _FEW), _MOST)


def _at_once(most: int) -> int:
    """How many connections are taken in a turn of the loop.

    Those of a few turns are neither counted yet nor closed: they may not take the last files.
    """
    return max(_FEW, min(64, most // 8))


def run(
    app: Callable[[Gate], Any],
    listening: socket.socket,
    context: ssl.SSLContext | None,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        app: makes the application for a gate.
        listening: where connections are made.
        context: for TLS.
        stopping: asked now and then whether to end.
    """
    uvicorn = require("uvicorn", extra="serve", what="hpogrid serve")
    most = _most_visits()
    gate = Gate(most)
    config = uvicorn.Config(
        gate.watching(app(gate)),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        backlog=_at_once(most),
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=int(IDLE_SECONDS),
        timeout_graceful_shutdown=2,
    )
    config.load()
    server = _behind_the_door(uvicorn, config, gate, context)
    if stopping():
        return

    async def serve() -> None:
        watch = asyncio.ensure_future(_until(stopping, server))
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_note)
        # A warning for each write to somebody who has gone: strangers could fill the disk.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        loop.set_default_executor(ThreadPoolExecutor(_THREADS, "disk"))
        await server.serve(sockets=[listening])
        watch.cancel()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


async def _until(stopping: Callable[[], bool], server: Any) -> None:
    while not stopping():
        await asyncio.sleep(0.05)
    server.should_exit = True


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What goes wrong with one connection is no fault of the server."""
    error = context.get("exception")
    if isinstance(error, OSError):
        _log.debug("%s: %s", context.get("message"), error)
    elif "handle" in context or "transport" in context:  # of asyncio's TLS, for one
        _log.warning("%s: %r", context.get("message"), error)
        _log.debug("it came from", exc_info=error)
    else:
        loop.default_exception_handler(context)


def _behind_the_door(uvicorn: Any, config: Any, gate: Gate, context: ssl.SSLContext | None) -> Any:
    """uvicorn's server, with our door before it."""
    h11 = require("h11", extra="serve", what="hpogrid serve")

    class Visitor(config.http_protocol_class):  # type: ignore[misc]
        def __init__(self, server: uvicorn.Server, leave: Callable[[], None]) -> None:
            super().__init__(config=config, server_state=server.server_state, app_state={})
            self._leave = leave

        def handle_events(self) -> None:
            try:
                super().handle_events()
            except h11.LocalProtocolError:  # uvicorn refuses what is wrong in mid-answer, too
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self._leave()
            super().connection_lost(exc)

    class Server(uvicorn.Server):  # type: ignore[misc]
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            def reader(leave: Callable[[], None]) -> asyncio.Protocol:
                return Visitor(self, leave)

            loop = asyncio.get_running_loop()
            self.servers = [
                await loop.create_server(
                    lambda: _Door(gate, reader, context), sock=one, backlog=config.backlog
                )
                for one in sockets or []
            ]
            for one in sockets or []:
                one.listen(_QUEUE)  # that many may wait, whatever is taken at once
            self.started = True

    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    return server

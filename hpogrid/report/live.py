"""The page of a study that still grows: on this machine, read-only, without a reload.

The browser gets the page once, and its data again whenever the ledgers have grown, as server-sent
events. Nothing listens beyond loopback, and the address holds a word that others do not know.
"""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.errors import RunError, UserError
from hpogrid.report.htmlfile import write_page
from hpogrid.report.page import page_data
from hpogrid.report.results import Results
from hpogrid.site.tasks import tasks_path

_HOST = "127.0.0.1"
_TICK = 1.0
_SHARE = 2
"""The page is made anew only after so many times as long as that takes."""

_AT_LEAST = 60.0
"""Seconds after which the study is read again, whatever its files say: servers have none here."""

_STILL_HERE = 15.0


class Feed:
    """The data of the page as they are now; made anew when files have grown.

    Args:
        read: reads the trials.
        bring: fetches what is new elsewhere, before anybody looks at files.
    """

    def __init__(
        self, read: Callable[[], Results], bring: Callable[[], object] = lambda: None
    ) -> None:
        self._read = read
        self._bring = bring
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._watchers = 0
        self._known = b""
        self.number = 0
        self._look()

    def _look(self) -> bool:
        """Make the data anew; whether they are others."""
        results = self._read()
        self._results, self._traces = results, _traces(results)
        content = page_data(results)
        bare = {name: value for name, value in content.items() if name != "written"}
        known = msgspec.json.encode(bare)
        if known == self._known:
            return False
        self._known, self.content = known, content
        self.title = results.name or "Results"
        self.number += 1
        return True

    def follow(self) -> None:
        """Look at the files until `close`, while there is a browser that wants to know."""
        pause, read = _TICK, time.monotonic()
        while not self._over.wait(pause):
            if not self._watchers:
                continue
            now = time.monotonic()
            self._bring()
            if _traces(self._results) != self._traces or now - read > _AT_LEAST:
                try:
                    with self._changed:
                        if self._look():
                            self._changed.notify_all()
                except UserError:
                    continue  # a task that is just being made or removed
                read = time.monotonic()
            pause = max(_TICK, _SHARE * (time.monotonic() - now))

    def updates(self) -> Iterator[bytes | None]:
        """The data, each time that they are others; now and then None, to see who still listens."""
        seen = self.number
        self._watchers += 1
        try:
            while not self._over.is_set():
                with self._changed:
                    if self.number == seen:
                        self._changed.wait(_STILL_HERE)
                    new = msgspec.json.encode(self.content) if self.number != seen else None
                    seen = self.number
                yield new
        finally:
            self._watchers -= 1

    def close(self) -> None:
        """Tell all who listen that it is over."""
        self._over.set()
        with self._changed:
            self._changed.notify_all()


def _traces(results: Results) -> object:
    """What changes when trials are added: the files of the tasks, and that there are more tasks."""
    found: list[tuple[str, int, int]] = []
    for task in results.parts:
        for folder in (Path(task.folder), Path(task.folder) / "ledger"):
            for path in sorted(folder.glob("*.jsonl")):
                state = path.stat()
                found.append((str(path), state.st_size, state.st_mtime_ns))
    folder = tasks_path()
    return found, folder.stat().st_mtime_ns if folder.exists() else 0


def _handler(feed: Feed, word: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Serve the page, or its updates; nothing else is here, and nothing can be changed."""
            names = {f"{name}:{self.connection.getsockname()[1]}" for name in (_HOST, "localhost")}
            if self.headers.get("Host") not in names:  # a page of somebody else's asks
                self.send_error(403)
            elif self.path == f"/{word}/":
                self._page()
            elif self.path == f"/{word}/events":
                self._events()
            else:
                self.send_error(404)

        def _page(self) -> None:
            stream = io.BytesIO()
            write_page(stream, feed.title, feed.content, live=True)
            body = stream.getvalue()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def _events(self) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                for data in feed.updates():
                    told = b": still here\n\n" if data is None else b"data: " + data + b"\n\n"
                    self.wfile.write(told)
                    self.wfile.flush()
            except OSError:
                pass  # the browser went away

        def log_message(self, *_: Any) -> None:
            """Say nothing: the terminal belongs to the person."""

    return Handler


@contextmanager
def serving(
    read: Callable[[], Results], port: int = 0, bring: Callable[[], object] = lambda: None
) -> Iterator[str]:
    """Serve the page of a study on loopback (see `Feed`); gives its address.

    Raises:
        RunError: the port is taken.
    """
    word = secrets.token_urlsafe(12)
    feed = Feed(read, bring)
    try:
        server = ThreadingHTTPServer((_HOST, port), _handler(feed, word))
    except OSError as error:
        raise RunError(f"port {port} cannot be used: {error.strerror}; leave out --port") from error
    server.daemon_threads = True
    threads = [
        threading.Thread(target=target, daemon=True)
        for target in (server.serve_forever, feed.follow)
    ]
    for thread in threads:
        thread.start()
    try:
        yield f"http://{_HOST}:{server.server_address[1]}/{word}/"
    finally:
        feed.close()
        server.shutdown()
        server.server_close()

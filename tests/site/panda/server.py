"""A stand-in for a PanDA server, to be rude with: it answers whatever a test tells it to."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, bytes]
Answer = Callable[[str, dict[str, Any]], Reply]


def good(data: Any, message: str = "") -> Reply:
    """What a PanDA server answers when all is well."""
    return 200, json.dumps({"success": True, "message": message, "data": data}).encode()


def bad(message: str, data: Any = None) -> Reply:
    """A refusal."""
    return 200, json.dumps({"success": False, "message": message, "data": data}).encode()


class Server:
    """Where it is, what it answers, and what it was asked: pairs of endpoint and parameters."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: Answer = lambda endpoint, query: good([])
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.delay = 0.0

    def environment(self, token: str) -> dict[str, str]:
        """What a client needs to find it."""
        return {
            "PANDA_URL": f"{self.url}/server/panda",
            "PANDA_URL_SSL": f"{self.url}/server/panda",
            "PANDACACHE_URL": f"{self.url}/server/panda",
            "PANDA_AUTH": "oidc",
            "PANDA_AUTH_VO": "atlas",
            "PANDA_AUTH_ID_TOKEN": token,
            "PANDA_BEHIND_REAL_LB": "1",
        }


@contextmanager
def serve() -> Iterator[Server]:
    """A server on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query: dict[str, Any] = {
                name: values[-1] for name, values in parse_qs(parts.query).items()
            }
            if self.headers.get("Content-Type") == "application/json" and body:
                query |= json.loads(body)
            endpoint = parts.path.removeprefix("/api/v1/")
            server.asked.append((endpoint, query))
            time.sleep(server.delay)
            code, data = server.answer(endpoint, query)
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = respond

        def log_message(self, *_: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server = Server(f"http://127.0.0.1:{listener.server_address[1]}")
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()

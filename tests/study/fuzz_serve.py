"""``python -m tests.study.fuzz_serve --seconds 600``: requests that no client would send.

Heads and bodies are taken from what clients send, without a token or with the right one, and then
cut, repeated, mixed, flipped, or sent in pieces to a server that may be left in the middle.
Without a token nothing may change on the disk; whatever comes, the server writes no traceback and
answers the next one who asks as he should.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hpogrid.site.serving import task_key
from hpogrid.site.tasks import new_task
from hpogrid.study.claims import digest
from hpogrid.study.serve.calls import ROOT
from hpogrid.study.serve.client import Client
from hpogrid.study.serve.tokens import read_or_make_token
from tests.projects import store_project
from tests.study.services import free_port
from tests.study.serving import certificate_for

HEADERS = [
    b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999999999999999",
    b"Content-Length: \xb2", b"Content-Length: 5, 5", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked", b"Expect: 100-continue", b"Connection: close",
    b"Connection: Upgrade\r\nUpgrade: websocket", b"Connection: Upgrade\r\nUpgrade: h2c",
    b"Authorization: Bearer ", b"Authorization: Bearer \xff\xfe", b"Authorization: Basic eDp4",
    b"Authorization: Bearer " + b"x" * 43, b"Host: a\r\nHost: b", b" folded: line",
    b"X-Forwarded-For: 127.0.0.1", b"X: " + b"y" * 20_000, b"Range: bytes=0-", b"Cookie: \0",
]  # fmt: skip
BODIES = [
    b"", b"{}\n", b'{"job":0,"suggested":{},"applied":{}}', b"[" * 5000, b"\0" * 300, b"1e999",
    b"5\r\nhello\r\n0\r\n\r\n", b"ZZZ\r\n", b"ffffffffffffffff\r\n", b"0\r\nX: y\r\n\r\n",
    b"-1\r\nx\r\n", b"16777217\r\nx",
]  # fmt: skip


def targets(key: str) -> list[tuple[str, str]]:
    """What may be asked about a task, and what is near it."""
    task = f"{ROOT}/{key}"
    ledger = f"{task}/ledgers/job-0000.001.jsonl"
    return [
        ("GET", ROOT), ("GET", task), ("GET", f"{task}/ledgers"), ("GET", f"{ledger}?from=0"),
        ("PUT", f"{ledger}?at=0"), ("GET", f"{task}/claims"), ("PUT", f"{task}/shares/0"),
        ("GET", f"{task}/changes?after=x.1&job=0"), ("PUT", f"{task}/claims/{digest(b'x')}/0"),
        ("OPTIONS", "*"), ("TRACE", "/"), ("CONNECT", "127.0.0.1:80"), ("GET", "http://[::1"),
        ("GET", f"//x{ROOT}"), ("PUT", f"{task}/ledgers/%2e%2e%2f%2e%2e%2ftoken?at=0"),
        ("GET", f"{ROOT}/%00/ledgers"), ("HEAD", ROOT), ("PUT", f"{ledger}?at=9&at=0"),
    ]  # fmt: skip


def request(rng: random.Random, key: str, token: str | None) -> bytes:
    """What somebody might send, more or less."""
    method, target = rng.choice(targets(key))
    version = rng.choices(["HTTP/1.1", "HTTP/1.0", "HTTP/9.9", ""], [20, 3, 1, 1])[0]
    lines = [f"{method} {target} {version}".encode(), *rng.sample(HEADERS, rng.randrange(4))]
    body = rng.choice(BODIES)
    if rng.random() < 0.7:
        lines.append(b"Host: x")
    if rng.random() < 0.5:
        lines.append(b"Content-Length: %d" % len(body))
    if token is not None:
        lines.append(f"Authorization: Bearer {token}".encode())
    return b"\r\n".join([*lines, b"", body])


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The same, cut, repeated, or with other bytes in it."""
    for _ in range(rng.randrange(4)):
        at, size = rng.randrange(len(data) + 1), rng.randrange(1, 40)
        part = data[at : at + size]
        data = rng.choice([
            data[:at] + data[at + size :], data[:at] + part * rng.randrange(2, 5) + data[at:],
            data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:], data[:at], data * 2,
        ]) or b"\n"  # fmt: skip
    return data


def send(rng: random.Random, url: str, data: bytes) -> str:
    """Send it, at once or in pieces, and look at the answer or go; what was answered."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition(":")
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        link = stack.enter_context(socket.create_connection((host, int(port)), 20))
        if scheme == "https" and rng.random() < 0.7:
            context = ssl.create_default_context(cafile=os.environ["HPOGRID_CA_FILE"])
            link = stack.enter_context(context.wrap_socket(link, server_hostname=host))
        pieces = sorted(rng.randrange(len(data)) for _ in range(rng.choice([0, 0, 0, 1, 3])))
        for start, end in zip([0, *pieces], [*pieces, len(data)], strict=True):
            link.sendall(data[start:end])
            if pieces:
                time.sleep(0.001)
        way = rng.random()
        if way < 0.15:  # gone, with a reset
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return "reset"
        if way < 0.6:
            link.shutdown(socket.SHUT_WR)
        link.settimeout(0.05 if way > 0.6 else 2)
        answer = link.recv(1000)
        return answer.split(b" ")[1].decode("latin-1") if answer.startswith(b"HTTP/") else "other"
    return "none"


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder, and when it was written."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def fuzz(
    url: str, key: str, folder: Path, rng: random.Random, token: str | None, count: int
) -> Counter[str]:
    """Send so many requests about a task; the answers, counted.

    Without a token nothing in ``folder`` changes, and nothing is found.
    """
    before = tree(folder)
    counts = Counter(send(rng, url, damaged(rng, request(rng, key, token))) for _ in range(count))
    assert not [status for status in counts if status.startswith("5") and status != "507"], counts
    if token is None:
        assert tree(folder).items() ^ before.items() == set()
        assert "200" not in counts
    return counts


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[list[str]]:
    """A server for a stored task, and one with TLS; they live until the end."""
    files = certificate_for(folder)
    os.environ["HPOGRID_CA_FILE"] = str(files[0])
    plain, secure = free_port(), free_port()
    command = [sys.executable, "-m", "hpogrid", "serve", "--port"]
    more = [str(secure), "--cert", str(files[0]), "--key", str(files[1])]
    with (folder / "log").open("wb") as log, contextlib.ExitStack() as stack:
        for port, options in ((plain, [str(plain)]), (secure, more)):
            process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                assert process.poll() is None
                time.sleep(0.05)
        yield [f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}"]


def main() -> None:
    """Fuzz both servers in turns: half of the time without a token, then with the right one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng, total = random.Random(options.seed), Counter[str]()
    middle = time.monotonic() + options.seconds / 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HPOGRID_HOME"] = str(folder / "home")
        os.environ["HPOGRID_TOKEN"] = token = read_or_make_token()
        key = task_key(new_task(store_project(), site="local", n_jobs=1))
        with servers(folder) as urls:
            for who, end in ((None, middle), (token, middle + options.seconds / 2)):
                while time.monotonic() < end:
                    for url in urls:
                        total += fuzz(url, key, folder / "home", rng, who, 200)
                        Client(url).listing(key)
        said = (folder / "log").read_text()
        print(dict(total), said, sep="\n")
        assert "Traceback" not in said


if __name__ == "__main__":
    main()

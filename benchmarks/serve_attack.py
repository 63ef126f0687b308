"""How much slower jobs work through `hpogrid serve` while strangers hold 1,000 connections.

The server speaks TLS. Half of the strangers connect and say nothing, not even a greeting; the
others come through the handshake and send a byte of their request each second. Whoever is put out
comes again a second later. 20 jobs meanwhile do what jobs do (a claim, the start and the end of a
trial, a look at the others), as fast as they can, and connect anew every ten trials. All share
the machine, the strangers at its lowest priority. Rounds with and without strangers take turns,
and the fastest of each kind count.

    python benchmarks/serve_attack.py [--strangers 1000] [--jobs 20] [--trials 100] [--files N]

Goals: with strangers at most twice the time, and no call that fails. ``--files`` limits the files
that the server may have open, so that not all strangers fit in. The exit code is 1 where a goal
is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import resource
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from serve_round import free_port, make_task, wait_for_port

GOAL = 2.0
_AGAIN_SECONDS = 1.0
_HERE = Path(__file__).resolve()


async def _idle(port: int, held: set[object]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    held.add(writer)
    try:
        await reader.read()
    finally:
        held.discard(writer)
        writer.close()


async def _slow(port: int, held: set[object], context: ssl.SSLContext) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    held.add(writer)
    try:
        for byte in b"GET /v1/tasks HTTP/1.1\r\nX: " + b"x" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(_AGAIN_SECONDS)
    finally:
        held.discard(writer)
        writer.close()


async def _strangers(port: int, count: int) -> None:
    """Be so many strangers, until the end of this process; say how many are in."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    held: set[object] = set()

    async def stranger(number: int) -> None:
        await asyncio.sleep(random.uniform(0, _AGAIN_SECONDS))
        while True:
            with contextlib.suppress(OSError):
                await (_slow(port, held, context) if number % 2 else _idle(port, held))
            await asyncio.sleep(_AGAIN_SECONDS)

    everybody = [asyncio.ensure_future(stranger(number)) for number in range(count)]
    while True:
        await asyncio.sleep(_AGAIN_SECONDS)
        print(len(held), flush=True)
        assert not any(one.done() for one in everybody)


@contextlib.contextmanager
def strangers(port: int, count: int) -> Iterator[list[int]]:
    """So many strangers, from the moment at which no more of them come in; how many were in."""
    command = [sys.executable, str(_HERE), "--strangers", str(count), "--at", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    seen = [0]
    try:
        while True:
            seen.append(int(process.stdout.readline()))
            if seen[-1] >= count or (len(seen) > 5 and seen[-1] <= seen[-2]):
                break
        seen[:] = seen[-1:]

        def read() -> None:
            seen.extend(int(line) for line in process.stdout or ())

        threading.Thread(target=read, daemon=True).start()
        yield seen
    finally:
        process.kill()
        process.wait()


def work(url: str, task: str, begin: int, options: argparse.Namespace) -> tuple[float, list[str]]:
    """Let all jobs do their trials: the seconds, and what failed.

    Args:
        url, task: where.
        begin: the number of the first trial of each job.
        options: how many jobs and trials.
    """
    from hpogrid.study.claims import Claim, digest
    from hpogrid.study.serve.client import Answer, Client

    failed: list[str] = []

    def job(number: int) -> None:
        name = f"job-{number:04d}.{begin + 1:03d}.jsonl"
        client, size = Client(url, timeout=60.0), 0
        cursor = client.listing(task).cursor
        for count in range(begin, begin + options.trials):
            if count % 10 == 0:
                client.close()
            key = digest(f"{number}-{count}".encode())
            try:
                with contextlib.suppress(Answer):  # it is of another job's share
                    client.claim(task, key, 0, Claim(number, {"x": count}, {"x": count}))
                for event in ("start", "end"):
                    line = f'{{"event":"{event}","trial":"{number}-{count}"}}\n'.encode()
                    size = client.append(task, name, size, line)
                cursor = client.changes(task, cursor, number).cursor
            except Exception as error:  # whatever a job cannot do is a figure
                failed.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=job, args=(number,)) for number in range(options.jobs)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - start, failed


def certificate(folder: Path, address: str = "127.0.0.1") -> list[str]:
    """The options of a server with a certificate for an address."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
               "-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}",
               "-keyout", str(key), "-out", str(cert)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    os.environ["HPOGRID_CA_FILE"] = str(cert)
    return ["--cert", str(cert), "--key", str(key)]


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Take turns, print a table, and compare with the goals."""
    from hpogrid.site.serving import task_key
    from hpogrid.study.serve.tokens import read_or_make_token

    os.environ["HPOGRID_HOME"] = str(folder / "home")
    os.environ["HPOGRID_TOKEN"] = read_or_make_token()
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    task = task_key(make_task(url, finite=True, algorithm="random", jobs=options.jobs, trials=20))
    command = [sys.executable, "-m", "hpogrid", "serve", "--port", str(port), *certificate(folder)]

    def limited() -> None:
        if options.files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (options.files, options.files))

    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=limited)
    times: dict[str, list[float]] = {"alone": [], "with strangers": []}
    failed: list[str] = []
    held: list[int] = []
    try:
        wait_for_port(server, port)
        for turn in range(2 * options.rounds):
            kind = list(times)[turn % 2]
            crowd = options.strangers if turn % 2 else 0
            with contextlib.ExitStack() as stack:
                seen = stack.enter_context(strangers(port, crowd)) if crowd else []
                seconds, bad = work(url, task, turn * options.trials, options)
            times[kind].append(seconds)
            failed += bad
            held += seen
    finally:
        server.kill()
        server.wait()
    alone, among = (min(found) for found in times.values())
    print(f"{options.strangers} strangers, of whom {min(held)} to {max(held)} had a connection")
    print("| jobs | alone | with strangers | ratio | calls that failed |")
    print("| --- | --- | --- | --- | --- |")
    ratio = among / alone
    print(f"| {options.jobs} | {alone:.2f} s | {among:.2f} s | {ratio:.2f} | {len(failed)} |")
    for problem in sorted(set(failed))[:3]:
        print(f"  {problem}", file=sys.stderr)
    return int(ratio > GOAL or bool(failed))


def main() -> int:
    """Measure, or be the strangers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strangers", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--trials", type=int, default=100, help="of each job in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=0, help="that the server may open")
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.at:
        os.nice(19)  # in truth they have machines of their own
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_strangers(options.at, options.strangers))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), options)


if __name__ == "__main__":
    sys.exit(main())

"""How long a write takes at `hpogrid serve` when 500 jobs use it; beside Optuna's gRPC proxy.

All clients together begin and end 10 trials a second (two writes each, a claim between), and each
looks once a second what the others did. The same is asked of Optuna's `GrpcStorageProxy` before
a journal file: a trial is made, told and ended, and each client reads what has changed, as
Optuna's own cache does. Server and clients share the machine.

    python benchmarks/serve.py [--clients 500] [--rate 10] [--seconds 30] [--only hpogrid]

Goals: 99 of 100 writes within 100 ms, at most 500 MB of memory, and no call that fails. The exit
code is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serve_round import free_port, make_task, wait_for_port

GOAL_MS, GOAL_MB = 100.0, 500.0
PROXY = """
import sys
import optuna
backend = optuna.storages.journal.JournalFileBackend(sys.argv[1])
storage = optuna.storages.JournalStorage(backend)
optuna.storages.run_grpc_proxy_server(storage, host="127.0.0.1", port=int(sys.argv[2]))
"""


@dataclass
class Figures:
    """What was measured: seconds of each write, and the calls that failed."""

    writes: list[float] = field(default_factory=list)
    looks: int = 0
    failed: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """Measure a write."""
        start = time.perf_counter()
        yield
        self.writes.append(time.perf_counter() - start)

    def part(self, share: float) -> float:
        """Milliseconds within which that part of the writes was done."""
        ordered = sorted(self.writes) or [float("nan")]
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


Client = tuple[Callable[[int], None], Callable[[], object]]
"""What does the trial of a number, and what looks at those of others."""


def drive(make: Callable[[int, Figures], Client], options: argparse.Namespace) -> Figures:
    """Let all clients work for the time."""
    figures, end = Figures(), time.monotonic() + options.seconds

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            trial, look = make(number, figures)
            each = options.clients / options.rate
            due, count = time.monotonic() + rng.uniform(0, each), 0
            while time.monotonic() < end:
                if time.monotonic() >= due:
                    trial(count)
                    due, count = due + each, count + 1
                look()
                figures.looks += 1
                time.sleep(rng.uniform(0.8, 1.2))
        except Exception as error:  # whatever a client cannot do is a figure
            figures.failed.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return figures


@contextlib.contextmanager
def serving(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from the moment it listens."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(process, port)
        yield process
    finally:
        process.kill()
        process.wait()


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process has had."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def hpogrid(folder: Path, options: argparse.Namespace) -> tuple[Figures, float]:
    """The work at `hpogrid serve`."""
    from hpogrid.site.serving import task_key
    from hpogrid.study.claims import Claim, digest
    from hpogrid.study.serve.client import Answer
    from hpogrid.study.serve.client import Client as Caller
    from hpogrid.study.serve.tokens import read_or_make_token

    os.environ["HPOGRID_HOME"] = str(folder)
    os.environ["HPOGRID_TOKEN"] = read_or_make_token()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    jobs = options.clients
    task = task_key(make_task(url, finite=True, algorithm="random", jobs=jobs, trials=20))

    def make(number: int, figures: Figures) -> Client:
        client, name = Caller(url), f"job-{number:04d}.001.jsonl"
        state: dict[str, Any] = {"cursor": client.listing(task).cursor, "size": 0}

        def append(line: str) -> None:
            with figures.write():
                state["size"] = client.append(task, name, state["size"], line.encode())

        def trial(count: int) -> None:
            key = digest(f"{number}-{count}".encode())
            with figures.write(), contextlib.suppress(Answer):
                client.claim(task, key, 0, Claim(number, {"x": count}, {"x": count}))
            append(f'{{"event":"start","trial":"{number}-{count}","suggested":{{"x":{count}}}}}\n')
            append(f'{{"event":"end","trial":"{number}-{count}","metrics":{{"loss":0.5}}}}\n')

        def look() -> None:
            try:
                state["cursor"] = client.changes(task, state["cursor"], number).cursor
            except Answer:
                state["cursor"] = client.listing(task).cursor

        return trial, look

    command = [sys.executable, "-m", "hpogrid", "serve", "--port", str(port)]
    with serving(command, port) as process:
        return drive(make, options), memory_mb(process)


def optuna(folder: Path, options: argparse.Namespace) -> tuple[Figures, float]:
    """The same work at Optuna's proxy."""
    import optuna as library
    from optuna.trial import TrialState

    library.logging.set_verbosity(library.logging.ERROR)
    port = free_port()
    command = [sys.executable, "-c", PROXY, str(folder / "journal.log"), str(port)]
    with serving(command, port) as process:
        first = library.storages.GrpcStorageProxy(host="127.0.0.1", port=port)
        first.wait_server_ready(timeout=60)
        study = first.create_new_study([library.study.StudyDirection.MINIMIZE], "s")

        def make(number: int, figures: Figures) -> Client:
            storage = library.storages.GrpcStorageProxy(host="127.0.0.1", port=port)

            def trial(count: int) -> None:
                with figures.write():
                    made = storage.create_new_trial(study)
                with figures.write():
                    storage.set_trial_user_attr(made, "x", count)
                with figures.write():
                    storage.set_trial_state_values(made, TrialState.COMPLETE, [0.5])

            return trial, lambda: storage.get_all_trials(study, deepcopy=False)

        return drive(make, options), memory_mb(process)


SIDES = {"hpogrid": hpogrid, "optuna": optuna}


def main() -> int:
    """Measure both sides, print a table, and compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--rate", type=float, default=10.0, help="trials a second of all together")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--only", choices=SIDES)
    options = parser.parse_args()
    print(f"{options.clients} clients, {options.rate:g} trials a second, {options.seconds:g} s")
    print("| server | writes | median | 99 of 100 | looks | failed | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    missed = False
    for name in [options.only] if options.only else list(SIDES):
        with tempfile.TemporaryDirectory() as folder:
            figures, memory = SIDES[name](Path(folder), options)
        most = figures.part(0.99)
        print(
            f"| {name} | {len(figures.writes)} | {figures.part(0.5):.1f} ms | {most:.1f} ms "
            f"| {figures.looks} | {len(figures.failed)} | {memory:.0f} MB |",
            flush=True,
        )
        for problem in sorted(set(figures.failed))[:3]:
            print(f"  {problem}", file=sys.stderr)
        if name == "hpogrid":
            missed = not most <= GOAL_MS or memory > GOAL_MB or bool(figures.failed)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

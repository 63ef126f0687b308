"""One round of `serve_faults`: a search through `hpogrid serve`, to which harm is done meanwhile.

The jobs are processes that share nothing but the network; the ledgers are read as plain JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hpogrid.config.project import Project, draft_project, load_project, publish_project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.run import Run
from hpogrid.site.tasks import Task, load_task, new_task
from hpogrid.space.dialects import read_space
from hpogrid.space.value import as_number
from hpogrid.study.serve.tokens import read_or_make_token

JOBS, TRIALS = 3, 20
POINTS = JOBS * TRIALS
SECONDS = 180.0
"""After so long a round has failed: a job does not come to its end."""

_FINITE = {"x": {"method": "categorical", "dimension": {"categories": list(range(POINTS))}}}
_INFINITE = {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}
_HERE = str(Path(__file__).parent)


def make_task(url: str, *, finite: bool, algorithm: str, jobs: int, trials: int) -> Task:
    """A task of which every job runs wherever it likes."""
    settings: dict[str, Any] = {"metric": "loss", "mode": "min", "algorithm": algorithm}
    project = Project(
        name="p",
        hpo_config=HpoConfig(**settings, trials=trials, storage=url),
        grid_config=GridConfig(site="local"),
        model_config=ModelConfig(script="train.py", model="train"),
        search_space=read_space(_FINITE if finite else _INFINITE, "space")[0].to_json(),
        scripts={},
        scripts_path="/nowhere",
        created=time.time(),
    )
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "train.py"
        script.write_text("def train(config):\n    return float(config['x'])\n")
        with draft_project(project, {"train.py": script}) as (stored, draft):
            publish_project(stored, draft)
    return new_task(load_project("p"), site="local", n_jobs=jobs)


def job(number: int, folder: Path) -> None:
    """Run a job in this process, as fast as its trials are."""
    task = load_task(1)
    spec = JobSpec(number, task.seed, folder / "ledger", folder / "trials", True, task.n_jobs)
    run = Run(task.read_project(), spec)
    slow = random.uniform(0.01, 0.2)
    while (assignment := run.next()) is not None or run.waiting:
        if assignment is None:
            time.sleep(0.05)
            continue
        time.sleep(slow * random.random())
        run.report(assignment.trial, {"loss": as_number(assignment.config["x"])})
        run.finish(assignment.trial)
    print(run.close(), flush=True)
    run.hand_over()


class Round:
    """A search, and what is done to it: here the server is killed, and some of its jobs are.

    Args:
        folder: an empty one.
        rng: what decides.
        finite: whether the jobs together evaluate each point of a grid once.
    """

    seconds = SECONDS
    at_server: Sequence[str] = ()
    at_jobs: Sequence[str] = ()
    """What stands before a command that runs there."""

    def __init__(self, folder: Path, rng: random.Random, *, finite: bool) -> None:
        self._folder = folder
        self._rng = rng
        self._finite = finite
        self._port = free_port()
        self._options: list[str] = []
        self._stack = contextlib.ExitStack()
        self._jobs: dict[int, subprocess.Popen[bytes]] = {}
        self._victim = rng.randrange(JOBS) if rng.random() < 1 / 3 else None
        self._harms = 0

    def prepare(self) -> str:
        """Make what the search needs, and say at which address the jobs find the server."""
        return f"http://127.0.0.1:{self._port}"

    def harm(self) -> None:
        """Do to the search what it has to bear."""
        self._kill_server()
        if self._victim is not None and self._jobs[self._victim].poll() is None:
            self._jobs[self._victim].kill()
            self._jobs[self._victim].wait()
            self._start(self._victim)
            self._victim = None
        time.sleep(self._rng.uniform(0, 3.0))
        self._serve()

    def play(self) -> Counter[str]:
        """Run the search to its end under harm; return the figures."""
        with self._stack:
            os.environ["HPOGRID_HOME"] = str(self._folder / "home")
            os.environ["HPOGRID_TOKEN_FILE"] = str(self._folder / "home" / "token")
            url = self.prepare()
            read_or_make_token()
            algorithm = self._rng.choice(["grid", "random"]) if self._finite else "random"
            self._task = make_task(
                url, finite=self._finite, algorithm=algorithm, jobs=JOBS, trials=TRIALS
            )
            return self._play()

    def _play(self) -> Counter[str]:
        self._serve()
        end = time.monotonic() + self.seconds
        try:
            for number in range(JOBS):
                self._start(number)
                if self._rng.random() < 0.3:
                    time.sleep(self._rng.uniform(0, 0.7))
            while self._running() and time.monotonic() < end:
                time.sleep(self._rng.uniform(0.1, 2.5))
                self.harm()
                self._harms += 1
                self._let_live(self._rng.uniform(0.5, 3.0))
            late = self._running()
        finally:
            for process in (*self._jobs.values(), self._server):
                process.kill()
                process.wait()
        return Counter({"not ended": late, "harms": self._harms}) + self._count()

    def _let_live(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._running() and time.monotonic() < end:
            time.sleep(0.05)

    def _running(self) -> int:
        return sum(process.poll() is None for process in self._jobs.values())

    def _serve(self) -> None:
        command = [sys.executable, "-m", "hpogrid", "serve", "--port", str(self._port)]
        self._server = self._run([*self.at_server, *command, *self._options], "server.log")
        if self._rng.random() < 0.9:  # else it may be killed before it listens
            wait_for_port(self._server, self._port, self.at_server)

    def _kill_server(self) -> None:
        self._server.kill()
        self._server.wait()

    def _start(self, number: int) -> None:
        place = self._folder / f"machine-{number}"
        code = (
            f"import sys; sys.path.insert(0, {_HERE!r}); from pathlib import Path; "
            f"from serve_round import job; job({number}, Path({str(place)!r}))"
        )
        command = [*self.at_jobs, sys.executable, "-c", code]
        self._jobs[number] = self._run(command, f"job-{number}.log")

    def _run(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self._folder / log).open("ab") as stream:
            return subprocess.Popen(command, stdout=stream, stderr=stream)

    def _count(self) -> Counter[str]:
        there, local = finished(self._task.ledgers), Counter[Any]()
        for number in range(JOBS):
            local |= finished(self._folder / f"machine-{number}" / "ledger", f"job-{number:04d}.*")
        points = Counter(point for _, point in there)
        logs = (path.read_text(errors="replace") for path in self._folder.glob("*.log"))
        counts = Counter(
            {
                "trials": sum(there.values()),
                "lost": len(local - there) + max(0, POINTS - sum(there.values())),
                "doubled": sum(there.values()) - len(there),
                "tracebacks": sum(text.count("Traceback") for text in logs),
            }
        )
        if self._finite:
            counts["doubled"] += sum(points.values()) - len(points)
            counts["missed"] = POINTS - len(points)
        return counts


def finished(folder: Path, pattern: str = "*") -> Counter[tuple[str, Any]]:
    """The trials of a folder of ledgers that came to their end, with their points."""
    found: Counter[tuple[str, Any]] = Counter()
    for path in sorted(folder.glob(f"{pattern}.jsonl")):
        points: dict[str, Any] = {}
        for line in path.read_bytes().split(b"\n"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") == "start":
                points[event["trial"]] = event["suggested"]["x"]
            elif event.get("event") == "end" and event["state"] == "complete":
                found[event["trial"], points[event["trial"]]] += 1
    return found


def free_port() -> int:
    """A port that nobody listens on, nor gets for a connection of his own while it is free."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port := random.randrange(15_000, 32_000)))
            return port


def wait_for_port(process: subprocess.Popen[bytes], port: int, where: Sequence[str] = ()) -> None:
    """Wait until a server listens, or has ended.

    Args:
        process: the server.
        port: on which it will listen.
        where: what stands before a command that runs there.
    """
    look = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1.0)"
    while process.poll() is None and not (
        _can([*where, sys.executable, "-c", look]) if where else _listens(port)
    ):
        time.sleep(0.05)


def _can(command: list[str]) -> bool:
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


@contextlib.contextmanager
def quick_end() -> Iterator[None]:
    """Ctrl-C ends what was started."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

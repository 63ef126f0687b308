"""A real PanDA (server, JEDI, iDDS stand-in, workers) and a real Rucio, on loopback.

PanDA's booter is not part of this repository: ``HPOGRID_PANDA_ENGINE`` names its folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.engines.boot import CACHE, HERE, docker, engine, environment, open_folder

ENGINE = Path(
    os.environ.get("HPOGRID_PANDA_ENGINE") or HERE.parents[2] / "shared" / "engines" / "panda"
)
ACCOUNT = "tuser"
"""Of the user whose token the booter makes, at PanDA and at Rucio."""


def missing() -> str | None:
    """Why the tests with PanDA do not run here; where everything has to be there they run."""
    if (ENGINE / "up.sh").exists() or os.environ.get("CI") == "true":
        return None
    return f"no local PanDA in {ENGINE}: its tests are left out (HPOGRID_PANDA_ENGINE names it)"


class Grid:
    """What was booted.

    Attributes:
        folder: of PanDA.
        port: of its server; the three after it are the issuer's, iDDS's and the database's.
        rucio: the folder of Rucio.
    """

    def __init__(self, folder: Path, port: int, rucio: Path) -> None:
        self.folder = folder
        self.port = port
        self.rucio = rucio

    def token(self, name: str) -> Path:
        """The file with the token of ``user``, ``other`` or ``pilot``."""
        return self.folder / "tokens" / f"{name}.tok"

    def pid(self, service: str) -> int:
        """The process of a service: server, jedi, idds..."""
        return int((self.folder / "run" / f"{service}.pid").read_text())

    def idds(self) -> list[dict[str, Any]]:
        """What became of the requests to the stand-in for iDDS, in order."""
        return [json.loads(line) for line in (self.folder / "log" / "idds.jsonl").open()]

    def sql(self, statement: str) -> None:
        """Do something in PanDA's database that would take long by other ways."""
        password = (self.folder / "secret" / "pg_panda").read_text().strip()
        subprocess.run(
            ["psql", "-q", "-h", "127.0.0.1", "-p", str(self.port + 3), "-U", "panda",
             "-d", "panda_db", "-v", "ON_ERROR_STOP=1", "-c", statement],
            check=True, timeout=120, env={**os.environ, "PGPASSWORD": password},
        )  # fmt: skip

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """A service that takes connections, and answers nothing."""
        group = self.pid(service)
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    @contextmanager
    def worker(self, queue: str, slots: int, container: str | None = None) -> Iterator[None]:
        """Serve a queue; outputs go to Rucio.

        Args:
            queue: its name.
            slots: payloads at once.
            container: runs the command ``$1`` in the image ``$0``; None: no container.
        """
        log = self.folder / "log" / f"worker-{queue}.out"
        command = [
            "bash", "-c", 'cd "$0" && . ./server.env && exec "$@"', str(self.folder),
            "python", str(HERE / "grid" / "worker.py"), str(ENGINE),
            self._rucio("grid/stage.py"), "--url", f"http://127.0.0.1:{self.port}",
            "--idds", f"http://127.0.0.1:{self.port + 2}", "--token", str(self.token("pilot")),
            "--work", str(self.folder / "work"), "--outputs", str(self.folder / "outputs"),
            "--queue", queue, "--slots", str(slots), "--heartbeat", "1", "--poll", "0.5",
            "--upload-command", self._rucio("rucio/store.py"),
            *(["--container-command", container] if container else []),
        ]  # fmt: skip
        with log.open("ab") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()

    def _rucio(self, program: str) -> str:
        """A shell command that talks to Rucio as the user."""
        return f"RUCIO_CONFIG={self.rucio}/client.cfg exec {sys.executable} -I {HERE}/{program}"

    def kill_payload(self, job: int) -> None:
        """Kill, as an administrator might, all processes of a job; ``job`` is PanDA's number."""
        wanted = f"PandaID={job}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        assert found, f"PanDA job {job} has no process"
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def grid(image: Path) -> Iterator[Grid]:
    """Boot PanDA without workers, and Rucio; the environment is that of their user.

    Args:
        image: a SIF file that stands for the image in which iDDS has points proposed.
    """
    assert (ENGINE / "up.sh").exists(), f"no local PanDA in {ENGINE}: set HPOGRID_PANDA_ENGINE"
    port = _free_ports(5)
    variables = {
        "PANDA_LOCAL_PORT": str(port),
        "PANDA_LOCAL_VENV": str(_shared("panda-server", ENGINE / "requirements-server.txt")),
        "PANDA_LOCAL_SLOTS": "0",
        "PANDA_LOCAL_STEERING": "1",
    }
    with (
        rucio(port + 4) as catalogue,
        open_folder("panda") as folder,
        environment(**variables, PATH=f"{docker(folder / 'bin', image)}:{os.environ['PATH']}"),
        engine("panda", folder, seconds=600, home=_booter(folder / "booter")),
        environment(**_exported(folder / "client.env"), RUCIO_ACCOUNT=ACCOUNT),
    ):
        yield Grid(folder, port, catalogue)


@contextmanager
def rucio(port: int | None = None) -> Iterator[Path]:
    """Boot Rucio; gives its folder. The environment is that of its user."""
    variables = {
        "RUCIO_LOCAL_PORT": str(port or _free_ports(1)),
        "RUCIO_LOCAL_VENV": str(_shared("rucio-server", HERE / "rucio" / "up.sh")),
    }
    with (
        open_folder("rucio") as folder,
        environment(**variables),
        engine("rucio", folder, ACCOUNT, seconds=600),
        environment(RUCIO_CONFIG=str(folder / "client.cfg")),
    ):
        yield folder


def _shared(name: str, made_of: Path) -> Path:
    """The place of an environment that is kept from one run to the next."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return CACHE / f"{name}-{hashlib.sha256(made_of.read_bytes()).hexdigest()[:8]}"


def _free_ports(count: int) -> int:
    """The first of some ports in a row at which nothing listens, below those that systems give."""
    for first in range(20000 + os.getpid() % 1000 * 10, 32000 - count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


def _booter(folder: Path) -> Path:
    """The booter, with data: JEDI asks Rucio; and with iDDS' own script for its stand-in."""
    shutil.copytree(ENGINE, folder)
    (folder / "idds_stub.py").rename(folder / "idds_points.py")
    shutil.copy(HERE / "grid" / "steering.py", folder / "idds_stub.py")
    shutil.copy(HERE / "grid" / "catalogue.py", folder)
    config = folder / "etc" / "panda_jedi.cfg"
    text, none = config.read_text(), "pandajedi.jediddm.GenDDMClient:GenDDMClient::off"
    assert none in text, f"{config} has another catalogue"
    config.write_text(text.replace(none, "catalogue:Catalogue"))
    return folder


def _exported(file: Path) -> dict[str, str]:
    """The variables in a file of ``export NAME=VALUE`` lines."""
    lines = file.read_text().splitlines()
    pairs = (line.removeprefix("export ").partition("=") for line in lines)
    return {name: value for name, _, value in pairs if name}

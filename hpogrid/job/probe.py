"""What a job finds where it runs: ``hpogrid_job.py --probe`` prints it, and nothing else runs.

It is the way of every job, from the shell that finds a Python to the import of the script, so that
what keeps a job from running shows here first.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from hpogrid._version import VERSION
from hpogrid.config.project import SCRIPTS, read_project
from hpogrid.engine.resources import cpu_count
from hpogrid.errors import Exit, UserError
from hpogrid.files import write_atomic
from hpogrid.job.settings import BUNDLE, SETTINGS, read_settings
from hpogrid.search import ALGORITHMS
from hpogrid.study.metadata import METADATA
from hpogrid.trial.check import check_script

MARK = "hpogrid-probe:"
"""How the line begins that holds what was found."""

_SECONDS = 5.0


class Found(msgspec.Struct, kw_only=True):
    """What a job finds.

    Attributes:
        python, trials: the Pythons of hpogrid and of the trials, with their versions.
        libraries: what the algorithm needs, with its version; None: it is not there.
        script: what keeps the script from being imported, or a note on it.
        wrong: that it does keep it from that.
        cores, memory_mb, free_mb, seconds: of the job; None: not limited, or not known.
        network: whether the address of PanDA's cache can be reached.
        gpus: their names.
    """

    hpogrid: str
    python: str
    trials: str
    host: str
    system: str
    libraries: dict[str, str | None] = {}
    script: str | None = None
    wrong: bool = False
    folder: str = ""
    cores: int | None = None
    memory_mb: int | None = None
    free_mb: int | None = None
    seconds: int | None = None
    network: bool | None = None
    gpus: list[str] = []

    @property
    def problems(self) -> list[str]:
        """What keeps jobs from running."""
        missing = [
            f"{name} is not there" for name, version in self.libraries.items() if not version
        ]
        return [*missing, *([self.script] if self.wrong and self.script else [])]

    @property
    def words(self) -> str:
        """All of it, for people."""
        libraries = [f"{name} {version}" for name, version in self.libraries.items() if version]
        sizes = {
            "cores": self.cores, "MB memory": self.memory_mb, "MB disk": self.free_mb,
            "s": self.seconds,
        }  # fmt: skip
        parts = [
            self.system,
            f"Python {self.python}"
            + (f", of trials {self.trials}" if self.trials != self.python else ""),
            *libraries,
            *([self.script] if self.script and not self.wrong else []),
            *(f"{size} {unit}" for unit, size in sizes.items() if size is not None),
            {True: "network", False: "no network", None: "network not tried"}[self.network],
            ", ".join(self.gpus) or "no GPU",
        ]
        return "; ".join(parts)


def main(folder: Path) -> int:
    """Look, and print what was found; PanDA keeps it as the metadata of the job."""
    found = look(folder)
    text = msgspec.json.encode(found).decode()
    write_atomic(folder / METADATA, msgspec.json.encode({MARK.rstrip(":"): found}))
    sys.stdout.write(f"{MARK} {text}\n")
    return Exit.OK


def look(folder: Path) -> Found:
    """What there is for the bundle in a folder."""
    settings, project = read_settings(folder / SETTINGS), read_project(folder / BUNDLE)
    own = f"{platform.python_version()} ({sys.executable})"
    other = os.environ.get("HPOGRID_TRIAL_PYTHON")
    library = ALGORITHMS.library(project.hpo_config.algorithm)
    note, wrong = _script(folder)
    return Found(
        hpogrid=VERSION,
        python=own,
        trials=f"{_version(other)} ({other})" if other else own,
        host=socket.gethostname(),
        system=f"{_system()}, {platform.machine()}",
        libraries={library: _library(library)} if library else {},
        script=note,
        wrong=wrong,
        folder=str(folder),
        cores=cpu_count(),
        memory_mb=_memory(),
        free_mb=shutil.disk_usage(folder).free // 2**20,
        seconds=settings.seconds,
        network=_reached(settings.earlier),
        gpus=_gpus(),
    )


def _script(folder: Path) -> tuple[str | None, bool]:
    """A note on the script, and whether it is a complaint."""
    model = read_project(folder / BUNDLE).model_config
    if model.script is None or model.model is None:
        return None, False
    python = os.environ.get("HPOGRID_TRIAL_PYTHON")
    try:
        note = check_script(folder / BUNDLE / SCRIPTS, model.script, model.model, python=python)
    except UserError as error:
        return str(error), True
    return note, note is not None


def _library(name: str) -> str | None:
    if importlib.util.find_spec(name) is None:
        return None
    packages = importlib.metadata.packages_distributions().get(name, [name])
    try:
        return importlib.metadata.version(packages[0])
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _version(python: str) -> str:
    return _output([python, "-c", "import platform; print(platform.python_version())"])


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _memory() -> int | None:
    """The limit of the control group, else the memory of the machine."""
    limits = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(limits) // 2**20


def _reached(url: str | None) -> bool | None:
    """Whether the host of an address takes connections."""
    parts = urlsplit(url or "")
    if parts.hostname is None:
        return None
    try:
        port = parts.port or {"http": 80}.get(parts.scheme, 443)
        socket.create_connection((parts.hostname, port), _SECONDS).close()
    except OSError:
        return False
    return True


def _gpus() -> list[str]:
    names = _output(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]).splitlines()
    return [name.strip() for name in names if name.strip()]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

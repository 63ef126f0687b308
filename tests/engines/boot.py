"""Booting engines: each has an ``up.sh`` and a ``down.sh`` in its folder here."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@contextmanager
def open_folder(name: str) -> Iterator[Path]:
    """A temporary folder that everybody on this machine may enter (pytest's are private)."""
    folder = Path(tempfile.mkdtemp(prefix=f"hpogrid-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def engine(
    name: str,
    folder: Path,
    *arguments: str,
    seconds: float = 300,
    home: Path | None = None,
    inside: Sequence[str] = (),
) -> Iterator[str]:
    """A running engine with its state in ``folder``; gives the last line that ``up.sh`` printed.

    ``home`` is where its scripts are, if not here; ``inside`` is what comes before a command for it
    to run in another root filesystem.
    """
    home = home or HERE / name
    up, down = home / "up.sh", home / "down.sh"
    try:
        done = subprocess.run(
            [*inside, "bash", str(up), str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{name} did not come up; its output is above"
        yield done.stdout.splitlines()[-1]
    finally:  # also what came up of one that did not come up whole
        command = [*inside, "bash", str(down), str(folder)]
        subprocess.run(command, check=True, timeout=120)


CACHE = Path("/var/cache/hpogrid-tests")
"""What takes long to make and does not change: root filesystems, Apptainer."""


@contextmanager
def apptainer_image() -> Iterator[Path]:
    """The image of ``docker/hpogrid.def`` as a SIF file, with an ``apptainer`` on the PATH."""
    with open_folder("image") as folder:
        image = folder / "hpogrid.sif"
        build = ["bash", str(HERE / "apptainer" / "build.sh"), str(image)]
        subprocess.run(build, check=True, timeout=1200, env={**os.environ, "CACHE": str(CACHE)})
        path = f"{CACHE / 'apptainer' / 'usr' / 'bin'}:{os.environ['PATH']}"
        with environment(PATH=path, APPTAINER_USERNS="1"):
            yield image


def python_of_this_test() -> list[str]:
    """The files and folders that make this Python, for another root to have them as well."""
    if sys.base_prefix == "/usr":
        base = [os.path.realpath(sys.executable), sysconfig.get_paths()["stdlib"]]
    else:
        base = [sys.base_prefix]
    return [*base, sys.prefix]


def root(suite: str, *packages: str, name: str = "") -> Path:
    """The root filesystem of a Debian release, with its Python or with packages."""
    path = CACHE / "roots" / (name or suite)
    make = ["bash", str(HERE / "roots" / "make.sh"), suite, str(path), ",".join(packages)]
    subprocess.run(make, check=True, timeout=900)
    return path


@contextmanager
def opened(place: Path, *shared: str) -> Iterator[list[str]]:
    """What comes before a command for it to run in a root filesystem that sees these paths."""
    words = ["bash", str(HERE / "roots" / "open.sh"), str(place), *shared]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        number = holder.stdout.readline().strip()
        assert number.isdigit(), "the root filesystem cannot be opened; why is above"
        yield ["nsenter", f"--target={number}", "--mount", "--root", "--wdns=/"]


def docker(folder: Path, image: Path) -> Path:
    """A new folder with a ``docker`` that runs everything in one image (see `docker_run`)."""
    folder.mkdir()
    program = folder / "docker"
    command = f'"{sys.executable}" "{HERE}/docker_run.py" "{image}" "$@"'
    program.write_text(f"#!/bin/sh\nexec {command}\n")
    program.chmod(0o755)
    return folder


@contextmanager
def running_slurm(nodes: int = 0) -> Iterator[Path]:
    """A Slurm on this machine, which its commands find; gives the folder of its state.

    ``nodes`` of them are machines of their own, as far as one sees (`pull_the_plug`).
    """
    with (
        open_folder("slurm") as folder,
        environment(NODES=str(nodes)),
        engine("slurm", folder) as conf,
        environment(SLURM_CONF=conf),
    ):
        yield folder


_TOOLS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct", "sacctmgr")


@contextmanager
def slurm_of(suite: str, *, accounting: bool, **settings: str) -> Iterator[None]:
    """The Slurm of a Debian release, in a root filesystem of its own; its commands find it.

    Args:
        suite: of the release.
        accounting: whether it keeps a record.
        settings: those that ``up.sh`` takes.
    """
    packages = ("munge", "slurm-wlm", "slurmdbd", "mariadb-server", "libffi8")
    place = root(suite, *packages, name=f"slurm-{suite}")
    shared = [tempfile.gettempdir(), str(HERE.parents[1]), *python_of_this_test()]
    arguments = ["accounting"] if accounting else []
    with (
        opened(place, *shared) as inside,
        open_folder("slurm") as folder,
        open_folder("slurm-tools") as tools,
        environment(**settings),
        engine("slurm", folder, *arguments, inside=inside) as conf,
    ):
        for name in _TOOLS:
            (tools / name).write_text(
                f'#!/bin/sh\nexec {shlex.join(inside)} /usr/bin/{name} "$@"\n'
            )
            (tools / name).chmod(0o755)
        with environment(SLURM_CONF=conf, PATH=f"{tools}:{os.environ['PATH']}"):
            yield


def pull_the_plug(folder: Path, node: str) -> None:
    """Have a node of Slurm vanish, with all that runs on it."""
    path = folder / f"{node}.pid"
    os.kill(int(path.read_text()), signal.SIGKILL)
    path.unlink()


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Environment variables for a while; others are left as they are then."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield

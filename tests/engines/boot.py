"""Booting engines: each has an ``up.sh`` and a ``down.sh`` in its folder here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
    name: str, folder: Path, *arguments: str, seconds: float = 300, home: Path | None = None
) -> Iterator[str]:
    """A running engine with its state in ``folder``; gives the last line that ``up.sh`` printed.

    ``home`` is where its scripts are, if not here.
    """
    home = home or HERE / name
    up, down = home / "up.sh", home / "down.sh"
    try:
        done = subprocess.run(
            ["bash", str(up), str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{name} did not come up; its output is above"
        yield done.stdout.splitlines()[-1]
    finally:  # also what came up of one that did not come up whole
        subprocess.run(["bash", str(down), str(folder)], check=True, timeout=120)


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

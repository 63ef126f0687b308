"""The Pythons of this machine."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path


@functools.cache
def pythons() -> list[str]:
    """The Pythons of this machine from 3.9 on, by their command.

    A version manager's own come first: its commands on the PATH are scripts that start a dozen
    programs before Python.
    """
    found = []
    for minor in range(9, 15):
        for place in (*_pyenv(minor), shutil.which(f"python3.{minor}")):
            if place and _works(place):
                found.append(place)
                break
    return found


def _pyenv(minor: int) -> list[str]:
    return [str(path) for path in Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3")]


def _works(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0

"""A copy of the checkout, and shells in which `setupenv.sh` is tried."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

SHELLS = {"bash": ["/bin/bash", "--norc", "--noprofile"], "zsh": ["/bin/zsh", "-f"]}
BOTH = ["bash", pytest.param("zsh", marks=pytest.mark.engine)]
"""zsh is one of the packages that have to be installed for the tests with engines."""

SYSTEM = "/usr/local/bin:/usr/bin:/bin"


def copy_checkout(target: Path) -> Path:
    """What a clone would hold: no environment, no caches, no history."""
    ignored = shutil.ignore_patterns(
        ".git", ".venv*", ".cache", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "build"
    )
    shutil.copytree(ROOT, target, ignore=ignored)
    return target


def environment(home: Path, path: str = SYSTEM) -> dict[str, str]:
    """That of somebody who has just logged in; pip keeps its settings."""
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", **pip}


def run(
    command: list[str], env: dict[str, str], cwd: Path, seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; stderr comes with stdout."""
    return subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )

"""What running trials take of this machine: memory, and that of GPUs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_PROCESSES = Path("/proc")
_MEGABYTE = 1024 * 1024


class Usage(NamedTuple):
    """Bytes that the processes of one trial hold; of GPUs 0 where nothing is known."""

    memory: int
    gpu: int


def usage(folders: Mapping[str, Path]) -> dict[str, Usage]:
    """What the processes take that work in the folder of a trial or below, by trial.

    A trial that runs on another machine has none here.
    """
    owners = {os.path.realpath(folder): trial for trial, folder in folders.items()}
    found: dict[str, list[int]] = defaultdict(list)
    for pid, place in _places() if owners else ():
        while place not in owners and len(place) > 1:
            place = os.path.dirname(place)
        if place in owners:
            found[owners[place]].append(pid)
    gpus = _gpu_memory() if found else {}
    return {
        trial: Usage(sum(map(_memory, pids)), sum(gpus.get(pid, 0) for pid in pids))
        for trial, pids in found.items()
    }


def _places() -> Iterator[tuple[int, str]]:
    """The processes that can be looked at, with the folders that they work in."""
    try:
        names = os.listdir(_PROCESSES)
    except OSError:
        return
    for name in filter(str.isdecimal, names):
        try:
            yield int(name), os.readlink(_PROCESSES / name / "cwd")
        except OSError:
            continue


def _memory(pid: int) -> int:
    try:
        pages = int((_PROCESSES / str(pid) / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _gpu_memory() -> dict[int, int]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    command = [program, "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return _read_gpu_memory(answer.stdout)


def _read_gpu_memory(text: str) -> dict[int, int]:
    """Bytes by process; what the driver does not tell counts as nothing."""
    found: dict[int, int] = defaultdict(int)
    for line in text.splitlines():
        pid, _, megabytes = (part.strip() for part in line.partition(","))
        if pid.isdecimal() and megabytes.isdecimal():
            found[int(pid)] += int(megabytes) * _MEGABYTE
    return dict(found)

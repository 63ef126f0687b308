"""What a search starts from beside its configs: points to evaluate first, earlier results."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hpogrid.files import load_record, write_atomic
from hpogrid.space.value import Values
from hpogrid.study.history import Past

FILE = "start.json"


class Start(msgspec.Struct, kw_only=True):
    """Kept in the bundle of a task.

    Attributes:
        first: suggested values to evaluate before the algorithm's own.
        past: results of earlier searches that the algorithm is told.
        seed: of its trials; None: each derives its own from the task's.
        task: the name that the task got first, unique among all; trackers know it by that.
    """

    first: list[Values] = []
    past: list[Past] = []
    seed: int | None = None
    task: str = ""


def read_start(bundle: Path) -> Start:
    """The start that a bundle holds; empty where it holds none.

    Raises:
        Damaged: it cannot be read.
    """
    try:
        return load_record(bundle / FILE, Start)
    except FileNotFoundError:
        return Start()


def write_start(bundle: Path, start: Start) -> None:
    """Keep a start in a bundle."""
    if start != Start():
        write_atomic(bundle / FILE, msgspec.json.encode(start) + b"\n")

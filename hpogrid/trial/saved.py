"""Pictures and other files that a trial keeps beside its numbers."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

SAVED = "saved"
"""The folder of them, in the trial's own."""

LARGEST = 100 * 1024 * 1024
MOST = 100
_LONGEST = 100


def keep(path: Path, folder: Path, name: str) -> Path:
    """Copy a file into the folder of a trial, at once and whole; return where it is.

    Args:
        path: the file.
        folder: the trial's own.
        name: that it gets; one of the same name is replaced.

    Raises:
        ValueError: the name is none, or the file is too large, or one too many.
        OSError: the file cannot be read, or the disk is full.
    """
    target = folder / SAVED / checked(name)
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(f"{path} has {size} bytes; save takes {LARGEST} at most")
    target.parent.mkdir(parents=True, exist_ok=True)
    others = [item for item in os.listdir(target.parent) if item[0] != "." and item != target.name]
    if len(others) >= MOST:
        raise ValueError(f"{target.parent} holds {len(others)} files; save keeps {MOST} at most")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with path.open("rb") as source, unfinished.open("wb") as stream:
            shutil.copyfileobj(source, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
    return target


def checked(name: str) -> str:
    """A name that a file can have in one folder, and on a line.

    Raises:
        ValueError: it cannot.
    """
    plain = name.isprintable() and "/" not in name and not name.startswith(".")
    if not name or not plain or len(name.encode()) > _LONGEST:
        raise ValueError(
            f"{name!r} is no name for save: give one of at most {_LONGEST} bytes, without / and "
            "without a dot in front"
        )
    return name

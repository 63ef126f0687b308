"""A trash in the folder that is cleaned: it is on the same disk, so that a move is one step.

A batch is written down before anything is moved, and each thing is moved whole. So whatever is
killed in between, every thing is either where it was or in the trash with its old place known.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import explained, locked, read_record, write_atomic

TRASH = ".hpogrid-trash"
_MANIFEST = "manifest.json"
_ITEMS = "items"
_GOING = "purge-"


class Item(msgspec.Struct, frozen=True):
    """A thing in the trash: its old place, relative to the folder, and its size in bytes."""

    path: str
    size: int


class Trash:
    """The trash of a folder. Its batches have names that sort by their time.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / TRASH

    def put(self, things: Sequence[tuple[Path, int]], name: str) -> list[Item]:
        """Move things with their sizes into the trash; return those that were moved.

        Args:
            things: paths below the folder. One that has gone meanwhile is passed over.
            name: of the batch.

        Raises:
            UserError: one of them cannot be moved; what was moved before can be brought back.
        """
        moved = []
        with locked(self._folder):
            batch = self._folder / name
            items = [Item(str(path.relative_to(self._root)), size) for path, size in things]
            write_atomic(batch / _MANIFEST, msgspec.json.encode(items))
            (batch / _ITEMS).mkdir()
            for index, item in enumerate(items):
                if os.path.lexists(self._root / item.path):
                    _move(self._root / item.path, batch / _ITEMS / str(index))
                    moved.append(item)
        return moved

    def last(self) -> str | None:
        """The name of the last batch that has something in it."""
        batches = [batch for batch in self._batches() if any((batch / _ITEMS).glob("*"))]
        return batches[-1].name if batches else None

    def undo(self, name: str) -> tuple[list[Item], list[str]]:
        """Bring a batch back; return what is back, and why something is not."""
        batch = self._folder / name
        back, problems = [], []
        with locked(self._folder):
            for index, item in enumerate(_manifest(batch)):
                source, target = batch / _ITEMS / str(index), self._root / item.path
                if not os.path.lexists(source):
                    continue
                if os.path.lexists(target):
                    problems.append(f"{target} is there again; the old one stays in {source}")
                    continue
                with explained(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                _move(source, target)
                back.append(item)
            if not problems:
                shutil.rmtree(batch)
                self._leave_nothing()
        return back, problems

    def items(self) -> list[Item]:
        """All that is in the trash."""
        return [
            item
            for batch in self._batches()
            for index, item in enumerate(_manifest(batch))
            if os.path.lexists(batch / _ITEMS / str(index))
        ]

    def purge(self) -> list[Item]:
        """Delete all that is in the trash for good; return it."""
        if not self._folder.is_dir():
            return []
        with locked(self._folder), explained(self._folder):
            found = self.items()
            for batch in self._batches():  # from here on nothing of it comes back
                batch.rename(batch.with_name(f"{_GOING}{batch.name}"))
            for batch in self._folder.glob(f"{_GOING}*"):
                shutil.rmtree(batch)
            self._leave_nothing()
        return found

    def _leave_nothing(self) -> None:
        """Remove the folder where no batch is left."""
        if not any(path.is_dir() for path in self._folder.iterdir()):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _batches(self) -> list[Path]:
        found = (path.parent for path in self._folder.glob(f"*/{_MANIFEST}"))
        return sorted(batch for batch in found if not batch.name.startswith(_GOING))


def batch_name(trashes: Iterable[Path]) -> str:
    """A new name for a batch in the trashes of some folders."""
    roots = list(trashes)
    stamp = time.strftime("%Y%m%d%H%M%S")
    number = 0
    while any((root / TRASH / f"{stamp}.{number:03d}").exists() for root in roots):
        number += 1
    return f"{stamp}.{number:03d}"


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        if error.errno == errno.EXDEV:
            problem = "it is on another disk; delete it by hand"
        raise UserError(f"cannot move {source}: {problem}") from error


def _manifest(batch: Path) -> list[Item]:
    return read_record(batch / _MANIFEST, list[Item]) or []

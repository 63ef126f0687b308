"""A trash in the folder that is cleaned: it is on the same disk, so that a move is one step.

A batch is written down before anything is moved, and each thing is moved whole. So whatever is
killed in between, every thing is either where it was or in the trash with its old place known.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Sequence
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
            name: of the batch, which nobody else has (see `batch_name`).

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
            self._forget_empty()
        return moved

    def batches(self) -> list[str]:
        """The names of the batches that have something in them, the oldest first."""
        return [batch.name for batch in self._batches() if _has_items(batch)]

    def undo(self, name: str) -> tuple[list[Item], list[str]]:
        """Bring a batch back; return what is back, and why something is not."""
        batch = self._folder / name
        back: list[Item] = []
        problems: list[str] = []
        if not batch.is_dir():
            return back, problems
        with locked(self._folder):
            for index, item in enumerate(_manifest(batch)):
                source, target = batch / _ITEMS / str(index), self._root / item.path
                if not os.path.lexists(source):
                    continue
                try:
                    _bring_back(source, target)
                    back.append(item)
                except FileExistsError:
                    problems.append(f"{target} is there again; the old one stays in {source}")
                except UserError as error:
                    problems.append(f"{error}; {target} stays in {source}")
            self._forget_empty()
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
            self._forget_empty()
        return found

    def _forget_empty(self) -> None:
        """Remove batches with nothing in them, and the folder where no other is left.

        Whoever calls it holds the lock: nobody is about to fill them.
        """
        batches = [path for path in self._folder.iterdir() if path.is_dir()]
        for batch in batches:
            if not _has_items(batch):
                shutil.rmtree(batch)
        if not any(map(_has_items, batches)):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _batches(self) -> list[Path]:
        found = (path for path in _inside(self._folder) if (path / _MANIFEST).exists())
        return sorted(batch for batch in found if not batch.name.startswith(_GOING))


def batch_name() -> str:
    """A name for a batch that nobody else gives one, on whatever machine."""
    now = time.time_ns()
    stamp = time.strftime("%Y%m%d%H%M%S", time.localtime(now // 10**9))
    return f"{stamp}.{now % 10**9:09d}-{secrets.token_hex(4)}"


def _has_items(batch: Path) -> bool:
    return bool(_inside(batch / _ITEMS))


def _inside(folder: Path) -> list[Path]:
    """What is in a folder: nothing, if another cleanup has removed it at this moment."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _bring_back(source: Path, target: Path) -> None:
    """Move a thing to its old place.

    Raises:
        FileExistsError: something else is there.
        UserError: it cannot be moved.
    """
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        if not os.path.samestat(source.lstat(), target.lstat()):
            raise FileExistsError(target)
        source.unlink()  # it was brought back, and then something was killed
    elif source.is_dir() and not source.is_symlink():
        _move(source, target)  # which replaces no more than an empty folder
    else:
        _link(source, target)


def _link(source: Path, target: Path) -> None:
    """Move a file or a link so that what has just appeared at the target is not replaced."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # not every file system has hard links
        _move(source, target)
    else:
        source.unlink()


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

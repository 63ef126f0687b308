"""The working folders of trials: each has the scripts, and links to the input data.

A trial works in ``<trials>/<trial id>/work``. What it writes there stays with it; what it has left
as it was is taken away at its end, so that ten thousand trials do not keep ten thousand copies. A
folder in which nothing was changed is handed on to the next trial of the worker, which costs two
renames.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WORK = "work"
COPIED_BYTES = 16 * 1024 * 1024
"""Larger files are linked, and made read-only where they are."""

_CACHE = "__pycache__"


class _Item(NamedTuple):
    """A file or link as it was bundled: its place, and by what a change is known."""

    path: str
    target: str | None
    size: int
    time: int

    def untouched(self, work: Path) -> bool:
        """Whether it is in a folder as it was."""
        place = work / self.path
        try:
            if self.target is not None:
                return os.readlink(place) == self.target
            found = os.lstat(place)
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size, self.time)


class Folders:
    """Makes the working folders of one worker, one after another.

    Args:
        scripts: the folder of the training scripts.
        spare: where an unused folder waits for the next trial.
    """

    def __init__(self, scripts: Path, spare: Path) -> None:
        self._scripts = scripts
        self._spare = spare
        shutil.rmtree(spare, ignore_errors=True)
        spare.parent.mkdir(parents=True, exist_ok=True)
        self._items: list[_Item] = []
        self._folders: list[str] = []
        self._stamp: tuple[int, ...] = ()

    @contextlib.contextmanager
    def working_in(self, folder: Path) -> Iterator[None]:
        """Work in the folder of a trial."""
        work = folder / WORK
        self._enter(work)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.chdir(self._scripts)
                self._leave(work)

    def _enter(self, work: Path) -> None:
        self._look()
        work.parent.mkdir(parents=True, exist_ok=True)
        if not work.exists() and self._spare.exists():
            self._spare.rename(work)
        else:
            self._fill(work)
        os.chdir(work)

    def _leave(self, work: Path) -> None:
        if self._pristine(work):
            work.rename(self._spare)
            with contextlib.suppress(OSError):  # something else is in it
                work.parent.rmdir()
            return
        for item in self._items:
            if item.untouched(work):
                (work / item.path).unlink()
        for name in (*reversed(self._folders), ""):
            shutil.rmtree(work / name / _CACHE, ignore_errors=True)
            with contextlib.suppress(OSError):  # not empty
                (work / name).rmdir()

    def _look(self) -> None:
        """See what there is to copy and link: a preparation may have added something."""
        stamp = tuple(os.stat(self._scripts / name).st_mtime_ns for name in ("", *self._folders))
        if stamp == self._stamp:
            return
        self._items, self._folders = [], []
        for root, folders, files in os.walk(self._scripts):
            folders[:] = [name for name in sorted(folders) if name != _CACHE]
            below = os.path.relpath(root, self._scripts)
            for name in [*folders, *files]:
                place = os.path.normpath(os.path.join(below, name))
                if os.path.islink(self._scripts / place) or name in files:
                    self._items.append(self._item(place))
                else:
                    self._folders.append(place)
        self._stamp = tuple(
            os.stat(self._scripts / name).st_mtime_ns for name in ("", *self._folders)
        )
        shutil.rmtree(self._spare, ignore_errors=True)

    def _item(self, place: str) -> _Item:
        path = self._scripts / place
        found = os.lstat(path)
        if path.is_symlink():
            return _Item(place, os.path.join(path.parent, os.readlink(path)), 0, 0)
        if found.st_size > COPIED_BYTES:
            with contextlib.suppress(OSError):
                path.chmod(found.st_mode & ~0o222)
            return _Item(place, str(path), 0, 0)
        return _Item(place, None, found.st_size, found.st_mtime_ns)

    def _fill(self, work: Path) -> None:
        """Put everything in its place; what an earlier attempt of the trial wrote stays."""
        work.mkdir(exist_ok=True)
        for name in self._folders:
            (work / name).mkdir(exist_ok=True)
        for item in self._items:
            place = work / item.path
            if item.untouched(work):
                continue
            with contextlib.suppress(FileNotFoundError):
                place.unlink()
            if item.target is not None:
                place.symlink_to(item.target)
            else:
                shutil.copy2(self._scripts / item.path, place)

    def _pristine(self, work: Path) -> bool:
        """Whether nothing in a folder was changed, added or taken away."""
        if not all(item.untouched(work) for item in self._items):
            return False
        known = {item.path for item in self._items} | set(self._folders)
        for below in ("", *self._folders):
            with os.scandir(work / below) as entries:
                for entry in entries:
                    if entry.name != _CACHE and os.path.join(below, entry.name) not in known:
                        return False
        return True

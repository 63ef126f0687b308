"""The working folders of trials: each has the scripts, and links to the input data.

A trial works in ``<trials>/<trial id>/work``. What it writes there stays with it; what it has left
as it was is taken away at its end, so that ten thousand trials do not keep ten thousand copies. A
folder in which nothing was changed is handed on to the next trial of the worker, which costs two
renames.

A worker imports the scripts once, by a link that leads to the folder of each trial in turn, so that
what a function writes beside its ``__file__`` is the trial's as well.
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

_Stamp = tuple[int, ...]


class _Item(NamedTuple):
    """A file or link as it was bundled: its place, and by what a change is known."""

    path: str
    target: str | None
    size: int
    time: int

    def untouched(self, work: str) -> bool:
        """Whether it is in a folder as it was."""
        place = os.path.join(work, self.path)
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

    Attributes:
        here: leads to the scripts until a trial begins, and then to the folder where it works.
    """

    def __init__(self, scripts: Path, spare: Path) -> None:
        self._scripts = str(scripts)
        self._spare = str(spare)
        self.here = Path(f"{spare}.here")
        shutil.rmtree(spare, ignore_errors=True)
        spare.parent.mkdir(parents=True, exist_ok=True)
        self._end = os.open(scripts, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.here.unlink(missing_ok=True)
        self.here.symlink_to(f"/proc/{os.getpid()}/fd/{self._end}")
        self._items: list[_Item] = []
        self._folders: list[str] = []
        self._seen: list[int] = []
        self._names: dict[str, set[str]] = {}
        self._filled: dict[str, _Stamp] = {}

    @contextlib.contextmanager
    def working_in(self, folder: str) -> Iterator[None]:
        """Work in the folder of a trial."""
        self._enter(folder)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.chdir(self._scripts)
                self._leave(folder)

    def named(self, text: str) -> str:
        """Text in which the scripts have the names that they have for everybody."""
        return text.replace(str(self.here), self._scripts)

    def _lead_to(self, place: str) -> None:
        """Let `here` lead to a place: its end is an open folder, since no link can be changed."""
        handle = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.dup2(handle, self._end, inheritable=False)
        os.close(handle)

    def _enter(self, folder: str) -> None:
        self._look()
        try:
            os.rename(self._spare, folder)
        except OSError:  # there is none, or the trial has been here before
            self._fill(folder)
        self._lead_to(f"{folder}/{WORK}")
        os.chdir(f"{folder}/{WORK}")

    def _leave(self, folder: str) -> None:
        if self._pristine(folder):
            with contextlib.suppress(OSError):
                os.rename(folder, self._spare)
                return
        work = os.path.join(folder, WORK)
        for item in self._items:
            if item.untouched(work):
                os.unlink(os.path.join(work, item.path))
        for name in (*reversed(self._folders), ""):
            place = os.path.join(work, name)
            shutil.rmtree(os.path.join(place, _CACHE), ignore_errors=True)
            with contextlib.suppress(OSError):  # not empty
                os.rmdir(place)
        with contextlib.suppress(OSError):
            os.rmdir(folder)

    def _look(self) -> None:
        """See what there is to copy and link: a preparation may have added something."""
        if self._seen == self._times():
            return
        self._items, self._folders = [], []
        for root, folders, files in os.walk(self._scripts):
            folders[:] = [name for name in sorted(folders) if name != _CACHE]
            below = os.path.relpath(root, self._scripts)
            for name in [*folders, *files]:
                place = os.path.normpath(os.path.join(below, name))
                if name in files or os.path.islink(os.path.join(self._scripts, place)):
                    self._items.append(self._item(place))
                else:
                    self._folders.append(place)
        self._names = {name: set() for name in ("", *self._folders)}
        for place in (*self._folders, *(item.path for item in self._items)):
            self._names[os.path.dirname(place)].add(os.path.basename(place))
        self._seen = self._times()
        shutil.rmtree(self._spare, ignore_errors=True)

    def _times(self) -> list[int]:
        places = (os.path.join(self._scripts, name) for name in ("", *self._folders))
        return [os.stat(place).st_mtime_ns for place in places]

    def _item(self, place: str) -> _Item:
        path = os.path.join(self._scripts, place)
        found = os.lstat(path)
        if os.path.islink(path):
            return _Item(place, os.path.join(os.path.dirname(path), os.readlink(path)), 0, 0)
        if found.st_size > COPIED_BYTES:
            with contextlib.suppress(OSError):
                os.chmod(path, found.st_mode & ~0o222)
            return _Item(place, path, 0, 0)
        return _Item(place, None, found.st_size, found.st_mtime_ns)

    def _fill(self, folder: str) -> None:
        """Put everything in its place; what an earlier attempt of the trial wrote stays."""
        work = os.path.join(folder, WORK)
        for name in ("", *self._folders):
            os.makedirs(os.path.join(work, name), exist_ok=True)
        for item in self._items:
            place = os.path.join(work, item.path)
            if item.untouched(work):
                continue
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)
            if item.target is not None:
                os.symlink(item.target, place)
            else:
                shutil.copy2(os.path.join(self._scripts, item.path), place)
        self._filled = {item.path: _stamp(f"{work}/{item.path}") for item in self._items}
        shutil.rmtree(self._spare, ignore_errors=True)  # one that is not as this one

    def _pristine(self, folder: str) -> bool:
        """Whether nothing in a folder was changed, added or taken away."""
        try:
            if os.listdir(folder) != [WORK]:
                return False
            for below, names in self._names.items():
                if set(os.listdir(f"{folder}/{WORK}/{below}")) != names:
                    return False
            for path, stamp in self._filled.items():
                if _stamp(f"{folder}/{WORK}/{path}") != stamp:
                    return False
        except OSError:
            return False
        return True


def _stamp(path: str) -> _Stamp:
    """What changes with whatever is done to a file, its mode and its times included."""
    found = os.lstat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

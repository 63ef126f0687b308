"""Checkpoints on disk: ``<trials>/<trial id>/checkpoint_000003`` was saved before report 3."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

_PREFIX = "checkpoint_"
_CHECKPOINT = re.compile(f"{_PREFIX}[0-9]")
_LENT = ".lent-"


def checkpoint_step(path: Path | None) -> int:
    """The report that a checkpoint was saved before (0: there is none, or no name that tells)."""
    if path is None:
        return 0
    with contextlib.suppress(ValueError):
        return int(path.name.removeprefix(_PREFIX))
    return 0


def checkpoint_steps(folder: Path | str) -> dict[int, Path]:
    """The whole checkpoints of a trial's folder by their step, in order."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # most trials have no folder
        return {}
    found = {}
    for name in names:
        if name.startswith(_PREFIX) and name[len(_PREFIX) :].isdecimal():
            found[int(name[len(_PREFIX) :])] = Path(folder, name)
    return found


def go_back(folder: Path, step: int) -> tuple[int, Path] | None:
    """The newest checkpoint up to ``step``: (its step, path). Later ones are deleted.

    A checkpoint whose report was not made is left out, so that no report of a trial is missing.
    """
    found = checkpoint_steps(folder)
    for later in [number for number in found if number > step]:
        shutil.rmtree(found[later], ignore_errors=True)
    return latest(folder)


def latest(folder: Path | str, reported: int | None = None) -> tuple[int, Path] | None:
    """The newest checkpoint of a trial's folder: (step, path).

    Args:
        folder: the trial's.
        reported: pass over those that were saved before a later report than this.
    """
    found = checkpoint_steps(folder)
    steps = [step for step in found if reported is None or step <= reported]
    return (max(steps), found[max(steps)]) if steps else None


def size(folder: Path) -> int:
    """The bytes of all checkpoints below a folder (of a trial, or of all trials of a job)."""
    total = 0
    for place, _, names in os.walk(folder):
        if any(map(_CHECKPOINT.match, Path(place).relative_to(folder).parts)):
            for name in names:
                with contextlib.suppress(OSError):  # a job that runs takes some away
                    total += os.lstat(os.path.join(place, name)).st_size
    return total


@contextlib.contextmanager
def saving(folder: Path, step: int) -> Iterator[Path]:
    """A fresh folder that becomes the checkpoint of ``step`` when it is left without an error."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_PREFIX}{step:06d}"
    draft = folder / f".{target.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    yield draft
    if target.exists():
        shutil.rmtree(target)
    draft.rename(target)


class Mirror:
    """The checkpoint folder of a program that knows nothing of hpogrid.

    The program finds its folder where there is something to go on from, and only then. What is in
    it when the program reports becomes the checkpoint of that report.

    Args:
        folder: the program's, made by it.
        restore: the checkpoint to go on from, if there is one.
    """

    def __init__(self, folder: Path, restore: Path | None) -> None:
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        if restore is not None:
            shutil.copytree(restore, folder)
        self._kept = self._content()

    def keep(self, checkpoint: Callable[[], contextlib.AbstractContextManager[Path]]) -> None:
        """Save what has changed as ``checkpoint``, unless it is being written meanwhile."""
        content = self._content()
        if not content or content == self._kept:
            return
        with contextlib.suppress(_BeingWritten, OSError, shutil.Error), checkpoint() as draft:
            shutil.copytree(self._folder, draft, dirs_exist_ok=True)
            if self._content() != content:
                raise _BeingWritten
            self._kept = content

    def _content(self) -> dict[str, tuple[int, int]]:
        found = {}
        for place, folders, names in os.walk(self._folder):
            for name in (*folders, *names):
                with contextlib.suppress(OSError):  # a program may take away what it has written
                    status = os.lstat(path := os.path.join(place, name))
                    found[path] = (status.st_mtime_ns, status.st_size)
        return found


class _BeingWritten(Exception):
    """A checkpoint changed while it was copied; the next report may have a whole one."""


def keep_only(folder: Path, *kept: tuple[int, Path] | None) -> None:
    """Delete all checkpoints of a trial but these, as `latest` gives them."""
    for path in checkpoint_steps(folder).values():
        if not any(item is not None and item[1] == path for item in kept):
            shutil.rmtree(path, ignore_errors=True)


def lend(checkpoint: Path, folder: Path, attempt: int) -> None:
    """Copy another trial's checkpoint into a trial's folder, for its start number ``attempt``.

    It counts only once `take_lent` has put it in the place of the trial's own; what happens in
    between is safe against a crash.
    """
    draft = folder / f"{_LENT}{attempt}"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(checkpoint, draft / checkpoint.name)


def take_lent(folder: Path, attempt: int) -> None:
    """Finish what `lend` began for start number ``attempt``; forget what never came to a start."""
    for draft in folder.glob(f"{_LENT}*"):
        if draft.name == f"{_LENT}{attempt}" and (lent := latest(draft)) is not None:
            keep_only(folder)
            lent[1].rename(folder / lent[1].name)
        shutil.rmtree(draft, ignore_errors=True)


class Keeper:
    """Deletes checkpoints by the policy of the hpo config (``keep_checkpoints``).

    ``last`` keeps the newest of every trial; ``best`` and ``top K`` of the best trials the one
    with the value that counts; ``all`` every one; ``none`` nothing once the trial has ended. While
    a trial runs, its newest checkpoint always stays.

    Args:
        folder: the trials' folders by id.
        policy: as above.
    """

    def __init__(self, folder: Path, policy: str) -> None:
        self._folder = folder
        self._policy = policy
        self._ranked: list[tuple[float, str]] = []

    def reported(self, trial: str, counts: int | None = None) -> None:
        """A trial made a report: older checkpoints of it may go.

        Args:
            trial: its id.
            counts: the report whose value is the trial's so far; None: the newest.
        """
        folder = self._folder / trial
        if self._policy in ("last", "none"):
            keep_only(folder, latest(folder))
        elif self._policy != "all":
            keep_only(folder, latest(folder), latest(folder, counts))

    def ended(self, trial: str, loss: float | None, counts: int | None = None) -> None:
        """A trial ended, now or in an earlier attempt; ``loss`` is None if it failed.

        What is beaten may go, and of a trial all that its value was not reached with.
        """
        if self._policy in ("last", "all"):
            return
        folder = self._folder / trial
        if self._policy == "none" or loss is None:
            keep_only(folder)
            return
        keep_only(folder, latest(folder, counts) or latest(folder))
        self._ranked.append((loss, trial))
        self._ranked.sort()
        count = 1 if self._policy == "best" else int(self._policy.removeprefix("top "))
        while len(self._ranked) > count:
            _, beaten = self._ranked.pop()
            keep_only(self._folder / beaten)

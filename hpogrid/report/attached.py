"""What hangs on trials beside their numbers: files that they saved, and what people wrote."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hpogrid.trial.saved import SAVED

PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
LARGEST_PICTURE = 400_000
"""Bytes of a picture that is put into a page."""


class Saved(msgspec.Struct):
    """A file that a trial has saved."""

    path: str
    size: int

    @property
    def name(self) -> str:
        """As the trial called it."""
        return os.path.basename(self.path)

    @property
    def kind(self) -> str | None:
        """The media type of a picture; None: it is none."""
        return PICTURES.get(Path(self.path).suffix.lower())

    def embedded(self) -> str | None:
        """The picture as a ``data:`` address; None: it is none, too large, or gone."""
        if self.kind is None or self.size > LARGEST_PICTURE:
            return None
        try:
            data = Path(self.path).read_bytes()
        except OSError:
            return None
        return f"data:{self.kind};base64,{base64.b64encode(data).decode()}"


def saved_files(folders: Iterable[Path]) -> dict[str, list[Saved]]:
    """The files that trials have saved, by trial, in the order of their names.

    Args:
        folders: of jobs.
    """
    found: dict[str, list[Saved]] = {}
    for folder in folders:
        for trial in _entries(folder / "trials"):
            entries = _entries(Path(trial.path, SAVED))
            files = [Saved(one.path, one.stat(follow_symlinks=False).st_size) for one in entries]
            if files:
                found[trial.name] = files
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden; nothing where there is none."""
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []
    return sorted(shown, key=lambda entry: entry.name)

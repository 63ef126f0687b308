"""What people write about trials: notes and tags, in a file of the task's folder.

It is appended to, one JSON line for each thing said, so that a kill loses none; taking a tag away
is a line as well.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import msgspec

from hpogrid.errors import UserError
from hpogrid.files import explained, locked
from hpogrid.text import harmless_line
from hpogrid.trial.errors import printable

NOTES = "notes.jsonl"
LONGEST_NOTE = 10_000
LONGEST_TAG = 100
_MOST_BYTES = 50 * 2**20


class Said(msgspec.Struct, omit_defaults=True):
    """One line: a note, or a tag that a trial gets or loses."""

    time: float
    user: str
    trial: str
    note: str = ""
    tag: str = ""
    removed: bool = False


class Notes(msgspec.Struct):
    """What was said of one trial: the notes in order, and the tags that it has."""

    notes: list[Said] = []
    tags: list[str] = []

    @property
    def text(self) -> str:
        """All notes, a line each."""
        return "\n".join(item.note for item in self.notes)


def read_notes(folder: Path) -> dict[str, Notes]:
    """What was said of the trials of a task, by trial; damaged lines are passed over."""
    found: dict[str, Notes] = {}
    decoder = msgspec.json.Decoder(Said)
    with contextlib.suppress(OSError), (folder / NOTES).open("rb") as stream:
        for line in stream.read(_MOST_BYTES).splitlines():
            with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
                _take(found, decoder.decode(line))
    return found


def _take(found: dict[str, Notes], said: Said) -> None:
    about = found.setdefault(said.trial, Notes())
    if said.note:
        about.notes.append(said)
    if said.tag and said.tag in about.tags:
        about.tags.remove(said.tag)
    if said.tag and not said.removed:
        about.tags.append(said.tag)


def add_note(folder: Path, trial: str, user: str, text: str) -> None:
    """Add a note to a trial.

    Raises:
        UserError: it is empty or too long, or cannot be written.
    """
    text = printable(text.strip())
    if not text or len(text) > LONGEST_NOTE:
        raise UserError(f"a note has 1 to {LONGEST_NOTE} letters; this one has {len(text)}")
    _append(folder, [Said(time.time(), user, trial, note=text)])


def set_tags(folder: Path, trial: str, user: str, tags: list[str], *, removed: bool) -> None:
    """Give tags to a trial, or take them away.

    Raises:
        UserError: one is no tag, or the trial does not have it; or they cannot be written.
    """
    known = read_notes(folder).get(trial, Notes()).tags
    for tag in tags:
        if not tag.strip() or len(tag) > LONGEST_TAG or "," in tag or tag != harmless_line(tag):
            raise UserError(
                f"'{tag}' is no tag: write one line of at most {LONGEST_TAG} letters without commas"
            )
        if removed and tag not in known:
            raise UserError(
                f"trial {trial} has no tag '{tag}'; it has {', '.join(known) or 'none'}"
            )
    _append(folder, [Said(time.time(), user, trial, tag=tag, removed=removed) for tag in tags])


def _append(folder: Path, lines: list[Said]) -> None:
    """Add lines that are on the disk when this returns, behind one that a kill has cut."""
    path = folder / NOTES
    with explained(path), locked(folder), path.open("ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 1))
        torn = size > 0 and stream.read(1) != b"\n"
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        stream.write((b"\n" if torn else b"") + data)
        stream.flush()
        os.fsync(stream.fileno())

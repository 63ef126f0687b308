"""The ends of what trials printed, as far as a page has room for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from hpogrid.job.settings import TaskFolder
from hpogrid.report.results import Results
from hpogrid.study.address import masked
from hpogrid.text import counted, harmless
from hpogrid.trial.worker import log_name

MOST_LETTERS = 120_000
"""Of all logs of a page together."""

LONGEST = 2000
LINES = 20
_CODES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
"""What colours words and moves the cursor of a terminal."""


def log_ends(results: Results, rows: Sequence[int]) -> tuple[dict[int, str], str]:
    """The last lines of logs, without secrets, and what is said of those that have no room.

    The best trials and the last rows, which are the failed ones, come first by turns.

    Args:
        results: of tasks whose folders are here.
        rows: the trials of a page; their places are the keys.
    """
    known = dict(_logs(results, rows))
    places = list(known)
    half = (len(places) + 1) // 2
    turns = chain.from_iterable(zip_longest(places[:half], places[: half - 1 : -1]))
    found: dict[int, str] = {}
    room = MOST_LETTERS
    for place in turns:
        if place is None:
            continue
        text = log_end(known[place])
        room -= len(text)
        if room < 0:
            break
        found[place] = text
    left = len(known) - len(found)
    said = (
        f"The ends of {counted(len(found), 'log')} are on this page, of the best trials and of "
        f"failed ones; {left} more had no room."
    )
    return {place: text for place, text in found.items() if text}, said if left else ""


def _logs(results: Results, rows: Sequence[int]) -> Iterator[tuple[int, Path]]:
    """The logs that there are, by the place of their trial."""
    folders: dict[Path, frozenset[str]] = {}
    for place, row in enumerate(rows):
        task, trial = results.tasks[row], results.trials[row]
        if not task.logs:
            continue
        folder = TaskFolder(Path(task.folder)).job(trial.job) / task.logs
        if folder not in folders:
            there = folder.is_dir()
            folders[folder] = frozenset(os.listdir(folder) if there else ())
        name = log_name(trial.id, trial.attempt)
        if name in folders[folder]:
            yield place, folder / name


def log_end(path: Path) -> str:
    """The last lines of a log as a page shows them; nothing where it cannot be read."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - 8 * LONGEST))
            cut, text = stream.tell() > 0, stream.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [_shown(line) for line in text.rstrip().split("\n")]
    shown = masked("\n".join(lines[cut and len(lines) > 1 :][-LINES:]))
    return shown if len(shown) <= LONGEST else f"…{shown[1 - LONGEST :]}"


def _shown(line: str) -> str:
    """What a terminal would show in the end: of a progress bar its last state."""
    return harmless(_CODES.sub("", line.rstrip("\r")).rpartition("\r")[2])

"""What the page tells of single trials: environments, files, notes, repetitions, logs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.job.settings import TaskFolder
from hpogrid.report.attached import Saved
from hpogrid.report.card import environment_rows, note_words
from hpogrid.report.replay import compare, differences
from hpogrid.report.results import Origin, Results
from hpogrid.study.address import masked
from hpogrid.study.events import Environment
from hpogrid.study.study import Trial
from hpogrid.text import bytes_text, counted, harmless
from hpogrid.trial.worker import log_name

MOST_PICTURES = 1_200_000
"""Bytes of all pictures of a page; the best trials have theirs first."""
MOST_LETTERS = 120_000
"""Of all logs of a page together."""
LONGEST = 2000
LINES = 20
_CODES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
"""What colours words and moves the cursor of a terminal."""


def asides(results: Results, rows: Sequence[int]) -> dict[str, Any]:
    """What `page_data` adds.

    ``environments`` are the different ones, and ``environment`` the place of each trial's among
    them, or null, and empty where none is known; ``asides`` holds, by the place of a trial that
    has any, its ``tags``, ``notes``, ``files``, ``replays`` and the end of its ``log``; ``alike``
    is a sentence on whether all ran in the same, and ``logs`` one on logs that have no room.
    """
    known = [results.tasks[row].environment(results.trials[row]) for row in rows]
    keys = [None if item is None else msgspec.json.encode(item) for item in known]
    found = {key: item for key, item in zip(keys, known, strict=True) if key and item}
    numbers = {key: number for number, key in enumerate(found)}
    places = [None if key is None else numbers[key] for key in keys]
    logs, left_out = log_ends(results, rows)
    return {
        "environments": [environment_rows(item) for item in found.values()],
        "environment": places if found else [],
        "alike": _alike(list(found.values()), places.count(None)),
        "asides": _asides(results, rows, logs),
        "logs": left_out,
    }


def _alike(found: Sequence[Environment], unknown: int) -> str:
    said = []
    if len(found) == 1:
        said.append("All trials ran in the same environment.")
    elif found:
        words = "; ".join(differences(found[0], found[1]))
        other = f"two of them differ in: {words.replace(' then', '').replace(' now', '')}"
        said.append(f"The trials ran in {counted(len(found), 'environment')}; {other}.")
    if unknown and found:
        said.append(f"Of {counted(unknown, 'trial')} it was not recorded.")
    return " ".join(said)


def _asides(
    results: Results, rows: Sequence[int], logs: Mapping[int, str]
) -> dict[int, dict[str, Any]]:
    told: dict[int, dict[str, Any]] = {}
    room = MOST_PICTURES
    repeated = _replays(results)
    for place, row in enumerate(rows):
        trial, task = results.trials[row], results.tasks[row]
        said, files = task.said(trial), task.files.get(trial.id, ())
        shown = []
        for item in files:
            entry = _file(item, room)
            room -= len(entry.get("picture", ""))
            shown.append(entry)
        about = {
            "tags": said.tags,
            "notes": list(map(note_words, said.notes)),
            "files": shown,
            "replays": repeated.get((task.id, trial.id), []),
            "log": logs.get(place),
        }
        if any(about.values()):
            told[place] = {name: value for name, value in about.items() if value}
    return told


def _file(item: Saved, room: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": item.name, "size": bytes_text(item.size), "path": item.path}
    if item.kind is not None and item.size * 4 / 3 < room and (picture := item.embedded()):
        entry["picture"] = picture
    return entry


def _replays(results: Results) -> dict[tuple[int | str, str], list[str]]:
    """What repetitions of trials have come to, by task and trial."""
    if not results.replays:
        return {}
    names = [item.name for item in results.objectives]
    known: dict[tuple[int | str, str], tuple[Trial, Origin]] = {
        (task.id, trial.id): (trial, task)
        for trial, task in zip(results.trials, results.tasks, strict=True)
    }
    found: dict[tuple[int | str, str], list[str]] = {}
    for item in results.replays:
        key = (item.task, item.name)
        if key not in known:
            continue
        trial, task = known[key]
        both = (task.environment(trial), item.environment)
        verdict = compare(trial, item.trial, names, both)
        text = f"task {item.ran_in}: " + "; ".join(verdict.sentences)
        found.setdefault(key, []).append(text)
    return found


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

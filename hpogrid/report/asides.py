"""What the page tells of single trials: in what they ran, their files, notes and repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hpogrid.report.attached import Saved
from hpogrid.report.card import environment_rows, note_words
from hpogrid.report.logs import log_ends
from hpogrid.report.replay import compare, differences
from hpogrid.report.results import Origin, Results
from hpogrid.study.events import Environment
from hpogrid.study.study import Trial
from hpogrid.text import bytes_text, counted

MOST_PICTURES = 1_200_000
"""Bytes of all pictures of a page; the best trials have theirs first."""


def asides(results: Results, rows: Sequence[int]) -> dict[str, Any]:
    """What `page_data` adds.

    ``environments`` are the different ones, and ``environment`` the place of each trial's among
    them, or null, and empty where none is known; ``asides`` holds, by the place of a trial that
    has any, its ``tags``, ``notes``, ``files``, ``replays`` and the end of its ``log``; ``alike``
    is a sentence on whether all ran in the same, and ``logs`` one on logs that have no room.
    """
    found: dict[bytes, Environment] = {}
    places: list[int | None] = []
    keys: list[bytes] = []
    for row in rows:
        environment = results.tasks[row].environment(results.trials[row])
        if environment is None:
            places.append(None)
            continue
        key = msgspec.json.encode(environment)
        if key not in found:
            found[key] = environment
            keys.append(key)
        places.append(keys.index(key))
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
        said, files = task.notes.get(trial.id), task.files.get(trial.id, ())
        shown = []
        for item in files:
            entry = _file(item, room)
            room -= len(entry.get("picture", ""))
            shown.append(entry)
        about = {
            "tags": said.tags if said else [],
            "notes": [note_words(item) for item in said.notes] if said else [],
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

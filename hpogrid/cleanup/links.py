"""Links: nothing goes that something which stays leads to, by whatever way."""

from __future__ import annotations

import bisect
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

MOST_LINKS = 40
"""As many as the kernel follows."""


def linked(roots: Iterable[Path], going: Iterable[Path], skipped: str) -> set[Path]:
    """Which of the paths that are to go a link leads to that stays.

    Args:
        roots: folders in which links are looked for.
        going: paths below them.
        skipped: folders of this name are not looked into.
    """
    real = {os.path.join(os.path.realpath(path.parent), path.name): path for path in going}
    inside = [os.path.realpath(root) for root in roots]
    ordered = sorted(real)
    kept: set[Path] = set()
    waiting = [link for root in inside for link in links_below(root, real.keys(), skipped)]
    while waiting:
        for place in trail(waiting.pop()):
            if not any(place.startswith(root + "/") for root in inside):
                continue
            for name in [*_around(place), *_below(place, ordered)]:
                if name not in real:
                    continue
                kept.add(real.pop(name))
                waiting += [name] if os.path.islink(name) else links_below(name, (), skipped)
    return kept


def _around(place: str) -> Iterator[str]:
    """A path and the folders that it is in."""
    while place != "/":
        yield place
        place = os.path.dirname(place)


def _below(place: str, ordered: Sequence[str]) -> Iterator[str]:
    """Those of some sorted paths that are in a folder."""
    first = bisect.bisect_left(ordered, place + "/")
    for name in islice(ordered, first, None):
        if not name.startswith(place + "/"):
            return
        yield name


def links_below(folder: str, without: Iterable[str], skipped: str) -> list[str]:
    """The symbolic links below a folder, except in some of the folders."""
    left_out = set(without)
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        paths = [f"{place}/{name}" for name in (*folders, *files)]
        found += [path for path in paths if os.path.islink(path) and path not in left_out]
        folders[:] = [
            name for name in folders if name != skipped and f"{place}/{name}" not in left_out
        ]
    return found


def trail(path: str) -> Iterator[str]:
    """Every link on the way to where a path leads, and where that is, whether it is there or not.

    Args:
        path: an absolute path.
    """
    current, parts, links = "/", deque(path.split("/")), 0
    while parts:
        part = parts.popleft()
        if part == "..":
            current = os.path.dirname(current)
            continue
        current = os.path.join(current, part) if part not in ("", ".") else current
        if part in ("", ".") or not os.path.islink(current):
            continue
        yield current
        links += 1
        if links > MOST_LINKS:
            return
        target = os.readlink(current)
        parts.extendleft(reversed(target.split("/")))
        current = "/" if target.startswith("/") else os.path.dirname(current)
    yield current

"""How often a scheduler is asked: less and less while nothing changes, by all processes together.

A scheduler serves a whole cluster; ``tasks show`` in a loop must not slow it down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import msgspec

from hpogrid.files import read_record, write_atomic
from hpogrid.site.batchsystem import Member, MemberState

FIRST_SECONDS = 1.0
MOST_SECONDS = 30.0
_GROWTH = 1.5


class Told(NamedTuple):
    """What a scheduler says about members; ``problem`` is what it could not be asked, if any."""

    seen: dict[Member, MemberState]
    problem: str | None = None


Ask = Callable[[Collection[Member]], Told]


class _Answer(msgspec.Struct):
    """What a scheduler said at ``time``, when it was asked about the arrays ``asked``."""

    time: float
    interval: float
    asked: list[str]
    seen: list[tuple[Member, MemberState]]
    problem: str | None = None


class Poll:
    """The last answer of a scheduler.

    Args:
        path: the file with it.
        ask: asks the scheduler about members; those it does not know are left out.
    """

    def __init__(self, path: Path, ask: Ask) -> None:
        self._path = path
        self._ask = ask

    def look(self, members: Collection[Member]) -> Told:
        """What is known about members; the scheduler is asked if the last answer is too old."""
        last = self._read()
        arrays = sorted({array for array, _ in members})
        fresh = last is not None and 0 <= time.time() - last.time < last.interval
        if last is not None and fresh and set(arrays) <= set(last.asked):
            return Told(dict(last.seen), last.problem)
        seen, problem = told = self._ask(members)
        interval = FIRST_SECONDS
        if last is not None and dict(last.seen) == seen:
            interval = min(last.interval * _GROWTH, MOST_SECONDS)
        answer = _Answer(time.time(), interval, arrays, list(seen.items()), problem)
        write_atomic(self._path, msgspec.json.encode(answer))
        return told

    def forget(self) -> None:
        """Ask anew at the next look: something was submitted or ended."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> _Answer | None:
        return read_record(self._path, _Answer)

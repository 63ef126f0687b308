"""What trials that were cut would have come to, so that a model learns from comparable values."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

_EVERY = 8
"""What is known of the levels is reckoned anew when an eighth more trials are known."""

Losses = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """An observed trial: its losses, and those at the resources where trials are compared."""

    losses: Losses
    curve: dict[float, Losses]
    cut: bool

    @property
    def level(self) -> float:
        """The last resource of its curve, where it was cut if it was."""
        return max(self.curve, default=0.0)


@dataclass(frozen=True, slots=True)
class _Level:
    """What those that went on from a resource came to.

    Attributes:
        change: the median of what their losses changed by from there.
        least: the median of their losses in the end.
    """

    change: Losses
    least: Losses

    def estimate(self, losses: Losses) -> Losses:
        rows = zip(losses, self.change, self.least, strict=True)
        return tuple(max(loss + change, least) for loss, change, least in rows)


@dataclass
class Curves:
    """Estimates the final losses of cut trials from those that went on where they stopped.

    A cut trial is taken to change as the median of those that went on did, and to end no better
    than the median of them, since it was the worse one when they were compared. Where nobody went
    on, its losses stand as they are. So the order within one resource is kept, and whole trials
    are never behind for being older. All of it follows from the order of observations alone.

    Attributes:
        version: rises when earlier estimates have changed.
    """

    version: int = 0
    _seen: list[Seen] = field(default_factory=list)
    _levels: dict[float, _Level] = field(default_factory=dict)
    _cuts: int = 0
    _reckoned: int = 0

    def add(self, seen: Seen) -> Losses:
        """Take in a trial; return its losses, or what they would have become."""
        self._seen.append(seen)
        self._cuts += seen.cut
        due = len(self._seen) - self._reckoned > self._reckoned // _EVERY
        if self._cuts and due:
            self._reckon()
        return self.estimate(seen)

    def estimate(self, seen: Seen) -> Losses:
        """The losses of a trial, or what they would have become."""
        level = self._levels.get(seen.level) if seen.cut else None
        return seen.losses if level is None else level.estimate(seen.curve[seen.level])

    def _reckon(self) -> None:
        self._reckoned = len(self._seen)
        before, self._levels = self._levels, {}
        for level in sorted({seen.level for seen in self._seen if seen.cut}, reverse=True):
            further = [
                (seen.curve[level], self.estimate(seen))
                for seen in self._seen
                if level in seen.curve and (not seen.cut or seen.level > level)
            ]
            if further:
                self._levels[level] = _Level(
                    _medians([_change(*pair) for pair in further]),
                    _medians([final for _, final in further]),
                )
        self.version += self._levels != before


def _change(there: Losses, final: Losses) -> Losses:
    return tuple(late - early for early, late in zip(there, final, strict=True))


def _medians(rows: Sequence[Losses]) -> Losses:
    return tuple(map(statistics.median, zip(*rows, strict=True)))

"""Results of earlier searches, and whether they hold for this one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from hpogrid.engine.outcomes import Values
from hpogrid.search.base import Outcome
from hpogrid.space.space import Point, Space
from hpogrid.study.history import Past
from hpogrid.study.values import as_loss
from hpogrid.text import counted

_BAD = 0.9
"""Where in the ranking a bad result is; those after it may be bad beyond comparison."""

_SAME = 0.1
"""By so much of what lies between the best and a bad value may one differ, as with noise."""


class Earlier:
    """Evaluates a few configurations again before the algorithm is told all that was found then.

    Where they come out otherwise now, nothing of it is told: however alike the searches are,
    values that cannot be reached any more keep an algorithm from those that can.

    Args:
        past: what was found; of the very same, it holds and need not be looked at.
        space: what is searched.
        modes: for each metric, which way is better.

    Attributes:
        again: the configurations, the best one first.
        undecided: whether there is something that may be told yet.
        remark: what the user should know of it, in one sentence; empty until it is decided.
    """

    def __init__(self, past: Iterable[Past], space: Space, modes: Sequence[str]) -> None:
        self.remark = ""
        self._past = [item for item in past if not item.same]
        self.undecided = bool(self._past)
        self._then: dict[bytes, Values] = {}
        self._now: dict[bytes, Outcome] = {}
        self.again: list[Point] = []
        known = [
            (item, item.values)
            for item in self._past
            if item.values is not None and all(map(math.isfinite, item.values))
        ]
        if not known:
            return
        metrics = zip(*(values for _, values in known), strict=True)
        losses = [[as_loss(value, mode) for value in column]
                  for column, mode in zip(metrics, modes, strict=True)]  # fmt: skip
        self._least = [_SAME * (bad - best) for best, _, bad in map(_spread, losses)]
        for loss in dict.fromkeys(_spread(losses[0])):
            item, values = known[losses[0].index(loss)]
            point = space.apply(space.defaults() | item.suggested)
            self._then[point.key] = values
            self.again.append(point)

    def learn(self, key: bytes, outcome: Outcome) -> list[Past]:
        """Take in how the configuration of that identity ended; return what is to be told now."""
        if key in self._then:
            self._now.setdefault(key, outcome)
        if not self.undecided or len(self._now) < len(self._then):
            return []
        self.undecided = False
        pairs = [(values, self._now[key]) for key, values in self._then.items()]
        best_was_cut = any(now.cut for _, now in pairs[:1])
        if not best_was_cut and all(self._holds(then, now) for then, now in pairs):
            return self._past
        moved = ", ".join(f"{_said(then)} became {_said(now.values)}" for then, now in pairs)
        results = counted(len(self._past), "result")
        self.remark = f"what was found before ({results}) is left out: evaluated again, {moved}"
        return []

    def _holds(self, then: Values, now: Outcome) -> bool:
        """Whether a result is what it was; of a worse one that was cut, nobody knows."""
        if now.values is None:
            return False
        pairs = zip(then, now.values, self._least, strict=True)
        return now.cut or all(abs(old - new) <= least for old, new, least in pairs)


def _spread(losses: Iterable[float]) -> tuple[float, float, float]:
    """The best of some losses, the one nearest to the middle between it and a bad one, and that."""
    ranking = sorted(losses)
    best, bad = ranking[0], ranking[round(_BAD * (len(ranking) - 1))]
    return best, min(ranking, key=lambda loss: abs(loss - (best + bad) / 2)), bad


def _said(values: Values | None) -> str:
    return "a failure" if values is None else " ".join(f"{value:.4g}" for value in values)

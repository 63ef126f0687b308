"""Repetitions of a configuration: the mean of their results, and how far they are apart."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import NamedTuple


class Repeats(NamedTuple):
    """What the repetitions of one configuration came to.

    Attributes:
        number: how many have a result.
        mean: of their results.
        spread: the standard deviation of a sample; None for one result.
    """

    number: int
    mean: float
    spread: float | None

    @property
    def words(self) -> str:
        """Mean and spread, as a sentence has them."""
        spread = "" if self.spread is None else f" ± {self.spread:.2g}"
        return f"{self.mean:.6g}{spread} ({self.number} repetitions)"


def gather(results: Iterable[tuple[Hashable, float]]) -> dict[Hashable, Repeats]:
    """Sum up results by their configuration."""
    values: dict[Hashable, list[float]] = defaultdict(list)
    for key, value in results:
        values[key].append(value)
    return {
        key: Repeats(
            len(found),
            statistics.fmean(found),
            statistics.stdev(found) if len(found) > 1 else None,
        )
        for key, found in values.items()
    }

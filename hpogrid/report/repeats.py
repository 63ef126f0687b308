"""Results that belong together: repetitions of a configuration, and equal configurations."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import NamedTuple

import msgspec

from hpogrid.study.study import Trial
from hpogrid.study.values import as_loss


class Repeats(NamedTuple):
    """What the repetitions of one configuration came to.

    Attributes:
        number: how many have a result.
        failed: how many have none.
        mean: of the results.
        spread: the standard deviation of a sample; None for one result.
    """

    number: int
    failed: int
    mean: float
    spread: float | None

    @property
    def words(self) -> str:
        """Mean and spread, as a sentence has them."""
        spread = "" if self.spread is None else f" ± {self.spread:.2g}"
        failed = f", {self.failed} more failed" if self.failed else ""
        return f"{self.mean:.6g}{spread} ({self.number} repetitions{failed})"


def gather(results: Iterable[tuple[Hashable, float | None]]) -> dict[Hashable, Repeats]:
    """Sum up results by their configuration; None is a repetition that failed."""
    values: dict[Hashable, list[float | None]] = defaultdict(list)
    for key, value in results:
        values[key].append(value)
    found = {}
    for key, members in values.items():
        known = [value for value in members if value is not None]
        if known:
            spread = statistics.stdev(known) if len(known) > 1 else None
            found[key] = Repeats(
                len(known), len(members) - len(known), statistics.fmean(known), spread
            )
    return found


def best_repeats(found: Iterable[Repeats], mode: str) -> Repeats:
    """The best mean; one of fewer results than others have counts only where there is no other.

    The mean of those that survived says how good a configuration is when it does not fail.
    """
    known = list(found)
    most = max(item.number for item in known)
    whole = [item for item in known if item.number == most and not item.failed]
    return min(whole or known, key=lambda item: as_loss(item.mean, mode))


def configuration(trial: Trial) -> bytes:
    """What trials of equal hyperparameters have in common."""
    return msgspec.json.encode(trial.applied, order="sorted")


def by_configuration(found: Iterable[tuple[Trial, float]]) -> list[tuple[Trial, float]]:
    """One observation for each configuration: the first of its trials, the mean of its results.

    A model that has seen one of them knows the others: to call those unseen would flatter it.
    """
    members: dict[bytes, list[tuple[Trial, float]]] = defaultdict(list)
    for trial, value in found:
        members[configuration(trial)].append((trial, value))
    return [(same[0][0], statistics.fmean(value for _, value in same)) for same in members.values()]

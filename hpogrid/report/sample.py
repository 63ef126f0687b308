"""Which trials a plot shows where there are too many, and which ones can be compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from hpogrid.report.repeats import by_configuration
from hpogrid.report.results import Results
from hpogrid.study.study import Trial
from hpogrid.study.values import is_better
from hpogrid.text import counted

T = TypeVar("T")


def choose_rows(
    results: Results, most: int, order: Sequence[int | None] | None = None
) -> list[int]:
    """The rows to show, ascending: all, or the best half, the records, and others at random.

    Args:
        results: sorted best first.
        most: how many rows at most.
        order: what `end_order` gives, where it is known already.
    """
    if len(results) <= most:
        return list(range(len(results)))
    kept = set(range(most // 2))
    order = order or end_order(results)
    for objective in range(len(results.objectives)):
        kept |= set(records(results, order, objective)[-most // 8 :])
    others = [row for row in range(len(results)) if row not in kept]
    return sorted(kept | set(random.Random(0).sample(others, most - len(kept))))


def fair_rows(results: Results, rows: Sequence[int], most: int) -> set[int]:
    """Of rows that `choose_rows` gave, some that count, in which no trial is likelier than another.

    A mean over all chosen rows would be that of the best half.
    """
    chosen = random.Random(0)
    half = 0
    if len(rows) < len(results):
        half = next((place for place, row in enumerate(rows) if row != place), len(rows))
    others = list(rows[half:])
    share = len(others) / max(len(results) - half, 1)
    fair = [row for row in rows[:half] if chosen.random() < share] + others
    if len(fair) > most:
        fair = chosen.sample(fair, most)
    return {row for row in fair if results.counts(row)}


def end_order(results: Results) -> list[int | None]:
    """For each trial its place, from 1, in the order in which they ended; None: it has not."""
    ended = [row for row, trial in enumerate(results.trials) if trial.ended is not None]
    ended.sort(key=lambda row: results.trials[row].ended or 0.0)
    places: list[int | None] = [None] * len(results)
    for place, row in enumerate(ended, 1):
        places[row] = place
    return places


def records(results: Results, order: Sequence[int | None], objective: int = 0) -> list[int]:
    """The trials that were the best in an objective when they ended, first to last."""
    if not results.objectives:
        return []
    mode, values = results.objectives[objective].mode, results.counting_values(objective)
    ended = sorted((place, row) for row, place in enumerate(order) if place is not None)
    found: list[int] = []
    for _, row in ended:
        if row in values and (not found or is_better(values[row], values[found[-1]], mode)):
            found.append(row)
    return found


def thinned(items: list[T], most: int) -> list[T]:
    """So many of them at most, evenly; the first and the last stay."""
    if len(items) <= most:
        return items
    last = len(items) - 1
    return [items[round(index * last / (most - 1))] for index in range(most)]


class Comparable(NamedTuple):
    """One trial of each configuration with the mean of its results, and what is left out."""

    trials: list[Trial]
    values: list[float]
    note: str


def comparable(results: Results, objective: int = 0, fewest: int = 1) -> Comparable:
    """The complete trials; with those that were ended early only where there are fewer than asked.

    What a trial reached after a tenth of the training says how it begins, not how it ends.

    Args:
        results: of a project.
        objective: the number of the objective.
        fewest: so many trials are needed.
    """
    found = [
        (trial, value)
        for trial in results.trials
        if (value := results.value(trial, objective)) is not None
    ]
    complete = [pair for pair in found if pair[0].state == "complete"]
    early = len(found) - len(complete)
    note = ""
    if early and len(by_configuration(complete)) >= fewest:
        found = complete
        note = f"{counted(early, 'trial')} that ended early, after less training, are left out."
    elif early:
        note = (
            f"This mixes {counted(len(complete), 'complete trial')} with {early} that ended early, "
            "after less training: it also says how trials begin."
        )
    known = by_configuration(found)
    return Comparable([trial for trial, _ in known], [value for _, value in known], note)


def early_note(results: Results) -> str:
    """What a plot of all results has to say, where some were ended early; else nothing."""
    early = results.states.get("pruned", 0) if "complete" in results.states else 0
    return f"Hollow: {counted(early, 'trial')} ended early, after less training." if early else ""

"""Which results can be compared: those of trials that trained for as long as they should."""

from __future__ import annotations

from typing import NamedTuple

from hpogrid.report.repeats import by_configuration
from hpogrid.report.results import Results
from hpogrid.study.study import Trial
from hpogrid.text import counted


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

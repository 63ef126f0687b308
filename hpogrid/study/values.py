"""What a value is: a number, the better of two, the value of a trial, the best of many.

Whoever compares results asks here: the search, the budget, tables, pages and exports. Values stay
as they were reported; ``mode`` (``min`` or ``max``) says which way is better.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import NamedTuple

from hpogrid.study.study import Report, Trial

Losses = tuple[float, ...]
"""The values of a trial by objective, each so that smaller is better."""

_NOT_FINITE = ("nan", "inf", "-inf")
"""As JSON has to say it, which knows finite numbers only."""


def number(value: object) -> float | None:
    """A finite number as a float, scalars of NumPy and PyTorch too; None for all else.

    A truth value is no number, and neither is a whole number beyond the range of floats.
    """
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool):
        return None
    if not isinstance(value, Real):
        item = getattr(value, "item", None)
        return number(item()) if callable(item) and getattr(value, "ndim", None) == 0 else None
    try:
        found = float(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def is_missing(value: object) -> bool:
    """Whether a value stands for a number that is not there: null, not finite, or too large."""
    if isinstance(value, str):
        return value in _NOT_FINITE
    if isinstance(value, bool):
        return False
    return value is None or (isinstance(value, int | float) and number(value) is None)


def is_better(value: float, other: float, mode: str) -> bool:
    """Whether a value is strictly better than another one."""
    return value < other if mode == "min" else value > other


def is_as_good(value: float, other: float, mode: str) -> bool:
    """Whether a value is at least as good as another one."""
    return not is_better(other, value, mode)


def as_loss(value: float, mode: str) -> float:
    """The value so that smaller is better: for comparing, never for keeping."""
    return value if mode == "min" else -value


def best_number(values: Iterable[object], mode: str) -> float | None:
    """The best of the numbers among some values; None where there is none."""
    numbers = [found for found in map(number, values) if found is not None]
    return (min if mode == "min" else max)(numbers, default=None)


def objectives(names: Sequence[str], metrics: Mapping[str, object]) -> tuple[float, ...] | None:
    """The numbers of the objectives, or None unless all are there."""
    found = tuple(number(metrics.get(name)) for name in names)
    return None if None in found else found  # type: ignore[return-value]


_NONE_SEEN = "none (one that is only printed needs --metric_regex of the model config)"


def what_is_missing(names: Sequence[str], metrics: Mapping[str, object]) -> str | None:
    """Why a trial with these metrics has failed, or None."""
    for name in names:
        if name not in metrics:
            seen = ", ".join(sorted(metrics)) or _NONE_SEEN
            return f"the metric '{name}' was not reported; metrics seen: {seen}"
        if number(metrics[name]) is None:
            return f"the metric '{name}' is {_shown(metrics[name])}, not a finite number"
    return None


def _shown(value: object) -> str:
    """A value that is no number, so that a text is not taken for one."""
    with contextlib.suppress(ValueError):
        if isinstance(value, str) and math.isfinite(float(value)):
            return f"the text '{value}'"
    return str(value)


def aggregated(
    reports: Sequence[Mapping[str, object]], names: Sequence[str], modes: Sequence[str], rule: str
) -> dict[str, object]:
    """The result of a trial: of every metric the last value, of the objectives what ``rule`` says.

    With ``best`` and one objective all metrics are those of its best report, as far as that has
    them: what stands side by side was reported together. Several objectives have their best
    reports in different places.

    Args:
        reports: what the trial reported, in order.
        names, modes: of the objectives.
        rule: ``last``, ``best`` or ``mean:K``, the mean of the last K reports.
    """
    result: dict[str, object] = {}
    for metrics in reports:
        result.update(metrics)
    if rule == "last" or len(reports) < 2:
        return result
    for name, mode in zip(names, modes, strict=True):
        having = [metrics for metrics in reports if name in metrics]
        if rule == "best":
            best = best_number((metrics[name] for metrics in having), mode)
            if best is not None:
                source = next(metrics for metrics in having if number(metrics[name]) == best)
                result.update(source if len(names) == 1 else {name: source[name]})
        elif having:
            result[name] = _mean([metrics[name] for metrics in having], int(rule[len("mean:") :]))
    return result


def _mean(values: Sequence[object], count: int) -> float:
    """The mean of the last ones; one that left out what is no number would be of something else."""
    numbers = [math.nan if (n := number(value)) is None else n for value in values[-count:]]
    return statistics.fmean(numbers)


def counting_step(reports: Iterable[Report], name: str, mode: str, rule: str) -> int | None:
    """The number of the report whose value is the trial's; None: the last one, whichever it is."""
    if rule != "best":
        return None
    found = [
        (as_loss(value, mode), item.step)
        for item in reports
        if (value := number(item.metrics.get(name))) is not None
    ]
    return min(found)[1] if found else None


WITH_RESULT = ("complete", "pruned")
"""The states in which a trial has a result: it trained to its end, or was ended early."""


def result_of(trial: Trial, name: str) -> float | None:
    """The value of a trial in a metric; None where it has none (yet), or failed."""
    return number(trial.metrics.get(name)) if trial.state in WITH_RESULT else None


def best_first(trials: Iterable[Trial], name: str, mode: str) -> list[Trial]:
    """Trials in the order of their results: see `best_of`; those without a result come last."""

    def place(trial: Trial) -> tuple[bool, bool, float]:
        value = result_of(trial, name)
        loss = 0.0 if value is None else as_loss(value, mode)
        return value is None, trial.state != "complete", loss

    return sorted(trials, key=place)


class Best(NamedTuple):
    """The best trial of some, and its value; ``complete`` is false where it was ended early."""

    trial: Trial
    value: float
    complete: bool


def best_of(trials: Iterable[Trial], name: str, mode: str, best: Best | None = None) -> Best | None:
    """The trial with the best value of a metric.

    A failed trial has no value. One that was ended early counts only where none is complete, for
    what it reached with less training says something else. The first one wins among equals.

    Args:
        trials: to choose from.
        name, mode: of the metric.
        best: of earlier trials, to go on from.
    """
    for trial in trials:
        value = result_of(trial, name)
        if value is None:
            continue
        complete = trial.state == "complete"
        if (
            best is None
            or complete > best.complete
            or (complete == best.complete and is_better(value, best.value, mode))
        ):
            best = Best(trial, value, complete)
    return best

"""How a search stands while it runs: the numbers, and the lines that show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hpogrid.engine.usage import Usage
from hpogrid.report.results import STATES
from hpogrid.report.table import cell_text
from hpogrid.search.base import Mode
from hpogrid.site.base import ACTIVE
from hpogrid.study.study import Trial
from hpogrid.study.values import Best, best_of
from hpogrid.text import bytes_text, counted, harmless_line

MOST_RUNNING = 8
MOST_REASONS = 3
_BAR = 20


class Going(NamedTuple):
    """A trial that runs: since when, how many reports it made, and what the last one said."""

    trial: str
    seconds: float
    reports: int
    last: dict[str, Any]
    usage: Usage | None = None


class Standing(msgspec.Struct, kw_only=True):
    """How a search stands.

    Attributes:
        title: what is looked at.
        jobs: how many are in which state.
        states: how many trials are in which state, in the order of `STATES`.
        finished: how many have come to their end.
        budget: how many there will be; None where that is not known.
        metric: the first objective.
        best: the best trial by it so far.
        going: the trials that run, in the order of their start.
        reasons: why trials failed, most frequent first.
        rate: trials that ended, a minute, while trials ran.
        left: seconds until the budget is spent, as far as that can be told; None: it cannot, or
            no job goes on.
    """

    title: str
    jobs: dict[str, int]
    states: dict[str, int]
    finished: int
    budget: int | None
    metric: str
    best: Best | None
    going: list[Going]
    reasons: list[tuple[str, int]]
    rate: float
    left: float | None


def standing(
    title: str,
    trials: Iterable[Trial],
    now: float,
    *,
    metric: str,
    mode: Mode,
    budget: int | None,
    jobs: Mapping[str, int],
    usage: Mapping[str, Usage] | None = None,
) -> Standing:
    """Look at the trials of a search at a moment, in seconds since the epoch."""
    trials = list(trials)
    counts: Counter[str] = Counter(trial.state for trial in trials)
    ended = [trial for trial in trials if trial.finished]
    running = [trial for trial in trials if trial.state == "running"]
    failed = (trial.reason or "unknown" for trial in trials if trial.state == "failed")
    busy = _busy(trials, now)
    over = bool(jobs) and not any(state in (*ACTIVE, "unknown") for state in jobs)
    todo = None if budget is None or over else budget - len(ended)
    return Standing(
        title=title,
        jobs=dict(jobs),
        states={state: counts[state] for state in STATES if counts[state]},
        finished=len(ended),
        budget=budget,
        metric=metric,
        best=best_of(trials, metric, mode),
        going=[_going(trial, now, (usage or {}).get(trial.id)) for trial in running],
        reasons=Counter(failed).most_common(MOST_REASONS),
        rate=60 * len(ended) / busy if busy else 0.0,
        left=None if todo is None else _left(ended, running, todo, busy, now),
    )


def _going(trial: Trial, now: float, usage: Usage | None) -> Going:
    last = trial.reports[-1] if trial.reports else None
    seconds = max(0.0, now - trial.started)
    return Going(trial.id, seconds, last.step if last else 0, last.metrics if last else {}, usage)


def _busy(trials: Sequence[Trial], now: float) -> float:
    """The seconds in which any trial ran: a pause between two attempts of a job is none."""
    spans = sorted((trial.started, _end(trial, now)) for trial in trials)
    busy, until = 0.0, 0.0
    for start, end in spans:
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return busy


def _end(trial: Trial, now: float) -> float:
    if trial.ended is not None:
        return trial.ended
    known = trial.reports[-1].time if trial.reports else trial.started
    return max(now, known) if trial.state == "running" else known


def _left(
    ended: Sequence[Trial], running: Sequence[Trial], todo: int, busy: float, now: float
) -> float | None:
    """The seconds that the rest takes: its work, at as many trials at once as there were so far.

    Trials that start together end together, so what ended lately says nothing about the rate.
    """
    if todo <= 0:
        return 0.0
    if not ended or not busy:
        return None
    usual = sum(trial.duration for trial in ended) / len(ended)
    since = [max(0.0, now - trial.started) for trial in running]
    at_once = (sum(trial.duration for trial in ended) + sum(since)) / busy
    work = todo * usual - sum(min(seconds, usual) for seconds in since)
    return max(0.0, work) / at_once if at_once else None


# --- as text ---------------------------------------------------------------------------------


def lines(now: Standing, width: int) -> list[str]:
    """A block of lines of at most so many characters."""
    parts = [head(now), _progress(now), *_table(now)]
    parts += [f"  {count} failed: {reason}" for reason, count in now.reasons]
    return [_cut(part, width) for part in parts]


def sentence(now: Standing) -> str:
    """All of it in one line."""
    return "; ".join(filter(None, [head(now), *_facts(now)]))


def head(now: Standing) -> str:
    """What is looked at, and how many trials of how many are done."""
    of = f" of {now.budget}" if now.budget is not None else ""
    done = f"{now.finished}{of} trials done"
    others = [f"{count} {state}" for state, count in now.states.items() if state != "complete"]
    jobs = ", ".join(f"{count} {state}" for state, count in now.jobs.items())
    parts = [f"jobs: {jobs}"] if jobs else []
    return f"{now.title}: " + "; ".join([*parts, ", ".join([done, *others])])


def _progress(now: Standing) -> str:
    facts = "  ".join(_facts(now))
    if not now.budget:
        return f"  {facts}"
    full = round(_BAR * min(1.0, now.finished / now.budget))
    return f"  {'━' * full}{'─' * (_BAR - full)}  {now.finished}/{now.budget}  {facts}"


def _facts(now: Standing) -> list[str]:
    """What is known once the first trial has ended; first what a narrow line has room for."""
    if not now.finished:
        return []
    facts = [f"{clock(now.left)} left"] if now.left else []
    if now.best is not None:
        early = "" if now.best.complete else ", ended early"
        facts.append(
            f"best {now.metric} {cell_text(now.best.value)} (trial {now.best.trial.id}{early})"
        )
    rate = f"{now.rate:.0f}" if now.rate >= 100 else f"{now.rate:.3g}"
    return [*facts, f"{rate} a minute"]


def _table(now: Standing) -> list[str]:
    """The running trials, with columns for what is known of them."""
    if not now.going:
        return []
    used = [item.usage for item in now.going if item.usage]
    heads = ["trial", "time", "reports"]
    heads += ["memory"] if used else []
    heads += ["GPU memory"] if any(item.gpu for item in used) else []
    rows = [_row(item, len(heads) - 3) for item in now.going[:MOST_RUNNING]]
    table = [[*heads, "last report"], *rows]
    widths = [max(len(row[place]) for row in table) for place in range(len(heads))]
    drawn = [
        "  " + "  ".join([text.rjust(width) for text, width in zip(row, widths, strict=False)])
        + f"  {row[-1]}"
        for row in table
    ]  # fmt: skip
    more = len(now.going) - MOST_RUNNING
    return drawn + ([f"  and {counted(more, 'trial')} more that run"] if more > 0 else [])


def _row(item: Going, sizes: int) -> list[str]:
    used = item.usage or Usage(0, 0)
    known = [bytes_text(size) if size else "" for size in used][:sizes]
    last = ", ".join(f"{name} {cell_text(value)}" for name, value in item.last.items())
    return [item.trial, _rough(item.seconds), str(item.reports or ""), *known, last]


def best_words(metric: str, best: Best) -> str:
    """The best trial with its values."""
    trial = best.trial
    values = "  ".join(f"{name}={cell_text(value)}" for name, value in trial.applied.items())
    which = f"trial {trial.id}" if best.complete else f"trial {trial.id}, ended early"
    return f"best {metric}={cell_text(best.value)}  with  {values}  ({which})"


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _rough(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"


def _cut(text: str, width: int) -> str:
    line = harmless_line(text)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"

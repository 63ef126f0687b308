"""What a trial that was run again came to, beside what it came to the first time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hpogrid.study.events import Environment, Metrics
from hpogrid.study.study import Trial
from hpogrid.study.values import number, result_of
from hpogrid.text import counted

MOST_NAMED = 8


class Replay(msgspec.Struct):
    """A trial that was run again.

    Attributes:
        task, name: of the trial that it repeats.
        ran_in: the task of the repetition.
        trial: the repetition.
        environment: in which that ran, where it is known.
    """

    task: int
    name: str
    ran_in: int
    trial: Trial
    environment: Environment | None = None


class Verdict(NamedTuple):
    """Whether two trials are the same to the last bit, and a sentence for each thing to say."""

    equal: bool
    sentences: list[str]


def compare(
    then: Trial,
    now: Trial,
    objectives: Sequence[str],
    environments: tuple[Environment | None, Environment | None],
) -> Verdict:
    """Compare a trial with its repetition.

    Args:
        then, now: the two.
        objectives: the names of the metrics that decide; others are only told of.
        environments: of the two, where they are known.
    """
    before, after = _made(then), _made(now)
    common = sorted(before.keys() & after.keys())
    differs = (
        step
        for step in common
        if any(before[step].get(name) != after[step].get(name) for name in objectives)
    )
    first = next(differs, None)
    sentences = [_ends(then, now, objectives)]
    if common and (then.reports or now.reports or then.state == "pruned"):
        same = f"equal: {counted(len(common), 'report')} that both have made"
        sentences.append(same if first is None else f"differs: its reports, from number {first} on")
    ends = then.metrics, now.metrics
    if then.state == "pruned" and common:  # the end of the other one is of later reports
        ends = before[common[-1]], after[common[-1]]
    if others := _others(*ends, objectives):
        sentences.append(f"other metrics that differ: {_named(others)}")
    sentences.append(_surroundings(then, now, *environments))
    alike = _same_end(then, now, objectives)
    if then.state == "pruned":  # it has only its reports
        alike = bool(common) and now.state != "failed"
    return Verdict(alike and first is None, [sentence for sentence in sentences if sentence])


def _made(trial: Trial) -> dict[int, Metrics]:
    """What a trial reported, by the number of the report; a single one is its result only."""
    found = {item.step: item.metrics for item in trial.reports}
    return found or ({1: trial.metrics} if trial.metrics else {})


def _same_end(then: Trial, now: Trial, names: Sequence[str]) -> bool:
    same = all(result_of(then, name) == result_of(now, name) for name in names)
    return same and then.state == now.state and then.reason == now.reason


def _ends(then: Trial, now: Trial, names: Sequence[str]) -> str:
    if now.state == "failed" or then.state == "failed":
        if then.state == now.state and then.reason == now.reason:
            return f"equal: it failed again for the same reason: {now.reason}"
        return f"differs: it was {_state(then)} then, and is {_state(now)} now"
    if then.state == "pruned":
        return "it was stopped early then, and ran to its end now: its reports are compared"
    parts = []
    for name in names:
        before, after = result_of(then, name), result_of(now, name)
        if before == after:
            parts.append(f"equal: {name} is {_shown(before)} both times")
        else:
            parts.append(f"differs: {name} was {_shown(before)} then, and is {_shown(after)} now")
            parts[-1] += _by(before, after)
    return "; ".join(parts)


def _state(trial: Trial) -> str:
    return f"{trial.state} ({trial.reason})" if trial.reason else trial.state


def _shown(value: float | None) -> str:
    return "without a number" if value is None else repr(value)


def _by(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    part = f", {abs(after - before) / abs(before):.2g} of it" if before else ""
    return f" ({abs(after - before):.3g} {'more' if after > before else 'less'}{part})"


def _others(before: Metrics, after: Metrics, names: Sequence[str]) -> list[str]:
    found = [
        (name, number(before[name]), number(after[name]))
        for name in sorted(before.keys() & after.keys() - set(names))
        if before[name] != after[name]
    ]
    return [f"{name}{_by(old, new)}" for name, old, new in found]


def _surroundings(
    then: Trial, now: Trial, before: Environment | None, after: Environment | None
) -> str:
    if before is None or after is None:
        which = "first run" if before is None else "repetition"
        return f"in what environment the {which} ran is not known: its job did not record it"
    found = differences(before, after)
    if then.host != now.host:
        found.insert(0, f"host {then.host} then, {now.host} now")
    if not found:
        return "environment: the same"
    return f"environment: {_named(found)}"


def differences(before: Environment, after: Environment) -> list[str]:
    """What differs between two environments, a few words each."""
    pairs = [
        ("Python", before.python, after.python),
        ("system", before.system, after.system),
        ("image", before.digest or before.image, after.digest or after.image),
        ("GPUs", ", ".join(before.gpus), ", ".join(after.gpus)),
        ("GPU driver", before.driver, after.driver),
        ("threads", str(before.threads or ""), str(after.threads or "")),
        *(
            (name, before.packages.get(name, ""), after.packages.get(name, ""))
            for name in sorted({*before.packages, *after.packages})
        ),
    ]
    return [
        f"{name} {old or 'none'} then, {new or 'none'} now"
        for name, old, new in pairs
        if old != new
    ]


def _named(found: Sequence[str]) -> str:
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return "; ".join(found[:MOST_NAMED]) + more

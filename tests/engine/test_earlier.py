"""Warm starts: what was found before is told where it holds, and left out where it does not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from hpogrid.engine.earlier import Earlier
from hpogrid.engine.run import Run
from hpogrid.search.base import Outcome
from hpogrid.space.dialects import read_space
from hpogrid.study.history import Past
from tests.engine.test_sharing import WIDE, project, spec

SPACE = read_space(WIDE, "space")[0]
PAST = [Past({"a": n / 20}, (abs(n - 8) / 2,)) for n in range(21)]
"""The best one is a = 0.4, with 0; one in ten has more than 5, and 2.5 is in the middle."""


def told(now: dict[float, Outcome], past: list[Past] = PAST) -> tuple[list[Past], str]:
    """What is told when the configurations come out like this, and the remark."""
    earlier = Earlier(past, SPACE, ("min",))
    assert [point.suggested["a"] for point in earlier.again] == list(now)
    answers = [earlier.learn(point.key, now[float(str(point.suggested["a"]))])
               for point in earlier.again]  # fmt: skip
    assert not any(answers[:-1]), "nothing before all are known"
    return answers[-1], earlier.remark


def test_a_good_a_middling_and_a_bad_one_are_looked_at_again() -> None:
    again = Earlier(PAST, SPACE, ("min",)).again
    assert [point.suggested["a"] for point in again] == [0.4, 0.15, 0.9]
    again = Earlier(PAST, SPACE, ("max",)).again
    assert again[0].suggested["a"] == 1.0


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_what_holds_is_told(noise: float) -> None:
    now = {0.4: Outcome((noise,)), 0.15: Outcome((2.5 - noise,)), 0.9: Outcome((5.0,))}
    assert told(now) == (PAST, "")


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (
            (9.0, 2.5, 0.0),
            "21 results) is left out: evaluated again, 0 became 9, 2.5 became 2.5, 5 ",
        ),
        ((1.0, 3.5, 6.0), "0 became 1, 2.5 became 3.5, 5 became 6"),  # on another level
        ((0.0, 2.5, None), "5 became a failure"),
        ((0.0, 2.5, math.nan), "5 became nan"),
    ],
)
def test_what_does_not_hold_is_left_out(now: tuple[float | None, ...], words: str) -> None:
    outcomes = [Outcome(None if value is None else (value,)) for value in now]
    found, remark = told(dict(zip((0.4, 0.15, 0.9), outcomes, strict=True)))
    assert found == []
    assert words in remark


def test_of_a_worse_trial_that_was_cut_nobody_knows() -> None:
    whole = {0.4: Outcome((0.0,)), 0.15: Outcome((2.5,)), 0.9: Outcome((5.0,))}
    assert told(whole | {0.15: Outcome((30.0,), cut=True)}) == (PAST, "")
    assert told(whole | {0.4: Outcome((0.0,), cut=True)})[0] == [], "the best one goes to its end"


def test_what_was_found_of_the_very_same_is_not_looked_at_again(tmp_path: Path) -> None:
    past = [Past(item.suggested, item.values, same=True) for item in PAST]
    assert Earlier(past, SPACE, ("min",)).again == []
    assert known(Run(project(WIDE, algorithm="gp"), spec(tmp_path), (), past)) == len(past)


def test_few_results_and_none() -> None:
    assert told({0.3: Outcome((2.0,))}, [Past({"a": 0.3}, (2.0,))])[0]
    failed = [Past({"a": 0.3}, None), Past({"a": 0.4}, (math.nan,))]
    earlier = Earlier(failed, SPACE, ("min",))
    assert earlier.again == []
    assert earlier.learn(b"any", Outcome((1.0,))) == failed
    assert earlier.learn(b"any", Outcome((1.0,))) == []


def test_each_of_several_metrics_is_to_hold() -> None:
    past = [Past({"a": n / 10}, (float(n), 100.0 - n * n)) for n in range(11)]
    for second, holds in ((100.0, True), (80.0, False)):
        earlier = Earlier(past, SPACE, ("min", "max"))
        values = {point.key: (float(str(point.suggested["a"])) * 10) for point in earlier.again}
        answers = [earlier.learn(key, Outcome((n, second - n * n))) for key, n in values.items()]
        assert bool(answers[-1]) is holds


def evaluate(run: Run, sign: float) -> float:
    """One trial with the loss that was found before, or with its contrary."""
    assignment = run.next()
    assert assignment is not None
    a = float(str(assignment.config["a"]))
    run.report(assignment.trial, {"loss": sign * abs(a - 0.4) * 10})
    run.finish(assignment.trial)
    return a


def known(run: Run) -> int:
    searcher: Any = run.state.proposer.searcher
    return len(searcher._history)


@pytest.mark.parametrize(("sign", "count"), [(1.0, 21), (-1.0, 0)])
def test_a_search_is_told_after_its_first_trials_also_when_it_is_resumed(
    tmp_path: Path, sign: float, count: int
) -> None:
    config = project(WIDE, algorithm="gp", scheduler="none")
    run = Run(config, spec(tmp_path), (), PAST)
    assert [evaluate(run, sign) for _ in range(2)] == [0.4, 0.15]
    assert known(run) == 2
    run.close()
    run = Run(config, spec(tmp_path), (), PAST)
    assert known(run) == 2
    assert evaluate(run, sign) == 0.9
    assert known(run) == 3 + count
    run.close()
    again = Run(config, spec(tmp_path), (), PAST)
    assert known(again) == 3 + count
    assert ("is left out" in again.state.reason) is (count == 0)

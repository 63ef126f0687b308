from __future__ import annotations

import math
from typing import Any

import numpy
import pytest

from hpogrid.study.values import (
    aggregated,
    best_number,
    best_of,
    is_better,
    number,
    objectives,
    what_is_missing,
)
from tests.report.studies import make_trial

NAN = math.nan


@pytest.mark.parametrize("value", [1, 1.5, -0.0, 2**70, numpy.float32(1.5), numpy.int64(3)])
def test_finite_numbers_are_numbers(value: Any) -> None:
    assert number(value) == float(value)


@pytest.mark.parametrize("value", [True, None, "1", NAN, math.inf, 10**400, [1.0], 1j, numpy.True_])
def test_all_else_is_none(value: Any) -> None:
    assert number(value) is None


def test_the_mode_says_which_one_is_better() -> None:
    assert is_better(1, 2, "min")
    assert is_better(2, 1, "max")
    assert not is_better(1, 1, "min")
    assert best_number([NAN, 2, True, 1, 10**400], "max") == 2
    assert best_number([NAN], "max") is None


def test_objectives_are_there_together_or_not_at_all() -> None:
    assert objectives(["a", "b"], {"a": 1, "b": 2.5}) == (1.0, 2.5)
    assert objectives(["a", "b"], {"a": 1, "b": NAN}) is None
    assert what_is_missing(["a"], {"b": 1}) == "the metric 'a' was not reported; metrics seen: b"
    assert what_is_missing(["a"], {"a": NAN}) == "the metric 'a' is nan, not a finite number"


def reports(*values: float) -> list[dict[str, object]]:
    return [{"loss": value, "epoch": place} for place, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("rule", "values", "loss", "epoch"),
    [
        ("last", (2, 1, 3), 3, 3),
        ("best", (2, 1, 3), 1, 2),
        ("best", (NAN, 2, NAN), 2, 2),
        ("best", (NAN, NAN), NAN, 2),
        ("mean:2", (9, 1, 3), 2, 3),
        ("mean:5", (1, 3), 2, 2),
        ("mean:2", (2, 0.5, NAN, NAN), NAN, 4),
    ],
)
def test_the_value_of_a_trial(
    rule: str, values: tuple[float, ...], loss: float, epoch: int
) -> None:
    found = aggregated(reports(*values), ["loss"], ["min"], rule)
    assert found == pytest.approx({"loss": loss, "epoch": epoch}, nan_ok=True)


def test_each_of_several_objectives_has_a_best_report_of_its_own() -> None:
    made: list[dict[str, object]] = [{"loss": 1, "acc": 0.1}, {"loss": 2, "acc": 0.3}]
    assert aggregated(made, ["loss", "acc"], ["min", "max"], "best") == {"loss": 1, "acc": 0.3}


def test_the_best_of_trials_is_complete_where_one_is() -> None:
    failed = make_trial("0-1", state="failed", metrics={"loss": -9.0})
    pruned = make_trial("0-2", state="pruned", metrics={"loss": 0.0})
    complete = make_trial("0-3", metrics={"loss": 1.0})
    odd = make_trial("0-4", metrics={"loss": 10**400})
    best = best_of(
        [failed, pruned, odd, complete, make_trial("0-5", metrics={"loss": 1.0})], "loss", "min"
    )
    assert best is not None
    assert (best.trial.id, best.value, best.complete) == ("0-3", 1.0, True)
    early = best_of([failed, pruned], "loss", "min")
    assert early is not None
    assert (early.trial.id, early.complete) == ("0-2", False)
    assert best_of([failed], "loss", "min") is None

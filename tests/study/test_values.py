from __future__ import annotations

import math
from typing import Any

import numpy
import pytest

from hpogrid.study.series import series
from hpogrid.study.study import Report
from hpogrid.study.values import (
    aggregated,
    as_loss,
    best_first,
    best_number,
    best_of,
    counting_step,
    is_as_good,
    is_better,
    is_missing,
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
    none = "the metric 'a' was not reported; metrics seen: none (one that is only printed needs "
    assert what_is_missing(["a"], {}) == none + "--metric_regex of the model config)"
    assert what_is_missing(["a"], {"b": 1}) == "the metric 'a' was not reported; metrics seen: b"
    assert what_is_missing(["a"], {"a": NAN}) == "the metric 'a' is nan, not a finite number"
    assert (
        what_is_missing(["a"], {"a": "1"}) == "the metric 'a' is the text '1', not a finite number"
    )


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


class Scalar:
    """As libraries have them: of no dimension, and with a Python number inside."""

    def __init__(self, value: object, ndim: int = 0) -> None:
        self.value, self.ndim = value, ndim

    def item(self) -> object:
        return self.value


def test_a_scalar_of_a_library_is_what_it_holds() -> None:
    assert number(Scalar(2.5)) == 2.5
    assert number(Scalar(True)) is None
    assert number(Scalar(NAN)) is None
    assert number(Scalar(2.5, ndim=1)) is None
    assert number(type("Named", (), {"item": 3.0, "ndim": 0})()) is None


@pytest.mark.parametrize("value", [None, "nan", "inf", "-inf", NAN, -math.inf, 10**400])
def test_what_stands_for_a_number_that_is_not_there(value: object) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 1.5, True, False, "text", "", [], {}])
def test_what_is_there(value: object) -> None:
    assert not is_missing(value)


def test_a_loss_is_better_when_smaller() -> None:
    assert (as_loss(3.0, "min"), as_loss(3.0, "max")) == (3.0, -3.0)
    assert is_as_good(1, 1, "min")
    assert is_as_good(1, 1, "max")
    assert not is_as_good(2, 1, "min")
    assert not is_as_good(1, 2, "max")


@pytest.mark.parametrize(("mode", "order"), [("min", "2 1 3 4 5"), ("max", "1 2 4 3 5")])
def test_results_are_ordered_and_trials_without_one_come_last(mode: str, order: str) -> None:
    trials = [
        make_trial("0-5", state="failed", metrics={"loss": -9.0}),
        make_trial("0-4", state="pruned", metrics={"loss": 9.0}),
        make_trial("0-3", state="pruned", metrics={"loss": -8.0}),
        make_trial("0-1", metrics={"loss": 5.0}),
        make_trial("0-2", metrics={"loss": 4.0}),
    ]
    found = best_first(trials, "loss", mode)
    assert " ".join(trial.id[2:] for trial in found) == order


def test_the_report_that_counts_is_the_first_of_the_best() -> None:
    given = [Report(n, 0.0, {"loss": x}) for n, x in enumerate([3.0, 1.0, NAN, 1.0, 2.0], 1)]
    assert counting_step(given, "loss", "min", "best") == 2
    assert counting_step(given, "loss", "max", "best") == 1
    assert counting_step(given, "other", "min", "best") is None
    assert counting_step(given, "loss", "min", "last") is None
    assert counting_step(given, "loss", "min", "mean:3") is None


def test_a_single_report_is_the_result_by_every_rule() -> None:
    for rule in ("last", "best", "mean:3"):
        assert aggregated([{"loss": 2, "epoch": 1}], ["loss"], ["min"], rule) == {
            "loss": 2, "epoch": 1,
        }  # fmt: skip
    given: list[dict[str, object]] = [{"loss": 1.0}, {"loss": 3.0}, {"epoch": 3}]
    assert aggregated(given, ["loss"], ["max"], "best") == {"loss": 3.0, "epoch": 3}
    assert aggregated(given, ["loss"], ["max"], "mean:1") == {"loss": 3.0, "epoch": 3}


def test_the_best_goes_on_from_earlier_trials() -> None:
    known = best_of([make_trial("0-1", metrics={"loss": 2.0})], "loss", "min")
    for loss, state, better in ((3.0, "complete", "0-1"), (1.0, "pruned", "0-1"),
                                (1.0, "complete", "0-2")):  # fmt: skip
        found = best_of(
            [make_trial("0-2", state=state, metrics={"loss": loss})], "loss", "min", known
        )
        assert found is not None
        assert found.trial.id == better
    running = make_trial("0-3", state="running", metrics={"loss": -1.0})
    assert best_of([running], "loss", "min") is None


def test_a_series_has_every_number_and_the_result_where_it_is_another() -> None:
    given = [Report(1, 10.0, {"loss": 3.0, "note": "x"}), Report(2, 11.0, {"loss": 1.0, "acc": 1})]
    trial = make_trial("0-1", metrics={"loss": 2.0, "acc": 1}, reports=given, ended=12.0)
    assert [tuple(point) for point in series(trial)] == [
        ("loss", 3.0, 10.0, 1), ("loss", 1.0, 11.0, 2), ("acc", 1.0, 11.0, 2),
        ("loss", 2.0, 12.0, 3),
    ]  # fmt: skip
    silent = make_trial("0-2", metrics={"loss": 0.0}, started=5.0, ended=None)
    assert [tuple(point) for point in series(silent)] == [("loss", 0.0, 5.0, 1)]

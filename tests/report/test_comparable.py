"""Trials that trained for less are no evidence of what a full training comes to."""

from __future__ import annotations

import random

from hpogrid.report.analysis.features import make_features
from hpogrid.report.charts import draw
from hpogrid.report.charts.model import Line
from hpogrid.report.importance import rank_hyperparameters
from hpogrid.report.page import page_data
from hpogrid.report.results import Origin, Results
from hpogrid.report.sample import comparable
from tests.report.studies import LOSS, make_study, make_trial


def halved(complete: int, early: int) -> Results:
    """After full training only ``a`` counts, before that only ``b``."""
    rng = random.Random(1)
    trials = []
    for number in range(complete + early):
        point = {"a": rng.random(), "b": rng.random()}
        state = "complete" if number < complete else "pruned"
        loss = point["a"] if state == "complete" else 20 * point["b"] - 30
        trials.append(make_trial(f"0-{number}", applied=point, metrics={"loss": loss}, state=state))
    return Results("p", [(Origin(), make_study(trials))], objectives=LOSS)


def test_importance_is_that_of_complete_trials() -> None:
    found, note = rank_hyperparameters(halved(30, 60))
    assert found is not None
    assert found.names[0] == "a"
    assert found.trials == 30
    assert "60 trials that ended early, after less training, are left out." in note


def test_where_few_are_complete_what_is_mixed_is_said() -> None:
    found, note = rank_hyperparameters(halved(5, 60))
    assert found is not None
    assert "This mixes 5 complete trials with 60 that ended early" in note


def test_the_analysis_takes_complete_trials() -> None:
    features = make_features(halved(30, 60))
    assert len(features.target) == 30
    assert features.note.startswith("60 trials that ended early")


def test_slices_and_contour_say_what_their_marks_mix() -> None:
    results = halved(30, 60)
    for name in ("slices", "contour"):
        assert draw(results, name)[0].note.startswith("Hollow: 60 trials ended early")
    assert page_data(results)["early"].startswith("Hollow: 60 trials ended early")
    [chart] = draw(results, "distribution")
    [line] = chart.layers
    assert isinstance(line, Line)
    assert len(line.x) == 30, "of the complete ones alone"


def test_without_early_ends_nothing_is_said() -> None:
    assert comparable(halved(30, 0)).note == ""
    assert draw(halved(30, 0), "slices")[0].note == ""

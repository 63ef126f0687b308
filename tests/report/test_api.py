from __future__ import annotations

import sys
from pathlib import Path

import pytest

import hpogrid
from hpogrid.errors import UserError
from hpogrid.report.api import LoadedStudy
from hpogrid.report.results import Objective, Origin, Results
from tests.report.studies import LOSS, SPACE, make_study, make_trial, sampled_study, store, submit


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_project_is_loaded() -> None:
    submit(store(), [3, 1, 2])
    study = hpogrid.load_study("p")
    assert (study.name, len(study)) == ("p", 3)
    assert study.best == {"lr": 0.01, "seed": 7}
    assert study.best_value == 1
    assert "3 trials: 3 complete" in repr(study)


def test_another_metric_can_be_asked_for() -> None:
    submit(store(), [3, 1, 2])
    assert hpogrid.load_study("p", metric="loss", mode="max").best_value == 3
    with pytest.raises(UserError, match="unknown project"):
        hpogrid.load_study("q")


def test_trials_are_a_data_frame(results: Results) -> None:
    frame = LoadedStudy(results).trials
    assert list(frame.columns[:8]) == [*SPACE.parameters, "loss", "acc"]
    assert {"state", "taskid", "time_s", "trial.seed"} <= set(frame.columns)
    assert len(frame) == 200
    assert frame["loss"].iloc[0] == frame["loss"].min()


def test_every_plot_is_a_plotly_figure(results: Results) -> None:
    objectives = (*LOSS, Objective("acc", "max"))
    study = LoadedStudy(
        Results("two", [(Origin(), sampled_study(60))], objectives=objectives, space=SPACE)
    )
    names = [name for name in dir(study) if name.startswith("plot_")]
    assert len(names) == 11
    for name in names:
        figure = getattr(study, name)()
        assert figure.data, name
        assert figure.to_json()


def test_a_plot_without_data_is_refused() -> None:
    single = [make_trial("0-0", applied={"x": 1}, metrics={"loss": 1})]
    study = LoadedStudy(Results("p", [(Origin(), make_study(single))], objectives=LOSS))
    for plot, why in (
        (study.plot_importance, "'importance': Not measured: it needs 20 configurations"),
        (study.plot_contour, "'contour': it needs two hyperparameters that differ"),
        (study.plot_curves, "'curves': no trial has reported more than once"),
        (study.plot_pareto, "'pareto': only one metric is optimised"),
    ):
        with pytest.raises(UserError, match=f"nothing to draw for {why}"):
            plot()
    failed = [make_trial("0-0", state="failed", applied={"x": 1})]
    study = LoadedStudy(Results("p", [(Origin(), make_study(failed))], objectives=LOSS))
    with pytest.raises(UserError, match="no trial has a result"):
        study.plot_importance()


def test_reporting_from_a_script_works_beside_the_package_of_that_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert vars(hpogrid)["report"] is sys.modules["hpogrid.report"]
    hpogrid.report(loss=1.5)
    assert "loss" in capsys.readouterr().out
    with pytest.raises(TypeError, match="report needs metrics"):
        hpogrid.report()

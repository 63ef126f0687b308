from __future__ import annotations

import io
import json
import random
import re
from typing import Any

import pytest

from hpogrid.report.htmlfile import HtmlWriter
from hpogrid.report.importance import importance
from hpogrid.report.page import MOST_TRIALS, page_data
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.study.study import Report
from tests.report.studies import LOSS, SPACE, make_study, make_trial, sampled_study


def page(results: Results) -> str:
    stream = io.BytesIO()
    HtmlWriter().write(results, stream)
    return stream.getvalue().decode()


def embedded(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def simple(*trials: Any, **options: Any) -> Results:
    return Results("p", [(Origin(id=1), make_study(trials))], **{"objectives": LOSS, **options})


def test_the_data_survive_being_embedded() -> None:
    trial = make_trial("0-0", applied={"x": "</script><!--"}, metrics={"loss": 1})
    html = page(simple(trial))
    assert embedded(html)["columns"][0]["categories"] == ["</script><!--"]
    assert html.count("</script>") == 2


def test_the_page_asks_for_nothing_outside(results: Results) -> None:
    html = page(results)
    assert "default-src 'none'" in html
    assert re.findall(r"(?:src|href)=[\"'](?!#)", html) == []
    assert set(re.findall(r"https?://[^\"'\s]+", html)) == {"http://www.w3.org/2000/svg"}


def test_the_summary(results: Results) -> None:
    data = page_data(results)
    assert sum(data["states"].values()) == 200
    assert data["best"]["value"] == results.trials[0].metrics["loss"]
    assert json.loads(data["best"]["config"]) == results.trials[0].applied
    assert dict(data["failures"]).keys() == {"CUDA out of memory", "no value of 'loss'"}
    assert sum(dict(data["failures"]).values()) == data["states"]["failed"]
    assert data["spent"]["jobs"] == 3
    assert data["tasks"] == [{"id": 12, "site": "local", "seconds": 900.0, "trials": 200}]


def test_columns_carry_scales_and_values(results: Results) -> None:
    columns = {column["name"]: column for column in page_data(results)["columns"]}
    assert columns["lr"]["scale"] == "log"
    assert columns["momentum"]["scale"] == "reverse log"
    assert columns["activation"]["categories"] == ["relu", "tanh", "none"]
    first = results.trials[0]
    assert columns["lr"]["values"][0] == pytest.approx(first.applied["lr"], rel=1e-6)
    assert columns["units"]["values"][0] == first.applied["units"]


def test_numbers_that_lie_close_together_keep_what_tells_them_apart() -> None:
    energies = [-1076.0234 + 1e-9 * number for number in range(20)]
    trials = [
        make_trial(
            f"0-{number}",
            applied={"momentum": 1 - 1e-12 * (number + 1), "x": number / 7},
            metrics={"loss": energy},
            reports=[Report(step, 0.0, {"loss": energy + 1e-10 / step}) for step in (1, 2)],
        )
        for number, energy in enumerate(energies)
    ]
    data = page_data(simple(*trials, space=SPACE))
    columns = {column["name"]: column["values"] for column in data["columns"]}
    assert columns["loss"] == pytest.approx(energies, rel=1e-15)
    assert columns["momentum"] == [trial.applied["momentum"] for trial in trials]
    assert columns["x"][1] == 0.1428571
    ends = [line["y"][-1] for line in data["charts"]["curves"][0]["layers"]]
    assert len(set(ends)) == 20


@pytest.mark.slow
def test_many_trials_are_sampled_and_the_best_and_every_record_kept() -> None:
    rng = random.Random(1)
    losses = [100 / (index + 1) + rng.random() for index in range(MOST_TRIALS + 500)]
    trials = [
        make_trial(
            f"0-{index}", applied={"x": index}, metrics={"loss": loss},
            started=1000.0 + index, ended=1001.0 + index,
        )
        for index, loss in enumerate(losses)
    ]  # fmt: skip
    data = page_data(simple(*trials))
    shown = set(data["trials"]["id"])
    assert len(shown) == MOST_TRIALS
    assert data["left_out"] == 500
    assert data["states"] == {"complete": MOST_TRIALS + 500}
    best = sorted(range(len(losses)), key=losses.__getitem__)[: MOST_TRIALS // 2]
    assert {f"0-{index}" for index in best} <= shown
    records = [i for i, loss in enumerate(losses) if loss == min(losses[: i + 1])]
    assert {f"0-{index}" for index in records} <= shown
    history = data["charts"]["history"][0]
    orders = dict(zip(data["trials"]["id"], history["x"]["values"], strict=True))
    assert orders["0-0"] == 1
    best = history["layers"][1]["rows"]
    assert [data["trials"]["id"][row] for row in best] == [f"0-{index}" for index in records]
    timeline = data["charts"]["timeline"]
    assert timeline["note"] == "10000 of 10500 trials are drawn, so there are gaps."
    assert timeline["layers"][0]["end"] == pytest.approx(
        [ended / 3600 for ended in data["trials"]["ended"]], abs=1e-5
    )


@pytest.mark.slow
def test_the_page_of_ten_thousand_trials_is_small() -> None:
    study = sampled_study(10_000)
    results = Results("big", [(Origin(id=1), study)], objectives=LOSS, space=SPACE)
    assert len(page(results)) < 5e6


def test_learning_curves_are_thinned_and_keep_their_ends() -> None:
    reports = [Report(step, 0.0, {"loss": 1 / step}) for step in range(1, 1001)]
    lonely = make_trial("0-1", metrics={"loss": 2}, reports=[Report(1, 0.0, {"loss": 2})])
    data = page_data(simple(make_trial("0-0", metrics={"loss": 0.001}, reports=reports), lonely))
    chart = data["charts"]["curves"][0]
    (line,) = chart["layers"]
    assert line["row"] == 0
    assert (line["x"][0], line["x"][-1], len(line["x"])) == (1, 1000, 100)
    assert (chart["y"]["scale"], line["y"][-1]) == ("log", -3)


def test_of_many_curves_the_best_and_others_at_random_are_shown() -> None:
    def data(count: int) -> Any:
        reports = [Report(step, 0.0, {"loss": float(step)}) for step in (1, 2)]
        trials = [make_trial(f"0-{i}", metrics={"loss": i}, reports=reports) for i in range(count)]
        return page_data(simple(*trials))["charts"]["curves"][0]

    every = data(200)
    assert (len(every["layers"]), every["note"]) == (200, "Dashed: stopped early.")
    some = data(300)
    rows = [line["row"] for line in reversed(some["layers"])]
    assert len(set(rows)) == 200
    assert rows[:100] == list(range(100))
    assert max(rows) > 200
    assert some["note"].endswith("Shown are the best 100 of 300 and others at random.")


def test_without_an_objective_there_is_still_a_page() -> None:
    data = page_data(simple(make_trial("0-0", metrics={"a": 1}), objectives=()))
    assert data["best"] is None
    assert data["charts"]["importance"] == []


def test_a_metric_without_a_number_is_not_to_be_chosen() -> None:
    metrics = {"loss": 1, "a": "inf", "b": "nan", "c": 2, "d": 10**400}
    data = page_data(simple(make_trial("0-0", metrics=metrics)))
    assert [item["name"] for item in data["reported"]] == ["c"]
    assert {"a", "b", "c", "d"} <= {column["name"] for column in data["columns"]}


def test_reasons_that_are_many_are_summed_up() -> None:
    trials = [make_trial(f"0-{i}", state="failed", reason=f"reason {i}") for i in range(20)]
    failures = page_data(simple(*trials))["failures"]
    assert len(failures) == 16
    assert failures[-1] == ("5 other reasons", 5)


# --- importance ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_importance_finds_the_order_of_known_effects(seed: int) -> None:
    rng = random.Random(seed)
    rows = [[rng.random() for _ in range(4)] for _ in range(150)]
    values = [3 * abs(a - 0.4) + b + rng.gauss(0, 0.1) for a, b, _, _ in rows]
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = importance(["a", "b", "c", "d"], columns, values)
    assert found is not None
    assert found.names[:2] == ["a", "b"]
    assert sum(found.mean) == pytest.approx(found.explained)
    assert all(
        low <= mean <= high
        for low, mean, high in zip(found.low, found.mean, found.high, strict=True)
    )
    assert found.explained > 0.5
    assert max(found.mean[2:]) < 0.1


def test_importance_says_that_noise_is_noise() -> None:
    rng = random.Random(0)
    columns = [[rng.random() for _ in range(100)] for _ in range(3)]
    found = importance(["a", "b", "c"], columns, [rng.random() for _ in range(100)])
    assert found is not None
    assert found.explained < 0.1
    assert max(found.mean) < 0.1


def test_importance_takes_missing_values_and_outliers() -> None:
    rng = random.Random(0)
    column = [None if index % 2 else rng.random() for index in range(60)]
    values = [1e30 if item is None else item for item in column]
    found = importance(["a"], [column], values)
    assert found is not None
    assert found.mean == [found.explained]
    assert found.explained > 0.5


def test_importance_is_refused_with_the_reason() -> None:
    few = [make_trial(f"0-{i}", applied={"x": i}, metrics={"loss": i}) for i in range(5)]
    assert "needs 20 configurations with a result; there are 5" in note(few)
    same = [make_trial(f"0-{i}", applied={"x": i}, metrics={"loss": 1}) for i in range(30)]
    assert "loss is the same in all trials" in note(same)
    fixed = [make_trial(f"0-{i}", applied={"x": 1}, metrics={"loss": i}) for i in range(30)]
    assert "it needs 20 configurations with a result; there is 1." in note(fixed)


def note(trials: list[Any]) -> str:
    found: str = page_data(simple(*trials))["charts"]["importance"][0]["note"]
    return found


def test_importance_is_measured_for_every_objective(results: Results) -> None:
    parts = [(Origin(), sampled_study(100))]
    objectives = (*LOSS, Objective("acc", "max"))
    data = page_data(Results("p", parts, objectives=objectives, space=SPACE))
    names = [chart["y"]["categories"] for chart in data["charts"]["importance"]]
    assert [found[-1] for found in names] == ["lr", "lr"]

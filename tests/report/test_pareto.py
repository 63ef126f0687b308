"""Several objectives: the front, its hypervolume, and where they are shown."""

from __future__ import annotations

import itertools
import json
import math
import random

import pytest

from hpogrid.report import pareto
from hpogrid.report.pareto import front, growth, hypervolume
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.study.study import Study
from hpogrid.study.values import Losses
from tests.commands import ok, parsed, refused
from tests.projects import store_project
from tests.report.studies import make_trial


def by_inclusion_and_exclusion(points: list[Losses]) -> float:
    """What points of the unit cube dominate, from all intersections of their boxes."""
    total = 0.0
    for count in range(1, len(points) + 1):
        for some in itertools.combinations(points, count):
            corner = map(max, *some) if count > 1 else some[0]
            total -= (-1) ** count * math.prod(1 - value for value in corner)
    return total


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_the_hypervolume_is_that_of_all_boxes_together(objectives: int) -> None:
    rng = random.Random(objectives)
    inner = [tuple(rng.random() for _ in range(objectives)) for _ in range(8)]
    corners = [
        tuple(float(place != axis) for place in range(objectives)) for axis in range(objectives)
    ]
    expected = by_inclusion_and_exclusion(inner)
    assert hypervolume([*inner, *corners]) == pytest.approx(expected)
    moved = [tuple(10 * value - 3 for value in point) for point in [*inner, *corners]]
    assert hypervolume([None, *moved, None]) == pytest.approx(expected)


def test_simple_fronts() -> None:
    assert hypervolume([]) == hypervolume([None]) == 0.0
    assert hypervolume([(0.0, 0.0), (1.0, 1.0)]) == 1.0
    assert hypervolume([(0.0, 1.0), (1.0, 0.0)]) == 0.0
    assert hypervolume([(0.0, 1.0), (1.0, 0.0), (0.5, 0.5)]) == 0.25
    assert hypervolume([(2.0, 5.0)]) == 1.0
    assert front([(1.0, 2.0), None, (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)]) == [0, 2, 4]


def test_a_long_front_takes_no_time() -> None:
    count = 400
    points = [(place / count, 1 - place / count) for place in range(count + 1)]
    assert hypervolume(points) == pytest.approx(0.5, abs=0.01)


def test_results_say_what_is_on_the_front() -> None:
    values = [(1.0, 0.5), (2.0, 0.9), (3.0, 0.7), (4.0, 0.1)]
    study = Study()
    for number, (loss, accuracy) in enumerate(values):
        trial = make_trial(f"0-{number}", metrics={"loss": loss, "accuracy": accuracy})
        study.trials[trial.id] = trial
    objectives = [Objective("loss", "min"), Objective("accuracy", "max")]
    results = Results("p", [(Origin(), study)], objectives=objectives)
    assert results.names[-1] == "pareto"
    assert [row[-1] for row in results.rows()] == [True, True, False, False]
    assert [row[-1] for row in results.rows(1, 3)] == [True, False]
    assert "2 on the Pareto front, hypervolume 0.833" in results.summary
    alone = Results("p", [(Origin(), study)], objectives=objectives[:1])
    assert "pareto" not in alone.names
    assert "Pareto" not in alone.summary


TWO = """
    def train(config):
        x = config["x"]
        return {"cost": x * x, "gain": -(x - 1) ** 2}
"""


@pytest.mark.parametrize(
    ("algorithm", "param"),
    [
        ("random", {}),
        ("nevergrad", {}),
        ("optuna", {"sampler": "nsga2", "population_size": 8}),
        ("optuna", {}),
        pytest.param("optuna", {"sampler": "gp"}, marks=pytest.mark.engine),
        pytest.param("ax", {"n_initial_points": 12}, marks=pytest.mark.engine),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_a_search_with_two_objectives(algorithm: str, param: dict[str, object]) -> None:
    store_project(
        TWO, metric="cost,gain", mode="min,max", algorithm=algorithm, algorithm_param=param,
        trials=16, space={"x": {"method": "uniform", "dimension": {"low": -4, "high": 4}}},
    )  # fmt: skip
    ok("local_run", "p")
    rows = parsed("report", "p", "--format", "json")
    best = [row for row in rows if row["pareto"]]
    assert len(rows) == 16
    assert best
    for row in rows:
        beaten = any(other["cost"] < row["cost"] and other["gain"] > row["gain"] for other in rows)
        assert row["pareto"] != beaten


@pytest.mark.parametrize(
    ("algorithm", "param"),
    [("hyperopt", "{}"), ("skopt", "{}"), ("smac", "{}"), ("bohb", "{}"),
     ("bayesian", "{}"), ("optuna", '{"sampler": "cmaes"}')],
)  # fmt: skip
def test_the_others_refuse_several_objectives(algorithm: str, param: str) -> None:
    metrics = ("--metric", "a,b", "--mode", "min,max")
    chosen = ("--algorithm", algorithm, "--algorithm_param", param)
    sentence = refused("hpo_config", "create", "h", *chosen, *metrics)
    assert "this algorithm handles 1 metric, not 2" in sentence
    assert "optuna" in sentence


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_hypervolume_grows_to_what_it_is(objectives: int) -> None:
    rng = random.Random(objectives)
    trials: list[Losses | None] = [
        None if rng.random() < 0.1 else tuple(rng.random() for _ in range(objectives))
        for _ in range(60)
    ]
    steps = growth(trials)
    assert steps[-1][1] == pytest.approx(hypervolume(trials))
    assert [volume for _, volume in steps] == sorted(volume for _, volume in steps)
    known = [losses for losses in trials if losses is not None]
    corners: list[Losses] = [tuple(map(max, zip(*known, strict=True)))]
    lowest = [min(values) for values in zip(*known, strict=True)]
    for axis in range(objectives):  # they make the box, and dominate nothing in it
        corner = list(corners[0])
        corner[axis] = lowest[axis]
        corners.append(tuple(corner))
    for place, volume in steps:
        assert hypervolume([*trials[: place + 1], *corners]) == pytest.approx(volume)


def test_of_many_steps_some_are_left_out_and_never_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials: list[Losses | None] = [(1 - n / 100, n / 100) for n in range(100)]
    whole = growth(trials)
    assert len(whole) == 100
    monkeypatch.setattr(pareto, "MOST_STEPS", 30)
    some = growth(trials)
    assert len(some) == 25
    assert set(some) < set(whole)
    assert some[-1] == whole[-1]
    assert growth([]) == growth([None]) == []

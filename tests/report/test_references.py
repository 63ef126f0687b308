"""What others have under the same name is computed beside ours."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy
import pytest

from hpogrid.report.analysis.features import make_features
from hpogrid.report.analysis.fit import fanova
from hpogrid.report.compare.charts import band
from hpogrid.report.compare.model import Entrant, Replicate, Step, quantile
from hpogrid.report.importance import rank_hyperparameters
from hpogrid.report.pareto import front, hypervolume
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.study.values import Losses
from tests.report.studies import make_study, make_trial


def point_sets(count: int) -> list[list[Losses]]:
    """Sets of points with two to four objectives; some values are equal."""
    rng = random.Random(11)
    sets: list[list[Losses]] = []
    for _ in range(count):
        objectives, size = rng.randint(2, 4), rng.randint(1, 20)
        sets.append(
            [
                tuple(rng.choice([rng.random(), rng.randint(0, 3)]) for _ in range(objectives))
                for _ in range(size)
            ]
        )
    return sets


def test_the_hypervolume_is_that_of_optuna() -> None:
    from optuna._hypervolume import compute_hypervolume

    for points in point_sets(150):
        values = numpy.array(points)
        low, high = values.min(axis=0), values.max(axis=0)
        unit = (values - low) / numpy.where(high > low, high - low, 1.0)
        theirs = compute_hypervolume(unit, numpy.ones(values.shape[1]))
        assert hypervolume(points) == pytest.approx(theirs, abs=1e-12)


def test_the_front_is_what_nothing_dominates() -> None:
    for points in point_sets(150):
        values = numpy.array(points)
        beaten = [
            any(bool((other <= one).all() and (other < one).any()) for other in values)
            for one in values
        ]
        assert front(points) == [place for place, lost in enumerate(beaten) if not lost]


def test_the_hypervolume_of_the_largest_numbers() -> None:
    assert hypervolume([(-1.7e308, 1.7e308), (1.7e308, -1.7e308), (0.0, 0.0)]) == 0.25


def test_quantiles_and_bands_are_those_of_numpy() -> None:
    rng = random.Random(4)
    runs = [[rng.random() for _ in range(30)] for _ in range(7)]
    replicates = []
    for seed, values in enumerate(runs):
        best = numpy.minimum.accumulate(values)
        steps = [
            Step(i + 1, i + 1.0, float(v)) for i, v in enumerate(best) if i == 0 or v < best[i - 1]
        ]
        replicates.append(Replicate(1, None, seed, 30, 30.0, False, False, steps))
    found = band(Entrant("a", replicates), "trials", "min")
    table = numpy.minimum.accumulate(numpy.array(runs), axis=1)
    rows = [int(x) - 1 for x in found.x]
    for share, column in ((0.25, found.low), (0.5, found.median), (0.75, found.high)):
        assert column == pytest.approx(list(numpy.quantile(table[:, rows], share, axis=0)))
        assert quantile(sorted(runs[0]), share) == pytest.approx(numpy.quantile(runs[0], share))


# --- sensitivities -------------------------------------------------------------------------


def linear(point: dict[str, float]) -> float:
    """First-order shares of the variance: 0.762, 0.190, 0.048, 0."""
    return 4 * point["a"] + 2 * point["b"] + point["c"]


def ishigami(point: dict[str, float]) -> float:
    """First-order shares 0.314, 0.442, 0 (Ishigami and Homma, 1990)."""
    x, y, z = (math.pi * (2 * point[name] - 1) for name in "abc")
    return math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)


def sampled(function: Any, count: int = 300) -> Results:
    rng = random.Random(2)
    trials = []
    for index in range(count):
        point = {name: rng.random() for name in "abcd"}
        trials.append(
            make_trial(f"0-{index}", applied=dict(point), metrics={"loss": function(point)})
        )
    return Results("p", [(Origin(), make_study(trials))], objectives=(Objective("loss", "min"),))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("function", "shares"),
    [
        (linear, {"a": 0.762, "b": 0.190, "c": 0.048, "d": 0.0}),
        (ishigami, {"a": 0.314, "b": 0.442, "c": 0.0, "d": 0.0}),
    ],
)
def test_fanova_finds_the_shares_of_known_functions(
    function: Any, shares: dict[str, float]
) -> None:
    import optuna

    results = sampled(function, 1000)
    found = {name: share.mean for name, share in fanova(make_features(results), 0).items()}
    for name, share in shares.items():
        assert found[name] == pytest.approx(share, abs=0.12)
    study = optuna.create_study()
    unit = optuna.distributions.FloatDistribution(0, 1)
    study.add_trials(
        optuna.trial.create_trial(
            params=trial.applied,
            distributions=dict.fromkeys("abcd", unit),
            value=trial.metrics["loss"],
        )
        for trial in results.trials
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    theirs = optuna.importance.get_param_importances(study, evaluator=evaluator)
    leading = [name for name, share in shares.items() if share > 0.1]
    assert sorted(leading, key=lambda n: -found[n]) == sorted(leading, key=lambda n: -theirs[n])


@pytest.mark.engine
def test_permutation_importance_is_that_of_scikit_learn() -> None:
    """On ranks, with a forest of theirs: the order is the same, the shares are near."""
    from scipy.stats import rankdata
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.inspection import permutation_importance

    results = sampled(linear)
    table = numpy.array([[trial.applied[name] for name in "abcd"] for trial in results.trials])
    target = rankdata([trial.metrics["loss"] for trial in results.trials]) / len(table)
    order = numpy.random.default_rng(0).permutation(len(table))
    table, target = table[order], target[order]
    forest = ExtraTreesRegressor(200, random_state=0).fit(table[:200], target[:200])
    theirs = permutation_importance(forest, table[200:], target[200:], n_repeats=20, random_state=0)
    shares = theirs.importances_mean / theirs.importances_mean.sum()
    found, _ = rank_hyperparameters(results)
    assert found is not None
    assert found.names[:2] == ["a", "b"]
    ours = {
        name: mean / found.explained for name, mean in zip(found.names, found.mean, strict=True)
    }
    for name, share in zip("abcd", shares, strict=True):
        assert ours[name] == pytest.approx(share, abs=0.1)

"""Fit an Explainable Boosting Machine, and ask it."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Sequence
from typing import Any

from hpogrid.registry import require
from hpogrid.report.analysis.features import Feature, Features, make_features
from hpogrid.report.analysis.model import Analysis, Effect, Local, Pair, Share, Value
from hpogrid.report.importance import rank_hyperparameters
from hpogrid.report.results import Results

FOLDS = 5
_BAGS, _FOLD_BAGS = 8, 4
_MOST_ROUNDS = 2000
"""A bag that goes on for longer learns nothing more, and may take a hundred times as long."""
_FORESTS = 5
_BACKGROUND = 128
_GRID = 24


def analyse(results: Results, *, interactions: int = 5, top: int = 4, seed: int = 0) -> Analysis:
    """Explain the first objective of a project.

    Args:
        results: what was found.
        interactions: how many pairs of hyperparameters to look for.
        top: how many of the best trials to explain one by one.
        seed: of everything random.

    Raises:
        UserError: too few trials (the number needed is said), or the library is missing.
    """
    require("interpret.glassbox", extra="analysis", what="analyze")
    features = make_features(results)
    pairs = min(interactions, math.comb(len(features.given), 2))
    model = _fitted(features, range(len(features.target)), pairs, seed)
    scores = _cross_validate(features, pairs, seed)
    chosen = results.objectives[0]
    singles, doubles = _terms(model, features)
    return Analysis(
        project=results.name,
        metric=chosen.name,
        mode=chosen.mode,
        target=features.target_name,
        trials=len(features.target),
        note=features.note,
        r2=_share(scores),
        folds=len(scores),
        intercept=features.center + features.unit * _number(model.intercept_),
        effects=sorted(singles, key=lambda effect: -effect.share.mean),
        pairs=sorted(doubles, key=lambda pair: -pair.share.mean),
        locals=_locals(model, features, top),
        fanova=fanova(features, seed),
        permutation=_permutation(results),
    )


def _fitted(
    features: Features, rows: Sequence[int], pairs: int, seed: int, bags: int = _BAGS
) -> Any:
    glassbox = require("interpret.glassbox", extra="analysis", what="analyze")
    model = glassbox.ExplainableBoostingRegressor(
        feature_names=[item.name for item in features.given],
        feature_types=[item.kind for item in features.given],
        interactions=pairs,
        outer_bags=bags,
        max_rounds=_MOST_ROUNDS,
        min_samples_leaf=max(2, len(rows) // 50),
        n_jobs=1,
        random_state=seed,
    )
    learned = features.learned
    target = [learned[row] for row in rows]
    with warnings.catch_warnings():  # about few rows for many bins: R² says that better
        warnings.simplefilter("ignore")
        return model.fit(_frame(features, rows), target)


def _frame(features: Features, rows: Sequence[int]) -> Any:
    numpy = require("numpy", extra="analysis", what="analyze")
    frame = numpy.empty((len(rows), len(features.given)), dtype=object)
    for index, item in enumerate(features.given):
        frame[:, index] = [item.column[row] for row in rows]
    return frame


def _cross_validate(features: Features, pairs: int, seed: int) -> list[float]:
    """R² of each fold on the configurations that its model has not seen."""
    selection = require("sklearn.model_selection", extra="analysis", what="analyze")
    metrics = require("sklearn.metrics", extra="analysis", what="analyze")
    learned = features.learned
    found = []
    for train, test in selection.KFold(FOLDS, shuffle=True, random_state=seed).split(learned):
        model = _fitted(features, [int(row) for row in train], pairs, seed, _FOLD_BAGS)
        truth = [learned[row] for row in test]
        found.append(float(metrics.r2_score(truth, model.predict(_frame(features, test)))))
    return found


def _share(values: Sequence[float]) -> Share:
    return Share(statistics.fmean(values), statistics.pstdev(values))


def _number(value: Any) -> float:
    """A float from a number or an array of one."""
    return float(value if isinstance(value, float | int) else value.reshape(-1)[0])


# --- what the model says -------------------------------------------------------------------


def _terms(model: Any, features: Features) -> tuple[list[Effect], list[Pair]]:
    shares = _term_shares(model)
    explained = model.explain_global()
    singles: list[Effect] = []
    doubles: list[Pair] = []
    for number, term in enumerate(model.term_features_):
        data = explained.data(number)
        own = [features.given[index] for index in term]
        if len(own) == 1:
            singles.append(_effect(features, own[0], data, shares[number]))
        else:
            doubles.append(_pair(features, own, data, shares[number]))
    return singles, doubles


def _term_shares(model: Any) -> list[Share]:
    """The part of each term of all absolute effects: its mean and deviation over the bags."""
    bags: list[list[float]] = []
    for bag in range(len(model.bagged_intercept_)):
        sizes = []
        for scores, weights in zip(model.bagged_scores_, model.bin_weights_, strict=True):
            sizes.append(float((abs(scores[bag]) * weights).sum() / weights.sum()))
        total = sum(sizes) or 1.0
        bags.append([size / total for size in sizes])
    return [_share(column) for column in zip(*bags, strict=True)]


def _effect(features: Features, feature: Feature, data: dict[str, Any], share: Share) -> Effect:
    score = [features.unit * float(item) for item in data["scores"]]
    std = [
        features.unit * float(high - low) / 2
        for high, low in zip(data["upper_bounds"], data["lower_bounds"], strict=True)
    ]
    peak = max(range(len(score)), key=score.__getitem__)
    values = _values(feature, data["names"])
    best = values[peak]
    if feature.kind == "continuous":
        best = feature.nearest(float(data["names"][peak] + data["names"][peak + 1]) / 2)
    return Effect(feature.name, feature.kind, share, values, score, std, best)


def _values(feature: Feature, names: Sequence[Any]) -> list[Value]:
    """Categories, or edges of intervals, in the hyperparameter's own units."""
    if feature.kind == "nominal":
        return list(map(str, names))
    return [feature.axis.value(float(edge)) for edge in names]


def _pair(features: Features, both: Sequence[Feature], data: dict[str, Any], share: Share) -> Pair:
    first, second = both
    across, up = _values(first, data["left_names"]), _values(second, data["right_names"])
    score = [[features.unit * float(cell) for cell in row] for row in data["scores"]]
    return Pair((first.name, second.name), share, across, up, score)


def _locals(model: Any, features: Features, top: int) -> list[Local]:
    rows = list(range(min(top, len(features.trials))))
    learned = features.learned
    explained = model.explain_local(_frame(features, rows), [learned[row] for row in rows])
    found = []
    for row in rows:
        data = explained.data(row)
        scores = {
            name: features.unit * float(score)
            for name, score in zip(data["names"], data["scores"], strict=True)
        }
        trial = features.trials[row]
        predicted = features.center + features.unit * float(data["perf"]["predicted"])
        found.append(Local(trial.id, trial.applied, features.target[row], predicted, scores))
    return found


# --- other opinions ------------------------------------------------------------------------


def _permutation(results: Results) -> dict[str, Share]:
    found, _ = rank_hyperparameters(results)
    if found is None:
        return {}
    triples = zip(found.names, found.mean, found.low, found.high, strict=True)
    return {name: Share(mean, (high - low) / 4) for name, mean, low, high in triples}


def fanova(features: Features, seed: int) -> dict[str, Share]:
    """Functional analysis of variance: how much a forest's mean over all others varies.

    Each forest sees a sample of its own, and all of that: a second one for each tree would make
    it blind to what changes quickly.
    """
    numpy = require("numpy", extra="analysis", what="analyze")
    ensemble = require("sklearn.ensemble", extra="analysis", what="analyze")
    table = numpy.array([_coded(item.column) for item in features.given], dtype=float).T
    target = numpy.array(features.learned)
    rng = numpy.random.default_rng(seed)
    rounds: list[list[float]] = []
    for number in range(_FORESTS):
        rows = rng.integers(0, len(target), len(target))
        forest = ensemble.RandomForestRegressor(
            64, bootstrap=False, max_features=0.7, random_state=seed + number
        )
        forest.fit(table[rows], target[rows])
        base = numpy.column_stack([rng.choice(column, _BACKGROUND) for column in table.T])
        rounds.append([_marginal(forest, base, table[:, i], i, rng) for i in range(table.shape[1])])
    columns = zip(*rounds, strict=True)
    return {item.name: _share(column) for item, column in zip(features.given, columns, strict=True)}


def _marginal(forest: Any, base: Any, values: Any, index: int, rng: Any) -> float:
    """The part of the variance that the mean over all others has along one hyperparameter."""
    numpy = require("numpy", extra="analysis", what="analyze")
    chosen = rng.choice(values, min(_GRID, len(values)), replace=False)
    stacked = numpy.repeat(base, len(chosen), axis=0)
    stacked[:, index] = numpy.tile(chosen, len(base))
    found = forest.predict(stacked).reshape(len(base), len(chosen))
    whole = float(found.var())
    return float(found.mean(axis=0).var()) / whole if whole else 0.0


def _coded(column: list[Any]) -> list[float]:
    """Categories as numbers, in the order of their names."""
    if not isinstance(column[0], str):
        return column
    codes = {name: float(code) for code, name in enumerate(sorted(set(column)))}
    return [codes[item] for item in column]

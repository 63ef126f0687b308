from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hpogrid.cli.main import run
from hpogrid.errors import UserError
from hpogrid.report.analysis.draw import pictures, write_analysis
from hpogrid.report.analysis.features import make_features
from hpogrid.report.analysis.fit import analyse
from hpogrid.report.analysis.model import Analysis, Effect, Local, Pair, Share
from hpogrid.report.importance import rank_hyperparameters
from hpogrid.report.load import load_sources, make_results, read_path
from hpogrid.report.results import Objective, Origin, Results
from hpogrid.search.base import Mode
from tests.report.studies import LOSS, SPACE, make_study, make_trial, sampled_study


def results_of(trials: list[Any], mode: Mode = "min") -> Results:
    return Results("p", [(Origin(), make_study(trials))], objectives=(Objective("loss", mode),))


def synthetic(seed: int, count: int = 70, mode: Mode = "min") -> Results:
    """A loss that ``a`` decides with its minimum at 0.3, then ``c``, then ``b``; ``d`` nothing."""
    rng = random.Random(seed)
    trials = []
    for index in range(count):
        point: dict[str, Any] = {
            "a": rng.random(),
            "b": rng.random(),
            "c": rng.choice("xyz"),
            "d": rng.random(),
        }
        loss = (
            4 * abs(point["a"] - 0.3) + 0.4 * point["b"] + (point["c"] == "y") + rng.gauss(0, 0.05)
        )
        value = loss if mode == "min" else -loss
        trials.append(make_trial(f"0-{index}", applied=point, metrics={"loss": value}))
    return results_of(trials, mode)


# --- what the model learns from --------------------------------------------------------------


def test_features_are_typed_and_the_target_is_larger_for_better_trials() -> None:
    results = Results("p", [(Origin(), sampled_study(100))], objectives=LOSS, space=SPACE)
    features = make_features(results)
    kinds = {item.name: item.kind for item in features.given}
    assert kinds == {
        "lr": "continuous", "units": "continuous", "momentum": "continuous",
        "activation": "nominal", "layers": "nominal",
    }  # fmt: skip
    assert features.target_name == "-loss"
    assert features.target == sorted(features.target, reverse=True)
    lr = next(item for item in features.given if item.name == "lr")
    place = lr.column[0]
    assert isinstance(place, float)
    assert lr.axis.value(place) == pytest.approx(features.trials[0].applied["lr"])


def test_a_skewed_metric_is_explained_by_its_logarithm() -> None:
    trials = [
        make_trial(f"0-{i}", applied={"x": i}, metrics={"loss": 10 ** (i / 8)}) for i in range(40)
    ]
    features = make_features(results_of(trials))
    assert features.target_name == "-log10(loss)"
    assert features.target[0] == 0
    assert features.target[-1] == pytest.approx(-39 / 8)


def test_a_hyperparameter_that_some_trials_lack_is_nominal() -> None:
    trials = [
        make_trial(f"0-{i}", applied={"x": i, "y": None if i % 2 else i}, metrics={"loss": i})
        for i in range(40)
    ]
    features = make_features(results_of(trials))
    assert [item.kind for item in features.given] == ["continuous", "nominal"]
    assert set(features.given[1].column) == {"none", "below 20", "20 or above"}


@pytest.mark.parametrize(
    ("count", "changes", "message"),
    [
        (11, {}, "needs 12 configurations with a result; 'p' has 11"),
        (40, {"loss": 1}, "nothing to explain"),
        (40, {"loss": None}, "no trial of 'p' has a result of 'loss'"),
        (40, {"x": 1}, "nothing to explain"),
    ],
)
def test_too_little_is_refused(count: int, changes: dict[str, Any], message: str) -> None:
    rows = [{"x": i, "loss": i, **changes} for i in range(count)]
    trials = [
        make_trial(f"0-{i}", applied={"x": row["x"]}, metrics={"loss": row["loss"]})
        for i, row in enumerate(rows)
    ]
    with pytest.raises(UserError, match=message):
        make_features(results_of(trials))


# --- the pictures ----------------------------------------------------------------------------


def by_hand() -> Analysis:
    share = Share(0.5, 0.1)
    return Analysis(
        project="p", metric="loss", mode="min", target="-loss", trials=30, r2=Share(0.2, 0.1),
        folds=5, intercept=1.0,
        effects=[
            Effect("a/b", "continuous", share, [1e-4, 1e-3, 1.0], [1.0, -1.0], [0.1, 0.1], 5e-4),
            Effect("c", "nominal", share, ["x", "y"], [1.0, -1.0], [0.1, 0.1], "x"),
        ],
        pairs=[Pair(("a/b", "c"), share, [1e-4, 1e-3, 1.0], ["x", "y"], [[0, 1], [1, 0]])],
        locals=[Local("0-1", {"a/b": 0.5, "c": "x"}, 2.0, 1.9, {"a/b": 1.0, "a/b & c": -0.1})],
        fanova={"a/b": share}, permutation={},
    )  # fmt: skip


@pytest.mark.slow
def test_pictures_and_numbers_are_written(tmp_path: Path) -> None:
    paths = write_analysis(by_hand(), str(tmp_path / "x"))
    assert [path.name for path in paths] == [
        "x.json", "x_global.png", "x_effect_a-b.png", "x_effect_c.png", "x_pair_a-b_c.png",
        "x_local_1.png",
    ]  # fmt: skip
    assert all(path.stat().st_size > 500 for path in paths)
    numbers = json.loads(paths[0].read_text())
    assert numbers["effects"][0]["values"] == [1e-4, 1e-3, 1.0]


def test_every_picture_has_a_name_of_its_own() -> None:
    share = Share(0.5, 0.1)
    names = ("é", "β", "a b", "a-b", "A b")
    effects = [Effect(name, "nominal", share, ["x"], [1.0], [0.1], "x") for name in names]
    found = [name for name, _ in pictures(replace(by_hand(), effects=effects, pairs=[], locals=[]))]
    assert found[1:] == ["effect_x", "effect_x_2", "effect_a-b", "effect_a-b_2", "effect_A-b_3"]


def test_pictures_say_when_not_to_rely_on_them() -> None:
    notes = [chart.note for _, chart in pictures(by_hand())]
    assert all("too little to rely on this" in note for note in notes)


# --- folders of the grid-search recipe -------------------------------------------------------


def write_models(folder: Path, count: int = 24) -> None:
    rng = random.Random(0)
    for index in range(1, count + 1):
        model = folder / str(index)
        model.mkdir(parents=True)
        layers, rate = rng.choice(["4:2", "6:3"]), rng.randint(1, 30) / 10_000
        (model / "hyperparams.txt").write_text(
            f'num_layers={layers}\ninitial_learning_rate={rate}\nextra="--a=b"\n\n'
        )
        best = 30 + 5 * (layers == "6:3") + rng.random()
        lines = [
            f"{step}\tbleu-val={best - abs(step - 2)}\tperplexity-val={40 - best}"
            f"\ttime-elapsed={60 * step}"
            for step in (1, 2, 3)
        ]
        (model / "metrics").write_text("\n".join(lines) + "\n")


def test_a_checkpoint_that_diverged_is_never_the_best_one(tmp_path: Path) -> None:
    for name, lines in (("a", "1\tacc=nan\n2\tacc=0.95\n"), ("b", "1\tacc=nan\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hyperparams.txt").write_text("lr=0.1\n")
        (tmp_path / name / "metrics").write_text(lines)
    good, bad = read_path(tmp_path, [Objective("acc", "max")]).study
    assert (good.state, good.metrics["acc"]) == ("complete", 0.95)
    assert (bad.state, bad.metrics) == ("failed", {})


def test_folders_of_models_are_read_like_trials(tmp_path: Path) -> None:
    write_models(tmp_path / "models")
    broken = tmp_path / "models" / "7" / "metrics"
    broken.write_text("what is this\n")
    (source,) = load_sources(str(tmp_path / "models"))
    results = make_results([source], extra=["perplexity-val", "time_s"])
    assert results.objectives == (Objective("bleu-val", "max"),)
    assert results.names[:4] == ["num_layers", "initial_learning_rate", "extra", "bleu-val"]
    assert len(results) == 23
    assert "7: 'what is this' is no line of metrics; left out" in source.warnings[0]
    first = next(results.rows())
    assert first[0] == "6:3"
    assert first[2] == "--a=b"
    assert first[-1] == pytest.approx(180)
    assert len(results.trials[0].reports) == 3


def test_the_best_checkpoint_is_the_one_of_the_metric_that_is_asked_for(tmp_path: Path) -> None:
    write_models(tmp_path, count=2)
    (tmp_path / "1" / "metrics").write_text(
        "1\tbleu-val=9\tperplexity-val=5\n2\tbleu-val=8\tperplexity-val=3\n"
    )
    usual = read_path(tmp_path).study.trials["1"]
    asked = read_path(tmp_path, [Objective("perplexity-val", "min")]).study.trials["1"]
    assert usual.metrics["bleu-val"] == 9
    assert asked.metrics["perplexity-val"] == 3


# --- the model itself ------------------------------------------------------------------------


@pytest.mark.engine
@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_known_effects_of_a_synthetic_objective_are_recovered(mode: Mode) -> None:
    analysis = analyse(synthetic(0, 90, mode), interactions=1, top=2)
    effects = {effect.name: effect for effect in analysis.effects}
    assert [effect.name for effect in analysis.effects][:2] == ["a", "c"]
    assert effects["a"].best == pytest.approx(0.3, abs=0.12)
    worst = min(zip(effects["c"].score, effects["c"].values, strict=True))[1]
    assert worst == "y"
    assert analysis.r2.mean > 0.7
    assert analysis.reliable
    assert all(share.mean <= 1 for share in analysis.fanova.values())
    assert max(analysis.fanova, key=lambda name: analysis.fanova[name].mean) == "a"
    assert next(iter(analysis.permutation)) == "a"
    best = analysis.locals[0]
    assert best.actual == pytest.approx(analysis.intercept + sum(best.scores.values()), abs=0.5)


@pytest.mark.engine
def test_the_order_of_importance_is_right_for_six_seeds() -> None:
    for seed in range(6):
        found = analyse(synthetic(seed), interactions=0)
        assert [effect.name for effect in found.effects][:3] == ["a", "c", "b"]


def noise(repetitions: int) -> Results:
    """Of 40 points each has a value of its own that nothing explains, seen several times."""
    rng = random.Random(3)
    points = [({"a": rng.random(), "b": rng.random()}, rng.gauss(0, 1)) for _ in range(40)]
    seen = [pair for pair in points for _ in range(repetitions)]
    return results_of(
        [
            make_trial(f"0-{i}", applied=dict(point), metrics={"loss": value + rng.gauss(0, 0.05)})
            for i, (point, value) in enumerate(seen)
        ]
    )


def test_repetitions_are_one_observation() -> None:
    features = make_features(noise(5))
    assert len(features.target) == len({trial.applied["a"] for trial in features.trials}) == 40


def test_permutation_explains_no_noise_that_was_seen_before() -> None:
    found, _ = rank_hyperparameters(noise(5))
    assert found is not None
    assert found.explained < 0.3


@pytest.mark.engine
def test_noise_that_is_repeated_explains_nothing_on_unseen_configurations() -> None:
    assert not analyse(noise(5)).reliable


@pytest.mark.engine
@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e300])
def test_an_analysis_is_the_same_in_another_unit(unit: float) -> None:
    rng = random.Random(5)
    points = [{"a": rng.random(), "b": rng.random()} for _ in range(80)]
    trials = [
        make_trial(
            f"0-{i}",
            applied=dict(point),
            metrics={"loss": unit * (1 + point["a"] + 0.1 * point["b"])},
        )
        for i, point in enumerate(points)
    ]
    found = analyse(results_of(trials), interactions=0)
    assert found.fanova["a"].mean > 0.8
    assert found.fanova["b"].mean < 0.2
    assert found.r2.mean > 0.7
    first = found.locals[0]
    assert first.predicted == pytest.approx(first.actual, rel=0.3)
    assert first.predicted == pytest.approx(found.intercept + sum(first.scores.values()), rel=1e-3)


@pytest.mark.engine
def test_the_command_reads_the_models_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_models(tmp_path / "models")
    assert run(["analyze", "models", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert rows[0]["hyperparameter"] == "num_layers"
    assert rows[0]["best"] == "6:3"
    assert "R² on unseen trials" in err
    assert (tmp_path / "hpo_analysis.json").is_file()
    assert (tmp_path / "hpo_analysis_effect_num_layers.png").is_file()

"""Second document: types of a configuration space, scripts, definitions with overrides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpogrid import Experiment
from hpogrid.space.dialects import python_types as ours
from hpogrid.space.dialects import read_space, read_space_file
from tests.commands import ok
from tests.trial.test_public_scripts import SCRIPTS, SPACE, line, reported, search

MAX_RESOURCE_ATTR = "epochs"

EVERY_TYPE = {
    "uniform": (0.0, 0.99),
    "loguniform": (1e-6, 1.0),
    "randint": (16, 48),
    "lograndint": (1, 100),
    "choice": (["adam", "sgd"],),
    "ordinal": ([1, 2, 5, 10],),
    "logordinal": ([1, 10, 100],),
    "finrange": (0.1, 1.0, 10),
    "logfinrange": (8, 512, 7, True),
    "reverseloguniform": (0.5, 0.99),
    "quniform": (0.0, 1.0, 0.25),
    "qloguniform": (1.0, 64.0, 1.0),
    "qrandint": (0, 100, 10),
    "qlograndint": (10, 1000, 10),
}


@pytest.mark.engine
def test_every_type_of_syne_tune_means_the_same_as_ours() -> None:
    """As text, as our objects and as Syne Tune's, and both draw from the same values."""
    import numpy as np
    from syne_tune import config_space as theirs

    text = ", ".join(f"'{name}': {name}{args!r}" for name, args in EVERY_TYPE.items())
    text = text.replace(",)", ")")
    objects = {name: getattr(theirs, name)(*args) for name, args in EVERY_TYPE.items()}
    space = read_space(objects, "theirs")[0]
    assert space == read_space("{" + text + "}", "text")[0]
    assert space == read_space({n: ours.TYPES[n](*a) for n, a in EVERY_TYPE.items()}, "ours")[0]
    state = np.random.RandomState(1)
    for name, item in space.parameters.items():
        drawn = [objects[name].sample(random_state=state) for _ in range(300)]
        for value in drawn:
            item.encode(value)  # refuses what is not in the space
        if name in ("finrange", "logfinrange", "quniform", "qrandint"):
            assert sorted(set(drawn)) == pytest.approx(list(item.values() or ()))


@pytest.mark.engine
def test_types_of_ray_tune() -> None:
    from ray import tune

    space = read_space(
        {
            "lr": tune.loguniform(1e-4, 1e-1), "dropout": tune.uniform(0, 1),
            "layers": tune.randint(1, 4), "width": tune.choice([32, 64]),
            "kind": tune.grid_search(["a", "b"]), "noise": tune.randn(0, 2),
            "step": tune.quniform(0, 1, 0.5), "batch": tune.qrandint(10, 35, 10), "epochs": 9,
        },
        "ray",
    )[0]  # fmt: skip
    native = space.to_json()["parameters"]
    assert native["layers"]["scale"] == {"kind": "linear", "low": 1, "high": 3}
    assert native["kind"]["grid"] is True
    assert native["noise"]["scale"] == {"kind": "normal", "mu": 0, "sigma": 2}
    assert list(space.parameters["step"].values() or ()) == [0, 0.5, 1]
    assert list(space.parameters["batch"].values() or ()) == [10, 20, 30]
    with pytest.raises(Exception, match=r"'f': .*a function cannot be searched"):
        read_space({"f": tune.sample_from(lambda spec: 1)}, "ray")


def test_the_space_of_a_script_is_read_from_it() -> None:
    script = SCRIPTS / "syne_tune_end.py"
    assert list(read_space_file(script, "s")[0].parameters) == ["lr", "dropout", "batch_size"]
    text = (
        "from syne_tune.config_space import randint\nEPOCHS = 'epochs'\nMOST = 27\n"
        "space: dict = {'n': randint(1, MOST), EPOCHS: MOST}\nother = {'a': 1}\n"
        "def train(config):\n    return config['n']\n"
    )
    found = read_space(text, "s")[0].to_json()["parameters"]
    assert found["n"]["scale"]["high"] == found["epochs"]["value"] == 27
    twice = text + "more = {'m': randint(1, 2)}\n"
    with pytest.raises(Exception, match="there are several spaces in it: space, more"):
        read_space(twice, "s", "python_types")


DEFAULTS: dict[str, Any] = {
    "script": str(SCRIPTS / "syne_tune_epochs.py"),
    "config_space": {
        "lr": ours.loguniform(1e-3, 0.4),
        "dropout": ours.uniform(0, 0.9),
        MAX_RESOURCE_ATTR: 9,
    },
    "max_wallclock_time": 3600 * 5,
    "n_workers": 4,
    "metric": "val_loss",
    "mode": "min",
    "max_resource_attr": MAX_RESOURCE_ATTR,
    "resource_attr": "epoch",
}


def benchmark(**kwargs: Any) -> Experiment:
    """A definition: defaults, which keyword arguments overwrite."""
    return Experiment(**{**DEFAULTS, **kwargs})


def test_a_definition_whose_defaults_can_be_overwritten() -> None:
    project = benchmark().store()
    assert project.hpo_config.time_limit == 18000
    assert project.hpo_config.max_concurrent == 4
    assert project.hpo_config.stop == {"epoch": 9}
    assert project.hpo_config.scheduler_param["max_t"] == 9
    other = benchmark(n_workers=2, trials=3).override(["--max_wallclock_time", "60"])
    assert (other.n_workers, other.max_wallclock_time) == (2, 60.0)
    several = benchmark(metric=["val_loss", "epoch"], mode=["min", "max"], scheduler="none")
    assert several.store().hpo_config.modes == ("min", "max")


@pytest.mark.engine
def test_a_definition_runs() -> None:
    points = [{"lr": 0.1}]
    experiment = benchmark(trials=9, n_workers=2, points_to_evaluate=points, seed=1).override(
        ["--scheduler", "asynchyperband", "--hpo", '{"scheduler_param": {"reduction_factor": 3}}']
    )
    result = experiment.run()
    assert (result.finished, result.failed) == (9, 0)
    trials = list(experiment.results().results.trials)
    (first,) = [trial for trial in trials if trial.id == "0-1"]
    assert first.applied == {"lr": 0.1, "dropout": 0.45, "epochs": 9}
    assert {trial.state for trial in trials} == {"complete", "pruned"}
    for trial in trials:
        assert trial.metrics["val_loss"] == pytest.approx(
            line(trial.applied, len(reported(trial, "val_loss"))), abs=1e-4
        )


JSON_SCRIPT = """
from argparse import ArgumentParser
from syne_tune import Reporter
from syne_tune.utils import add_config_json_to_argparse, load_config_json

parser = ArgumentParser()
parser.add_argument("--batches", type=int)
add_config_json_to_argparse(parser)
args, _ = parser.parse_known_args()
config = load_config_json(vars(args))
Reporter()(val_loss=config["lr"], shape=sum(config["shape"]))
"""


@pytest.mark.engine
def test_the_input_as_a_json_file(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(JSON_SCRIPT)
    space = {
        "lr": SPACE["lr"],
        "shape": {"method": "categorical", "dimension": {"categories": [[1, 2], [3, 4]]}},
    }
    command = "python train.py --batches 3 --st_config_json_filename {json}"
    trials = search(tmp_path, space, command=command, trials=3)
    for trial in trials:
        shape = trial.applied["shape"]
        assert shape in ([1, 2], [3, 4])
        assert trial.metrics == {
            "val_loss": trial.applied["lr"],
            "shape": 3 if shape == [1, 2] else 7,
        }


ADDED = """
from argparse import ArgumentParser
import hpogrid
from hpogrid.space.dialects.python_types import choice, loguniform

_config_space = {"lr": loguniform(1e-6, 1), "bias": choice([True, False])}
parser = ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
hpogrid.add_to_argparse(parser, _config_space)
args = parser.parse_args()
for epoch in range(args.epochs):
    hpogrid.report(val_loss=args.lr + (1 if args.bias else 0), bias=args.bias)
"""


def test_add_to_argparse_in_a_trial(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ADDED)
    ok("search_space", "create", "s", "--file", tmp_path / "train.py")
    ok("hpo_config", "create", "h", "--metric", "val_loss", "--mode", "min", "--trials", "4",
       "--stop", "{}", "--seed", "3", "-c1")  # fmt: skip
    ok("model_config", "create", "m", "--script", "train.py")
    ok("grid_config", "create", "g", "--site", "local")
    ok("project", "create", "p", "--scripts_path", tmp_path / "train.py", "--model_config", "m",
       "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip
    ok("local_run", "p")
    rows = json.loads(ok("report", "p", "--extra", "state", "--format", "json"))
    assert {row["bias"] for row in rows} == {True, False}
    for row in rows:
        assert row["val_loss"] == pytest.approx(row["lr"] + row["bias"])

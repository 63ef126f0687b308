"""Scripts as people have them, unmodified, under ``hpogrid local_run`` with ASHA.

The scripts lie in ``scripts/``; each trains one weight by gradient descent, so that every value
it reports follows from the parameters that it was given.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpogrid.site.tasks import find_tasks
from hpogrid.space.value import as_number
from hpogrid.study.study import Trial
from tests.commands import ok
from tests.projects import trials_of

SCRIPTS = Path(__file__).parent / "scripts"
EPOCHS = 9
SPACE: dict[str, Any] = {
    "lr": {"method": "loguniform", "dimension": {"low": 1e-3, "high": 0.4}},
    "dropout": {"method": "uniform", "dimension": {"low": 0, "high": 0.9}},
    "epochs": {"method": "fixed", "dimension": {"value": EPOCHS}},
}
ASHA = {"max_t": EPOCHS, "grace_period": 1, "reduction_factor": 3, "max_concurrent": 2}
ENGINES = ["process", "ray"]

Loss = Callable[[dict[str, Any], int], float]
"""What a script reports: the loss with these parameters after so many epochs."""


def search(
    script: str | Path,
    space: dict[str, Any] | list[str],
    *,
    model: str | None = None,
    engine: str = "auto",
    trials: int = 9,
    stop: str = "{}",
    **config: str,
) -> list[Trial]:
    """What a user types to search with one of the scripts; the trials.

    Args:
        stop: by default every trial runs until its script or ASHA ends it.
        config: further options of the model config.
    """
    if "command" not in config:
        config["script"] = Path(script).name
    if model is not None:
        config["model"] = model
    words = [word for name, value in config.items() for word in (f"--{name}", value)]
    text = space if isinstance(space, list) else [json.dumps(space)]
    ok("search_space", "create", "s", *text)
    ok("hpo_config", "create", "h", "--metric", "val_loss", "--mode", "min",
       "--trials", str(trials), "--scheduler", "asynchyperband",
       "--scheduler_param", json.dumps(ASHA), "--stop", stop, "--seed", "1",
       "--engine", engine)  # fmt: skip
    ok("model_config", "create", "m", *words)
    ok("grid_config", "create", "g", "--site", "local")
    ok("project", "create", "p", "--scripts_path", SCRIPTS / script, "--hpo_config", "h",
       "--grid_config", "g", "--model_config", "m", "--search_space", "s")  # fmt: skip
    assert ok("local_run", "p").startswith("best val_loss=")
    (task,) = find_tasks(project="p")
    return trials_of(task)


def descent(rate: float, epochs: int) -> float:
    """The square of the weight after so many steps."""
    return float((4.0 * (1 - rate) ** epochs) ** 2)


def reported(trial: Trial, name: str) -> list[Any]:
    """All values of a metric; the only report of a trial stands in its last line."""
    return [report.metrics[name] for report in trial.reports] or [trial.metrics[name]]


def check_epochs(trials: list[Trial], loss: Loss) -> None:
    """Every report is what the parameters give, and ASHA has ended some trials early."""
    assert len(trials) == 9
    lengths: dict[str, list[int]] = {"complete": [], "pruned": [], "failed": []}
    for trial in trials:
        values = reported(trial, "val_loss")
        expected = [loss(trial.applied, n) for n in range(1, len(values) + 1)]
        assert values == pytest.approx(expected, abs=1e-4)
        lengths[trial.state].append(len(values))
    assert lengths["failed"] == []
    assert lengths["complete"]
    assert set(lengths["complete"]) == {EPOCHS}
    assert lengths["pruned"]
    assert max(lengths["pruned"]) < EPOCHS  # compared at 1 and 3, and again in between


def line(applied: dict[str, Any], epochs: int) -> float:
    return descent(2 * applied["lr"], epochs) + float(applied["dropout"])


def test_a_plain_argparse_script() -> None:
    kinds = {"method": "categorical", "dimension": {"categories": ["sgd", "adam"]}}
    space = {**SPACE, "optimizer": kinds}
    trials = search("argparse_script.py", space, metric_regex=r"val loss ([0-9.e+-]+)")
    check_epochs(trials, line)


@pytest.mark.engine
def test_a_plain_argparse_script_in_ray() -> None:
    regex = r"val loss ([0-9.e+-]+)"
    check_epochs(search("argparse_script.py", SPACE, metric_regex=regex, engine="ray"), line)


@pytest.mark.engine
def test_syne_tune_that_reports_every_epoch() -> None:
    trials = search("syne_tune_epochs.py", SPACE)
    check_epochs(trials, line)
    assert max(len(reported(trial, "epoch")) for trial in trials) == EPOCHS
    for trial in trials:
        epochs = reported(trial, "epoch")
        assert epochs == list(range(1, len(epochs) + 1))


@pytest.mark.engine
def test_syne_tune_that_reports_at_its_end() -> None:
    space = [
        '{"lr": loguniform(1e-4, 1.0), "dropout": uniform(0, 0.99), '
        '"batch_size": randint(16, 48), "epochs": 9}'
    ]
    trials = search("syne_tune_end.py", space, trials=4, stop='{"training_iteration": 1}')
    assert [trial.state for trial in trials] == ["complete"] * 4
    for trial in trials:
        assert len(reported(trial, "val_loss")) == 1
        lr, batch, dropout = (as_number(trial.applied[n]) for n in ("lr", "batch_size", "dropout"))
        expected = descent(lr * 2 / (batch / 16) ** 0.5, 9) + 0.1 * dropout
        assert trial.metrics["val_loss"] == pytest.approx(expected)


@pytest.mark.engine
@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_for_ray_tune(engine: str) -> None:
    check_epochs(search("ray_function.py", SPACE, model="train_fn", engine=engine), line)


@pytest.mark.engine
@pytest.mark.parametrize("engine", ENGINES)
def test_a_class_for_ray_tune(engine: str) -> None:
    trials = search("ray_class.py", SPACE, model="TrainModel", engine=engine)
    check_epochs(trials, line)
    assert max(len(reported(trial, "epoch")) for trial in trials) == EPOCHS
    for trial in trials:
        epochs = reported(trial, "epoch")
        assert epochs == list(range(1, len(epochs) + 1))


OPTUNA: dict[str, Any] = {
    "version": 1,
    "parameters": {
        "optimizer": {"type": "categorical", "choices": ["sgd", "momentum"]},
        "lr": {"type": "float", "scale": {"kind": "log", "low": 1e-3, "high": 0.4}},
        "layers": {"type": "integer", "scale": {"kind": "linear", "low": 1, "high": 3}},
        "momentum": {
            "type": "float",
            "scale": {"kind": "linear", "low": 0.5, "high": 0.9},
            "when": {"op": "equal", "on": "optimizer", "value": "momentum"},
        },
    },
}


def with_momentum(applied: dict[str, Any], epochs: int) -> float:
    weight, velocity = 4.0, 0.0
    for _ in range(epochs):
        velocity = (applied["momentum"] or 0.0) * velocity - applied["lr"] * 2 * weight
        weight += velocity
    return weight**2 + float(applied["layers"]) / 10


@pytest.mark.engine
def test_an_objective_for_optuna() -> None:
    trials = search("optuna_objective.py", OPTUNA, model="objective")
    check_epochs(trials, with_momentum)
    assert {trial.applied["optimizer"] for trial in trials} == {"sgd", "momentum"}


HYDRA = [
    "scheduler.max_lr=interval(0.001, 0.4)",
    "optimizer=choice(sgd,adamw)",
    "optimizer.weight_decay=interval(0.00001, 0.001)",
    f"trainer.max_epochs={EPOCHS}",
]


def hydra_loss(applied: dict[str, Any], epochs: int) -> float:
    scale = {"sgd": 2, "adamw": 1}[applied["optimizer"]]
    rate = applied["scheduler.max_lr"] * scale
    return descent(rate, epochs) + float(applied["optimizer.weight_decay"])


@pytest.mark.engine
def test_a_hydra_application() -> None:
    trials = search(
        SCRIPTS,
        HYDRA,
        command="python hydra_app.py {overrides}",
        metric_regex=r"val_loss=([0-9.e+-]+)",
    )
    check_epochs(trials, hydra_loss)
    assert {trial.applied["optimizer"] for trial in trials} == {"sgd", "adamw"}

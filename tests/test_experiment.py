"""Experiments defined in Python."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hpogrid import Experiment
from hpogrid.errors import UserError
from hpogrid.job.run import JobResult
from hpogrid.site.tasks import find_tasks, load_task
from hpogrid.space.dialects.python_types import choice, loguniform, randint, uniform
from hpogrid.study.study import read_study

SCRIPT = """
import argparse
import hpogrid

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--n", type=int)
parser.add_argument("--kind")
parser.add_argument("--epochs", type=int)
args = parser.parse_args()
for epoch in range(args.epochs + 5):
    hpogrid.report(val_loss=args.lr * args.n / (epoch + 1), epoch=epoch + 1)
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return Experiment(
        script=str(path),
        config_space={
            "lr": loguniform(1e-4, 1),
            "n": randint(1, 4),
            "kind": choice(["a", "b"]),
            "epochs": 3,
        },
        metric="val_loss",
        trials=6,
        n_workers=2,
        max_resource_attr="epochs",
        resource_attr="epoch",
        scheduler="none",
        seed=3,
        points_to_evaluate=[{"lr": 0.01, "n": 2}],
    )


def test_run(experiment: Experiment) -> None:
    result = experiment.run()
    assert (result.state, result.finished, result.failed) == ("done", 6, 0)
    (task,) = find_tasks(project="train")
    study, _ = read_study(task.ledgers)
    first = study.trials["0-1"]
    assert first.applied == {"lr": 0.01, "n": 2, "kind": "a", "epochs": 3}
    assert {len(trial.reports) for trial in study} == {3}
    found = experiment.results()
    assert len(found) == 6
    assert found.best_value == min(trial.metrics["val_loss"] for trial in study)


def test_what_is_stored_changes_only_with_the_experiment(experiment: Experiment) -> None:
    first = experiment.store()
    assert experiment.store() == first
    changed = experiment.override(["--trials", "9"]).store()
    assert changed.hpo_config.trials == 9
    assert changed.hash != first.hash
    Path(experiment.script).write_text(SCRIPT + "\n")
    assert experiment.override(["--trials", "9"]).store().hash != changed.hash


def test_the_scheduler_knows_the_resource(experiment: Experiment) -> None:
    config = experiment.override(["--scheduler", "asynchyperband"]).store().hpo_config
    assert config.stop == {"epoch": 3}
    assert config.scheduler_param == {"max_concurrent": 2, "max_t": 3, "time_attr": "epoch"}


def test_override_any_default(experiment: Experiment) -> None:
    arguments = ["--max_wallclock_time", "60", "--metric", "acc", "--mode", "max", "--seed", "5"]
    changed = experiment.override(arguments)
    assert (changed.max_wallclock_time, changed.metric, changed.seed) == (60.0, "acc", 5)
    assert changed.config_space == experiment.config_space
    with pytest.raises(SystemExit):
        experiment.override(["--unknown", "1"])


@pytest.mark.engine
def test_submit(experiment: Experiment) -> None:
    from hpogrid.cli.main import run

    number = experiment.submit(n_jobs=2)
    assert run(["tasks", "show", str(number), "--watch"]) == 0
    study, _ = read_study(load_task(number).ledgers)
    assert len(study.finished) == 12


def test_refusals(experiment: Experiment) -> None:
    import dataclasses

    wrong = dataclasses.replace(experiment, max_resource_attr="lr")
    with pytest.raises(UserError, match="must be a constant whole number"):
        wrong.store()
    with pytest.raises(UserError, match="point 1"):
        dataclasses.replace(experiment, points_to_evaluate=[{"lr": 7}]).run()
    with pytest.raises(UserError, match="unknown setting 'trails'"):
        dataclasses.replace(experiment, hpo={"trails": 7}).store()


def test_the_import_is_light() -> None:
    code = (
        "import sys\nfrom hpogrid import Experiment\n"
        "heavy = {'numpy', 'pandas', 'ray', 'optuna', 'plotly', 'click', 'msgspec'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"c": choice([0, 1])}, {"c": choice([False, True])}),
        ({"c": choice([0, 1]), "k": 1}, {"c": choice([0, 1]), "k": 1.0}),
    ],
)
def test_a_space_of_other_types_is_another(experiment: Experiment, before: Any, after: Any) -> None:
    def stored(space: Any) -> Any:
        changed = dataclasses.replace(
            experiment, config_space=space, max_resource_attr=None, points_to_evaluate=()
        )
        return changed.store()

    first = stored(before)
    assert stored(after).search_space != first.search_space or stored(after).hash != first.hash
    assert repr(stored(after).search_space) != repr(first.search_space)


def test_without_a_mode_the_metric_says_it_and_so_does_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "t.py"
    path.write_text("def train(config):\n    return {'val_acc': config['x']}\n")
    space = {"x": uniform(0, 1)}
    made = Experiment(script=str(path), model="train", config_space=space, metric="val_acc")
    with pytest.warns(UserWarning, match="mode max: val_acc is better when larger"):
        assert made.store().hpo_config.mode == "max"
    wrong = dataclasses.replace(made, name="w", mode="min")
    with pytest.warns(UserWarning, match="looks for the worst trial"):
        wrong.store()


def test_what_a_notebook_shows_of_an_experiment_and_its_run_is_short(
    experiment: Experiment,
) -> None:
    assert len(repr(experiment)) < 120
    assert repr(experiment).startswith("<experiment ")
    done = JobResult(state="done", reason="all 3 trials are done", finished=3, failed=1)
    assert repr(done) == "<done: 3 trials finished, 1 of them failed: all 3 trials are done>"

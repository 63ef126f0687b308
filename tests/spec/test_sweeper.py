"""Fifth document: command lines with override strings, options of the sweeper, its plots."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.project import load_project
from hpogrid.search.optuna import TPEOptions
from hpogrid.site.tasks import find_tasks
from hpogrid.space.value import as_number
from tests.commands import hpogrid, ok, parsed, refused
from tests.projects import trials_of

FIRST = (
    "hannah-train scheduler.max_lr='interval(0.00001, 0.001)' "
    "optimizer.weight_decay='interval(0.00001, 0.001)' hydra/sweeper=optuna "
    "hydra/launcher=joblib -m"
)
SECOND = (
    'hannah-train experiment_id="test_optuna_resume" hydra/sweeper=optuna '
    "hydra.sweeper.study_name='${experiment_id}' "
    "hydra.sweeper.storage='sqlite:///${experiment_id}.sqlite'  trainer.max_epochs=15 "
    "scheduler.max_lr='interval(0.0001, 0.1)' module.num_workers=4 -m"
)
SAMPLER = """# @package hydra.sweeper
sampler:
  _target_: optuna.samplers.TPESampler
  seed: null
  consider_prior: true
  prior_weight: 1.0
  consider_magic_clip: true
  consider_endpoints: false
  n_startup_trials: 10
  n_ei_candidates: 24
  multivariate: false
  warn_independent_sampling: true
_target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
direction: minimize
storage: null
study_name: null
n_trials: 20
n_jobs: 2
search_space: {}
"""
PLOTS = """
import optuna

storage = "sqlite:///test_optuna_resume.sqlite"
study_name = "test_optuna_resume"

def main():
    study = optuna.load_study(study_name, storage)

    fig = optuna.visualization.plot_optimization_history(study)
    fig.write_image("history.png")
    fig.write_image("history.pdf")


if __name__ == '__main__':
    main()
"""

APPLICATION = """
import json, os, sys

given = dict(word.split("=", 1) for word in sys.argv[1:])
assert given["experiment_id"] == "test_optuna_resume" and given["module.num_workers"] == "4"
best = min(range(int(given["trainer.max_epochs"])), key=lambda e: abs(e - 100))
print("val_loss:", float(given["scheduler.max_lr"]) * best)
"""


def overrides(line: str) -> list[str]:
    return shlex.split(line)[1:]


def test_the_first_command_line() -> None:
    outcome = hpogrid("search_space", "create", "s", *overrides(FIRST))
    assert outcome.code == 0, outcome
    assert "hydra/launcher is left out" in outcome.err
    rows = parsed("search_space", "sample", "s", "-n", "20", "--format", "json")
    assert {tuple(row) for row in rows} == {("scheduler.max_lr", "optimizer.weight_decay")}
    assert all(0.00001 <= value <= 0.001 for row in rows for value in row.values())


def test_the_settings_of_the_second_are_those_of_the_hpo_config() -> None:
    outcome = hpogrid("search_space", "create", "s", *overrides(SECOND))
    assert "hydra.sweeper.storage is left out: it is --storage of the hpo config" in outcome.err
    assert "hydra.sweeper.study_name is left out: it is --study_name" in outcome.err


def test_the_options_of_the_sampler(tmp_path: Path) -> None:
    import yaml

    sampler = yaml.safe_load(SAMPLER)["sampler"]
    ok("hpo_config", "create", "h", "--algorithm", "optuna", "--trials", "20",
       "--max_concurrent", "2", "--mode", "min",
       "--algorithm_param", json.dumps(sampler))  # fmt: skip
    read = TPEOptions.translated(sampler)
    assert set(read) - {"sampler"} <= set(TPEOptions.__struct_fields__)
    assert (read["sampler"], read["multivariate"]) == ("tpe", False)
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"seed": 7}, "give the seed as --seed"),
        ({"_target_": "optuna.samplers.NoSampler"}, "unknown sampler 'NoSampler'"),
        ({"consider_prior": False}, "always considers the prior"),
        ({"n_startup": 3}, "unknown field n_startup"),
    ]
    for wrong, says in refusals:
        text = json.dumps({**sampler, **wrong})
        said = refused("hpo_config", "create", "x", "--algorithm", "optuna",
                       "--algorithm_param", text)  # fmt: skip
        assert says in said


def project(tmp_path: Path) -> None:
    """A project made of the second command line, in the working directory."""
    sampler = {"n_startup_trials": 2, "multivariate": True, "consider_endpoints": True}
    (tmp_path / "train.py").write_text(APPLICATION)
    ok("search_space", "create", "s", *overrides(SECOND))
    ok("hpo_config", "create", "h", "--algorithm", "optuna", "--metric", "val_loss",
       "--mode", "min", "--trials", "6", "--seed", "1", "--scheduler", "none",
       "--study_name", "${experiment_id}",
       "--storage", f"sqlite:///{tmp_path}/${{experiment_id}}.sqlite",
       "--algorithm_param", json.dumps(sampler))  # fmt: skip
    ok("model_config", "create", "m", "--command", "python train.py {overrides}",
       "--metric_regex", "val_loss: ([0-9.e-]+)")  # fmt: skip
    ok("grid_config", "create", "g", "--site", "local")
    ok("project", "create", "p", "--scripts_path", tmp_path / "train.py", "--model_config", "m",
       "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip


@pytest.mark.engine
def test_the_second_command_line_and_its_plots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    assert load_project("p").study_name == "test_optuna_resume"
    assert "SQLite loses or blocks what several jobs write" in refused("run", "p", "--n_jobs", "2")
    ok("local_run", "p")
    (task,) = find_tasks(project="p")
    for trial in trials_of(task):
        assert trial.metrics["val_loss"] == pytest.approx(
            as_number(trial.applied["scheduler.max_lr"]) * 14
        )
    history(tmp_path, "test_optuna_resume")


def history(folder: Path, name: str) -> None:
    """Run the document's script; today's Optuna wants the names of the arguments.

    The pictures are written as HTML, because PNG and PDF need a browser of their own.
    """
    text = PLOTS.replace("test_optuna_resume", name)
    text = text.replace("(study_name, storage)", "(study_name=study_name, storage=storage)")
    for form in ("png", "pdf"):
        text = text.replace(f'write_image("history.{form}")', f'write_html("history.{form}.html")')
    (folder / "plots.py").write_text(text)
    subprocess.run([sys.executable, "plots.py"], cwd=folder, check=True)
    assert "val" in (folder / "history.png.html").read_text()
    code = (
        "import optuna, sys\n"
        f"study = optuna.load_study(study_name='{name}', storage='sqlite:///{name}.sqlite')\n"
        "assert len([t for t in study.trials if t.state.name == 'COMPLETE']) == 6\n"
        "assert set(study.best_params) == {'scheduler.max_lr'}, study.best_params\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


@pytest.mark.engine
def test_the_plots_of_what_to_optuna_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    ok("hpo_config", "recreate", "h", "--metric", "val_loss", "--mode", "min", "--trials", "6",
       "--scheduler", "none")  # fmt: skip
    ok("project", "update", "p", "--hpo_config", "h")
    ok("local_run", "p")
    ok("report", "p", "--to_optuna", "sqlite:///p.sqlite")
    history(tmp_path, "p")


def test_a_name_that_is_no_constant(tmp_path: Path) -> None:
    project(tmp_path)
    ok("hpo_config", "update", "h", "--study_name", "${experiment}")
    said = refused("project", "update", "p", "--hpo_config", "h")
    assert "the search space has no constant 'experiment'" in said

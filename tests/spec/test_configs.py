"""Third document: ``hyper_opt`` objects in a run config, of which each trial gets its own.

The samples are those of the document, without its dots and with the commas that it forgets; as
they are printed no parser reads them (see ``tests/space/test_hyper_opt.py``).
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hpogrid.site.tasks import find_tasks
from hpogrid.space.value import as_number
from hpogrid.study.study import Trial
from tests.commands import ok, refused
from tests.projects import trials_of
from tests.spec.samples import FOURTH

MULTIPLY = """
{
    // a comment, a trailing comma, single quotes: it is Jsonnet
    model: {
        num_transformer_heads: { hyper_opt: { suggest: "int", params: { low: 1, high: 4 } } },
        transformer_hidden_size: {
            hyper_opt: {
              suggest: "int",
              params: {
                low: 2,
                high: 8,
                step: 2
              },
              dependency: {
                type: "multiply",
                on: "model.num_transformer_heads"
              }
            }
        },
        name: 'bert',
    },
    layers: [{ width: 3 }, { dropout: { hyper_opt: { suggest: 'uniform', params: { low: 0, high: 1 } } } }],
}
"""  # noqa: E501
KINDS: dict[str, Any] = {
    "categorical": {"choices": ["a", "b"]},
    "discrete_uniform": {"low": 0.0, "high": 1.0, "q": 0.25},
    "float": {"low": 0.001, "high": 1.0, "log": True},
    "int": {"low": 2, "high": 8, "step": 2},
    "loguniform": {"low": 0.001, "high": 1.0},
    "uniform": {"low": 0.0, "high": 1.0},
}

READS = """
import json, sys, yaml, hpogrid

text = open(sys.argv[1]).read()
config = yaml.safe_load(text) if sys.argv[1].endswith(".yaml") else json.loads(text)
hpogrid.report(loss=1.0, config=[config], name=sys.argv[1].rsplit("/", 1)[1])
"""
FUNCTION = """
import hpogrid

def train(config):
    hpogrid.report(loss=1.0, config=[config])

class Train:
    def setup(self, config):
        self.seen = config
    def step(self):
        return {"loss": 1.0, "config": [self.seen], "done": True}
"""


def run(folder: Path, config: str, *model: str, trials: int = 4) -> list[Trial]:
    """Search the space of a config file with that file as the template."""
    ok("search_space", "create", "s", "--file", folder / config)
    ok("hpo_config", "create", "h", "--metric", "loss", "--mode", "min", "--trials", str(trials),
       "--seed", "1", "--scheduler", "none", "-c1")  # fmt: skip
    ok("model_config", "create", "m", "--template", config, *model)
    ok("grid_config", "create", "g", "--site", "local")
    ok("project", "create", "p", "--scripts_path", folder, "--model_config", "m",
       "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip
    ok("local_run", "p")
    (task,) = find_tasks(project="p")
    trials_found = trials_of(task)
    assert [trial.state for trial in trials_found] == ["complete"] * trials
    return trials_found


def filled(trial: Trial) -> dict[str, Any]:
    """The tree that a trial of `MULTIPLY` has to see."""
    values = trial.applied
    assert values["model.transformer_hidden_size"] == (
        as_number(trial.suggested["model.transformer_hidden_size"])
        * as_number(values["model.num_transformer_heads"])
    )
    return {
        "model": {
            "num_transformer_heads": values["model.num_transformer_heads"],
            "transformer_hidden_size": values["model.transformer_hidden_size"],
            "name": "bert",
        },
        "layers": [{"width": 3}, {"dropout": values["layers[1].dropout"]}],
    }


def as_form(form: str) -> str:
    """`MULTIPLY` in another format."""
    from hpogrid.space.jsonnet import parse_jsonnet

    if form == "jsonnet":
        return MULTIPLY
    data = parse_jsonnet(MULTIPLY, "sample")
    return json.dumps(data) if form == "json" else yaml.safe_dump(data, sort_keys=False)


@pytest.mark.parametrize("form", ["jsonnet", "json", "yaml"])
def test_a_command_gets_its_file_back(form: str, tmp_path: Path) -> None:
    (tmp_path / f"config.{form}").write_text(as_form(form))
    (tmp_path / "train.py").write_text(READS)
    for trial in run(tmp_path, f"config.{form}", "--command", "python train.py {config}"):
        assert trial.metrics["config"] == [filled(trial)]
        assert trial.metrics["name"] == f"config.{form}"


@pytest.mark.parametrize("model", ["train", "Train"])
def test_a_function_or_class_gets_the_tree(model: str, tmp_path: Path) -> None:
    (tmp_path / "config.jsonnet").write_text(MULTIPLY)
    (tmp_path / "train.py").write_text(FUNCTION)
    for trial in run(tmp_path, "config.jsonnet", "--script", "train.py", "--model", model):
        assert trial.metrics["config"] == [filled(trial)]


def test_optimize_iff(tmp_path: Path) -> None:
    (tmp_path / "config.jsonnet").write_text(FOURTH)
    (tmp_path / "train.py").write_text(FUNCTION)
    trials = run(tmp_path, "config.jsonnet", "--script", "train.py", "--model", "train", trials=5)
    seen = [trial.metrics["config"][0]["module"]["model"] for trial in trials]
    assert {item["num_transformer_heads"] for item in seen} == {4, 5}
    for item in seen:
        active = item["num_transformer_heads"] == 5
        assert (item["transformer_hidden_size"] in (2, 4, 6, 8)) == active
        assert (item["transformer_hidden_size"] is None) == (not active)


def test_every_kind_of_suggestion(tmp_path: Path) -> None:
    config = {kind: {"hyper_opt": {"suggest": kind, "params": par}} for kind, par in KINDS.items()}
    (tmp_path / "config.json").write_text(json.dumps({"deep": config}))
    (tmp_path / "train.py").write_text(FUNCTION)
    for trial in run(tmp_path, "config.json", "--script", "train.py", "--model", "train"):
        seen = trial.metrics["config"][0]["deep"]
        assert list(seen) == list(KINDS)
        assert seen["categorical"] in ("a", "b")
        assert seen["discrete_uniform"] in (0, 0.25, 0.5, 0.75, 1)
        assert seen["int"] in (2, 4, 6, 8)
        assert all(0.001 <= seen[kind] <= 1 for kind in ("float", "loguniform"))


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.jsonnet").write_text(FOURTH)
    (tmp_path / "train.py").write_text(FUNCTION)
    ok("search_space", "create", "s", "module.model.num_transformer_heads=range(4,6)")
    ok("hpo_config", "create", "h")
    ok("grid_config", "create", "g", "--site", "local")
    parts: list[str | Path] = [
        "--scripts_path",
        tmp_path,
        "--hpo_config",
        "h",
        "--grid_config",
        "g",
    ]
    refusals = {
        "--template config.jsonnet --command 'python train.py {config}'":
            "'module.model.transformer_hidden_size' is to be searched, but the search space has no",
        "--command 'python train.py {config}'": "{config} is made from a file; name it with",
        "--template conf.json --command 'python train.py {config}'": "unknown file 'conf.json'",
    }  # fmt: skip
    for number, (options, says) in enumerate(refusals.items()):
        ok("model_config", "create", f"m{number}", *shlex.split(options))
        said = refused("project", "create", "p", *parts, "--search_space", "s",
                       "--model_config", f"m{number}")  # fmt: skip
        assert says in said


@pytest.mark.engine
def test_a_study_that_was_made_beforehand(tmp_path: Path) -> None:
    """``optuna create-study`` makes it; the search goes into it."""
    storage = f"sqlite:///{tmp_path}/study.sqlite"
    made = subprocess.run(
        [sys.executable, "-m", "optuna.cli", "create-study", "--study-name", "recall",
         "--storage", storage, "--direction", "maximize"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (tmp_path / "train.py").write_text("def train(config):\n    return config['x']\n")
    ok("search_space", "create", "s", '{"x": {"hyper_opt": {"suggest": "int", '
       '"params": {"low": 1, "high": 3}}}}')  # fmt: skip
    ok("hpo_config", "create", "h", "--metric", "recall@k", "--mode", "max", "--trials", "3",
       "--storage", storage, "--study_name", "recall")  # fmt: skip
    ok("model_config", "create", "m", "--script", "train.py", "--model", "train")
    ok("grid_config", "create", "g", "--site", "local")
    ok("project", "create", "p", "--scripts_path", tmp_path / "train.py", "--model_config", "m",
       "--search_space", "s", "--hpo_config", "h", "--grid_config", "g")  # fmt: skip
    ok("local_run", "p")
    code = (
        f"import optuna\nstudy = optuna.load_study(study_name='recall', storage='{storage}')\n"
        "assert study.direction.name == 'MAXIMIZE'\nassert study.best_params == {'x': 3}\n"
        "assert len(study.trials) == 3\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

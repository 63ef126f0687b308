"""``hpogrid tune``: from a script to the best configuration in one command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hpogrid.config.project import load_project, projects_path
from hpogrid.config.store import STORES
from hpogrid.site.tasks import find_tasks, load_task
from hpogrid.space.dialects.python_types import choice, loguniform, randint, uniform
from hpogrid.space.parameter import Constant, Parameter
from tests.commands import hpogrid, ok, refused
from tests.projects import finished_in, trials_of, wait_for

TRAIN = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--act", default="relu")
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--shift", type=float, default=0.0)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--nesterov", action="store_true")
args = parser.parse_args()
for epoch in range(args.epochs):
    print(f"epoch {epoch}: val_loss={args.lr} val_acc={1 - args.lr}", flush=True)
"""
QUICK = ("-n", "2", "-c", "1", "--algorithm", "random")


@pytest.fixture(autouse=True)
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "scripts" / "train.py"
    path.parent.mkdir()
    path.write_text(TRAIN)
    monkeypatch.chdir(path.parent)
    return path


def test_one_command_ends_with_the_best() -> None:
    out = ok("tune", "train.py", "--lr", "1e-5:1e-2:log", "--metric", "val_acc", *QUICK)
    best = max(trial.metrics["val_acc"] for trial in trials_of(load_task(1)))
    assert out.startswith(f"best val_acc={best:.6g}  with  lr=")
    project = load_project("train")
    assert project.space.parameters == {"lr": loguniform(1e-5, 1e-2)}
    assert (project.hpo_config.metric, project.hpo_config.mode) == ("val_acc", "max")
    assert project.hpo_config.stop == {"training_iteration": 2.0}
    assert project.model_config.param == {"epochs": 2}
    for store in STORES.values():
        assert store.names() == ["train"]


def test_every_way_to_write_an_axis() -> None:
    shown = hpogrid(
        "tune", "train.py", "--lr=1e-5:1e-2:log", "--layers", "1:8", "--act", "relu,tanh",
        "--momentum", "0.9", "--shift", "-0.5:-0.1", "--set", "epochs=1:3", *QUICK,
    )  # fmt: skip
    assert shown.code == 0, shown
    assert load_project("train").space.parameters == {
        "lr": loguniform(1e-5, 1e-2), "layers": randint(1, 8), "act": choice(["relu", "tanh"]),
        "momentum": Constant(value=0.9), "shift": uniform(-0.5, -0.1), "epochs": randint(1, 3),
    }  # fmt: skip
    ok("tune", "train.py", "--name", "b", "lr~loguniform(1e-5,1e-2)", "-n2", "-c1")
    assert load_project("b").space.parameters == {"lr": loguniform(1e-5, 1e-2)}
    assert load_project("b").hpo_config.max_concurrent == 1


SWEEP = """
program: train.py
method: bayes
metric: {name: val_acc, goal: maximize}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}
  act: {values: [relu, tanh]}
"""
NNI = """{
  "lr": {"_type": "loguniform", "_value": [1e-5, 1e-2]},
  "layers": {"_type": "randint", "_value": [1, 5]}
}"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SWEEP, {"lr": loguniform(1e-5, 1e-2), "act": choice(["relu", "tanh"])}),
        (NNI, {"lr": loguniform(1e-5, 1e-2), "layers": randint(1, 4)}),
    ],
)
def test_axes_from_a_file_of_another_system(text: str, wanted: dict[str, Parameter]) -> None:
    Path("space.yaml").write_text(text)
    done = hpogrid("tune", "train.py", "--space", "space.yaml", "--metric", "val_acc", *QUICK)
    assert done.code == 0, done.err
    assert load_project("train").space.parameters == wanted
    assert ("--metric val_acc --mode max" in done.err) == (text == SWEEP)


def test_an_axis_of_a_file_and_of_the_command_line() -> None:
    Path("space.json").write_text(NNI)
    words = ("tune", "train.py", "--space", "space.json", "--metric", "val_acc", *QUICK)
    assert "lr is given twice" in refused(*words, "--lr", "0:1")
    Path("space.json").write_text(NNI.replace("layers", "depth"))
    assert "unknown parameter 'depth'" in refused(*words)


def test_without_axes_they_are_read_in_the_script() -> None:
    outcome = hpogrid("tune", *QUICK)
    assert outcome.code == 0
    assert set(load_project("train").space.parameters) == {"lr", "layers", "momentum"}
    assert "note: lr: a tenth to ten times its default 0.01\n" in outcome.err
    assert "note: mode min: val_loss is better when smaller\n" in outcome.err


def test_called_again_it_goes_on(script: Path) -> None:
    command = ("tune", "train.py", "--lr", "1e-5:1e-2:log", *QUICK)
    ok(*command)
    again = hpogrid(*command)
    assert again.code == 0
    assert "warm start from train: 2 results; random draws learn nothing from them" in again.err
    assert len(find_tasks(project="train")) == 2
    script.write_text(TRAIN + "\n# another\n")
    changed = hpogrid(*command)
    assert "the script has changed: this is a new version of project 'train'" in changed.err
    assert "warm start" not in changed.err


def test_another_search_of_the_same_name_is_asked_for() -> None:
    ok("tune", "train.py", "--lr", "1e-5:1e-2:log", *QUICK)
    other = ("tune", "train.py", "--lr", "1e-5:1e-1:log", *QUICK)
    before = load_project("train")
    sentence = refused(*other, answer="")
    assert "project 'train' has another search space, and stays as it is; give --yes" in sentence
    assert load_project("train") == before
    ok(*other, answer="y\n")
    assert load_project("train").space.parameters == {"lr": loguniform(1e-5, 1e-1)}


def test_words_behind_the_dashes_are_the_scripts() -> None:
    ok("tune", "train.py", "--lr", "1e-5:1e-2:log", *QUICK, "--", "--epochs", "1", "--nesterov")
    config = load_project("train").model_config
    assert config.command == "python train.py --epochs 1 --nesterov {args}"
    assert [len(trial.reports) or 1 for trial in trials_of(load_task(1))] == [1, 1]


def test_several_jobs_are_submitted() -> None:
    assert ok("tune", "train.py", "--lr", "1e-5:1e-2:log", *QUICK, "--n_jobs", "2") == "1\n"
    wait_for(lambda: finished_in(load_task(1)) == 4)


def test_a_dry_run_writes_nothing() -> None:
    out = ok("tune", "train.py", "--lr", "1e-5:1e-2:log", "--time", "90m", "--site", "slurm",
             "--dry_run")  # fmt: skip
    assert '"time_limit": 5400.0' in out
    assert '"walltime": "90m"' in out
    assert STORES["search_space"].names() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train.py", "--lrr", "0:1"], "unknown parameter 'lrr': did you mean lr?"),
        (["train.py", "--lr", "1:0"], "lr: "),
        (["train.py", "--lr"], "--lr needs a range, such as --lr 1e-5:1e-2:log"),
        (["train.py", "--nesterov", "--lr", "0:1"], "a flag of the script goes behind --"),
        (["train.py", "--lr", "0:1", "--set", "lr=1:2"], "lr is given twice"),
        (["train.py", "--lr", "0:1", "--time", "soon"], "'soon' is no time"),
        (["train.py", "--lr", "0:1", "--metric", "quux", "--metric_regex", "(.)"], "--mode"),
        (["nothing.py", "--lr", "0:1"], "no such file"),
    ],
)
def test_refusals(words: list[str], says: str) -> None:
    assert says in refused("tune", *words)


def test_a_script_whose_name_no_project_can_have(script: Path) -> None:
    script.rename(script.with_name("my train.py"))
    said = refused("tune", "my train.py", "--lr", "0:1")
    assert said.endswith("no project can be called 'my train'; give a --name")


def test_configs_that_do_not_go_with_the_script_are_not_stored() -> None:
    projects_path().mkdir(parents=True)
    assert "--lr takes numbers, and 'a' is none" in refused("tune", "train.py", "--lr", "a,b")


def test_the_help_begins_with_it() -> None:
    text = ok("--help")
    assert text.index("hpogrid tune train.py") < text.index("hpogrid search_space create")
    assert re.search(r"Commands:\n  tune ", text)

"""What is read from scripts in the styles of many libraries: right, or refused with the reason.

The first line of each of ``tests/trial/scripts/read`` says what a person reads in it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.project import load_project
from hpogrid.config.reading.base import Wish
from hpogrid.config.reading.script import Guess, read_script
from hpogrid.errors import UserError
from hpogrid.site.tasks import find_tasks
from hpogrid.space.parameter import Categorical, Constant, Float, Integer, Parameter
from hpogrid.space.scale import Log
from tests.commands import ok
from tests.projects import trials_of

FOLDER = Path(__file__).parents[1] / "trial" / "scripts" / "read"
SCRIPTS = sorted(FOLDER.glob("*.py"))
NOT_INSTALLED = ("hf_",)
"""Of those, the library is not among the tests' own."""


def expected(script: Path) -> tuple[str, str]:
    kind, _, text = script.read_text().partition("\n")[0].removeprefix("# ").partition(": ")
    return kind, text


def shown(item: Parameter) -> Any:
    match item:
        case Constant(value=value):
            return value
        case Categorical(choices=choices):
            return list(choices)
        case Float(scale=scale):
            return [*scale.bounds, *(["log"] if isinstance(scale, Log) else [])]
        case Integer(scale=scale):
            return [*scale.bounds, *(["log"] if isinstance(scale, Log) else []), "int"]
    raise AssertionError(item)


def summary(guess: Guess) -> dict[str, Any]:
    found = {
        "metric": guess.metric,
        "mode": guess.mode,
        "space": {name: shown(item) for name, item in guess.space.parameters.items()},
        "model": guess.model,
        "printed": guess.metric_regex is not None,
    }
    return {key: value for key, value in found.items() if value not in (None, False)}


def test_there_are_fifty_and_few_are_refused() -> None:
    assert len(SCRIPTS) >= 50
    assert sum(expected(script)[0] == "expect" for script in SCRIPTS) >= 30


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_read_right_or_refused_with_the_reason(script: Path) -> None:
    kind, text = expected(script)
    if kind == "refuse":
        with pytest.raises(UserError, match=re.escape(text)):
            read_script(script)
        return
    assert summary(read_script(script)) == json.loads(text)


RIGHT = [
    script
    for script in SCRIPTS
    if expected(script)[0] == "expect" and not script.stem.startswith(NOT_INSTALLED)
]


@pytest.mark.engine
@pytest.mark.parametrize("script", RIGHT, ids=lambda path: path.stem)
def test_what_is_proposed_runs(script: Path) -> None:
    ok("init", script, "--name", "p", "--trials", "2", "--yes", "-c", "2", "--algorithm", "random")
    ok("local_run", "p")
    trials = trials_of(find_tasks(project="p")[0])
    assert {trial.state for trial in trials} <= {"complete", "pruned"}, [t.reason for t in trials]
    assert set(load_project("p").hpo_config.metrics) <= set(trials[0].metrics)


def read(folder: Path, text: str, **wish: Any) -> Guess:
    path = folder / "train.py"
    path.write_text(text)
    return read_script(path, Wish(**wish))


ARGPARSE = FOLDER / "argparse_prints.py"


def test_what_the_user_says_comes_first() -> None:
    guess = read_script(ARGPARSE, Wish(axes={"lr": "1e-5:1e-2:log"}, only=True))
    assert summary(guess)["space"] == {"lr": [1e-5, 1e-2, "log"]}
    guess = read_script(ARGPARSE, Wish(axes={"batch_size": "16:256"}, leave=frozenset(["lr"])))
    assert summary(guess)["space"] == {"batch-size": [16, 256, "int"], "dropout": [0, 0.5]}
    guess = read_script(ARGPARSE, Wish(metric="val_loss"))
    assert (guess.metric, guess.mode) == ("val_loss", "min")
    found = re.search(str(guess.metric_regex), "epoch 1: val_loss=0.25 val_acc=0.8")
    assert found is not None
    assert found[1] == "0.25"
    guess = read_script(ARGPARSE, Wish(metric_regex=r"val_acc=([0-9.]+)"))
    assert (guess.metric, guess.mode, guess.metric_regex) == (
        "val_acc",
        "max",
        r"val_acc=([0-9.]+)",
    )
    guess = read_script(ARGPARSE, Wish(metric_regex='{"auc": "x(.)", "b": "y(.)"}'))
    assert (guess.metric, guess.mode) == ("auc", "max")


@pytest.mark.parametrize(
    ("script", "wish", "says"),
    [
        (ARGPARSE, {"axes": {"lrr": "0:1"}}, "unknown parameter 'lrr': did you mean lr"),
        (ARGPARSE, {"axes": {"lr": "1:0"}}, "lr: "),
        (ARGPARSE, {"metric_regex": "=([0-9.]+)"}, "give --metric NAME as well"),
        (ARGPARSE, {"metric": "wibble", "metric_regex": "x(.)"}, "--mode min or --mode max"),
        (FOLDER / "argparse_groups.py", {"metric": "los"}, "unknown metric 'los': did you mean"),
        (FOLDER / "optuna_quadratic.py", {"words": ("x",)}, "takes no words"),
        (FOLDER / "optuna_quadratic.py", {"model": "other"}, "has no 'other'"),
    ],
)
def test_what_the_user_says_is_checked(script: Path, wish: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        read_script(script, Wish(**wish))


def test_words_of_its_own_complete_a_script() -> None:
    axes = {"width": "0.0:20", "height": "0.0:1"}
    guess = read_script(FOLDER / "argparse_required.py", Wish(words=("--steps", "10"), axes=axes))
    assert guess.command == "python argparse_required.py --steps 10 {args}"
    assert set(guess.space.parameters) == {"width", "height", "sleep_time"}
    guess = read_script(FOLDER / "argparse_commands.py", Wish(words=("train",)))
    assert guess.command == "python argparse_commands.py train {args}"
    assert list(guess.space.parameters) == ["lr"]
    guess = read_script(FOLDER / "argparse_positional.py", Wish(words=("my texts",)))
    assert guess.command == "python argparse_positional.py 'my texts' {args}"


def test_ranges_take_the_type_that_the_script_declares(tmp_path: Path) -> None:
    text = (
        "import argparse\nfrom hpogrid import report\np = argparse.ArgumentParser()\n"
        "p.add_argument('--a', type=float)\np.add_argument('--b', type=int)\nreport(loss=1)\n"
    )
    guess = read(tmp_path, text, axes={"a": "0:1", "b": "1:8:log"})
    assert summary(guess)["space"] == {"a": [0, 1], "b": [1, 8, "log", "int"]}


def test_what_stays_as_it_is_is_said(tmp_path: Path) -> None:
    text = (
        "import argparse\nimport logging\np = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float, default=0.1)\n"
        "p.add_argument('--nesterov', action='store_true')\n"
        "p.add_argument('--layers', type=int, nargs='+', default=[64, 64])\n"
        "p.add_argument('--shift', type=float, default=0.0)\n"
        "p.add_argument('--out', default='here')\np.add_argument('--seed', type=int, default=1)\n"
        "a = p.parse_args()\n"
        "logging.info('epoch %d: train_loss %.3f val_f1 %.3f', 1, a.lr, a.lr)\n"
    )
    guess = read(tmp_path, text)
    assert "not searched: nesterov, layers and shift; --set NAME=RANGE searches one" in guess.notes
    assert "metric val_f1: the script prints it, and train_loss" in guess.notes
    assert (guess.metric, guess.mode) == ("val_f1", "max")
    found = re.search(str(guess.metric_regex), "epoch 1: train_loss 0.500 val_f1 0.250")
    assert found is not None
    assert found[1] == "0.250"
    assert not any(
        "not searched" in note for note in read(tmp_path, text, axes={"lr": "0:1"}, only=True).notes
    )

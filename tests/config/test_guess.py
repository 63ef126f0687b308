from __future__ import annotations

import io
from pathlib import Path

import pytest

from hpogrid.cli.main import run
from hpogrid.config.guess import Guess, find_script, read_script
from hpogrid.config.project import load_project
from hpogrid.config.sources import shape
from hpogrid.errors import UserError
from hpogrid.space.dialects import render_space
from hpogrid.space.dialects.python_types import randint, uniform
from tests.commands import ok
from tests.trial.test_public_scripts import SCRIPTS

SCRIPT = """
import argparse
import hpogrid

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--scale", type=float, default=4)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--data", default="./data")
parser.add_argument("--fast", action="store_true")
args = parser.parse_args()
for epoch in range(args.epochs):
    hpogrid.report(epoch=epoch, val_loss=(args.lr - 0.02) ** 2 + epoch)
"""


def guessed(folder: Path, text: str, *, ask: bool = False) -> Guess:
    path = folder / "train.py"
    path.write_text(text)
    return read_script(path, ask)


def methods(guess: Guess) -> dict[str, str]:
    written = render_space(guess.space, "method_dimension")
    return {name: item["method"] for name, item in written.items()}


def test_options_become_parameters(tmp_path: Path) -> None:
    guess = guessed(tmp_path, SCRIPT)
    assert methods(guess) == {
        "lr": "loguniform",
        "batch-size": "uniformint",
        "momentum": "uniform",
        "scale": "uniform",
        "optimizer": "categorical",
    }
    assert guess.param == {"epochs": 3, "data": "./data"}
    assert (guess.metric, guess.mode, guess.model, guess.reports) == ("val_loss", "min", None, 3)


ELSEWHERE = """
import argparse

def add(parser):
    for name, default in {"lr": 0.01, "layers": 3}.items():
        parser.add_argument("--" + name, type=type(default), default=default, help="a number")
    parser.add_argument("-o", "--optimizer", choices=["sgd", "adam"], default="sgd",
                        help="which one, with a text that is so long that it takes two lines")
    parser.add_argument("--data", default="./data", help="where")
    parser.add_argument("--fast", action="store_true")
    return parser
"""
USES = """
import argparse, hpogrid
import options

parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
args = options.add(parser).parse_args()
hpogrid.report(accuracy=args.lr * args.layers)
"""


def test_options_of_another_file_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "options.py").write_text(ELSEWHERE)
    with pytest.raises(UserError, match="--ask_script"):
        guessed(tmp_path, USES)
    guess = guessed(tmp_path, USES, ask=True)
    expected = {"lr": "loguniform", "layers": "uniformint", "optimizer": "categorical"}
    assert methods(guess) == expected
    assert guess.param == {"data": "./data"}
    assert (guess.metric, guess.mode, guess.beside) == ("accuracy", "max", ["options"])
    with pytest.raises(UserError, match="--help ended with code 1: ValueError: no"):
        guessed(tmp_path, "raise ValueError('no')", ask=True)


def test_a_space_in_the_script_is_taken_as_it_is(tmp_path: Path) -> None:
    guess = guessed(tmp_path, (SCRIPTS / "syne_tune_end.py").read_text())
    assert methods(guess) == {"lr": "loguniform", "dropout": "uniform", "batch_size": "uniformint"}
    assert guess.space.parameters["dropout"] == uniform(0, 0.99)


def test_what_an_objective_for_optuna_suggests(tmp_path: Path) -> None:
    guess = guessed(tmp_path, (SCRIPTS / "optuna_objective.py").read_text())
    assert (guess.model, guess.metric, guess.mode) == ("objective", "value", "min")
    assert methods(guess) == {
        "optimizer": "categorical", "lr": "loguniform", "layers": "uniformint",
        "momentum": "uniform",
    }  # fmt: skip
    assert guess.space.parameters["layers"] == randint(1, 3)
    text = (
        "def objective(trial):\n"
        "    return trial.suggest_int('n', low, 3) + trial.suggest_float('x', 0, 1)\n"
    )
    guess = guessed(tmp_path, f"{text}optuna.create_study(direction='maximize')\n")
    assert guess.mode == "max"
    assert list(guess.space.parameters) == ["x"]
    assert guess.notes[0].startswith("left out: parameter 'n': ")


def test_a_function_of_a_config(tmp_path: Path) -> None:
    text = "def train(config):\n    rate = config['lr']\n    return rate * rate + config['depth']\n"
    guess = guessed(tmp_path, text)
    assert guess.model == "train"
    assert set(guess.space.parameters) == {"lr", "depth"}
    assert len(guess.notes) == 2


@pytest.mark.parametrize(
    ("text", "says"), [("def f(:", "is not Python"), ("x = 1\n", "found neither options")]
)
def test_refusals(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        read_script(path)
    with pytest.raises(UserError, match="no such file"):
        read_script(tmp_path / "none.py")


def test_a_class_returns_its_metric(tmp_path: Path) -> None:
    guess = guessed(tmp_path, (SCRIPTS / "ray_class.py").read_text())
    assert (guess.model, guess.metric, guess.mode) == ("TrainModel", "val_loss", "min")
    assert set(guess.space.parameters) == {"lr", "dropout"}


def test_the_script_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("x = 1\n")
    with pytest.raises(UserError, match="looks like a training script"):
        find_script(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    assert find_script(tmp_path).name == "train.py"
    (tmp_path / "train2.py").write_text(SCRIPT)
    with pytest.raises(UserError, match=r"could be it: train\.py, train2\.py; name one"):
        find_script(tmp_path)


def test_init_bundles_what_the_script_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "options.py").write_text(ELSEWHERE)
    (tmp_path / "train.py").write_text(USES)
    monkeypatch.chdir(tmp_path)
    ok("init", "train.py", "--ask_script", "--trials", "2", "--yes")
    assert set(load_project("train").scripts) == {"options.py", "train.py"}
    assert ok("local_run", "train").startswith("best accuracy=")


def test_init_stores_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    path = tmp_path / "train.py"
    path.write_text(SCRIPT.replace('parser.add_argument("--fast"', 'parser.add_argument("--quick"'))
    assert run(["init", str(path), "--trials", "2"]) == 2
    assert not (tmp_path / "home").exists()
    assert run(["init", str(path), "--trials", "2", "--yes"]) == 0
    assert run(["init", str(path), "--yes"]) == 2
    assert "already; choose another --name" in capsys.readouterr().err
    assert run(["local_run", "train"]) == 0
    assert "best val_loss=" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "default", "method", "low", "high"),
    [
        ("float", 0.05, "loguniform", 0.005, 0.5),
        ("float", 0.051, "uniform", 0, 1),
        ("float", 0.0, "uniform", 0, 1),
        ("float", 1.0, "uniform", 0, 1),
        ("float", 1.5, "uniform", 0.75, 3),
        ("float", -2.0, "uniform", -4, -1),
        ("int", 32, "uniformint", 16, 64),
        ("int", 0, "uniformint", 1, 2),
        ("", 3, "uniformint", 1, 6),
        ("float", 3, "uniform", 1.5, 6),
    ],
)
def test_ranges_around_a_default(
    kind: str, default: float, method: str, low: float, high: float
) -> None:
    found = shape("x", kind, default, None)
    assert found is not None
    assert found["method"] == method
    assert found["dimension"] == pytest.approx({"low": low, "high": high})


@pytest.mark.parametrize("default", [True, None, "text"])
def test_no_range_around_what_is_no_number(default: object) -> None:
    assert shape("x", "", default, None) is None
    assert shape("x", "", default, ["only one"]) is None

from __future__ import annotations

import io
from pathlib import Path

import pytest

from hpogrid.cli.main import run
from hpogrid.config.project import load_project
from hpogrid.config.reading.base import Wish
from hpogrid.config.reading.ranges import guessed_range
from hpogrid.config.reading.script import Guess, find_script, read_script
from hpogrid.errors import UserError
from hpogrid.space.dialects import render_space
from hpogrid.space.dialects.python_types import randint, uniform
from hpogrid.space.parameter import Float, Integer
from hpogrid.space.scale import Linear, Log
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
    return read_script(path, Wish(ask=ask))


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
    assert guess.param == {"epochs": 3}
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
    text = f"{text}optuna.create_study(direction='maximize')\n"
    with pytest.raises(UserError, match=r"low of 'n' cannot be read .* --set n=LOW:HIGH"):
        guessed(tmp_path, text)
    path = tmp_path / "train.py"
    guess = read_script(path, Wish(axes={"n": "1:9"}))
    assert guess.mode == "max"
    assert guess.space.parameters == {"n": randint(1, 9), "x": uniform(0, 1)}


def test_a_function_of_a_config(tmp_path: Path) -> None:
    text = "def train(config):\n    rate = config['lr']\n    return rate * rate + config['depth']\n"
    with pytest.raises(UserError, match="train looks up lr and depth, and nothing says"):
        guessed(tmp_path, text)
    axes = {"lr": "1e-5:1e-2:log", "depth": "3"}
    guess = read_script(tmp_path / "train.py", Wish(axes=axes))
    assert (guess.model, guess.metric, guess.mode) == ("train", "loss", "min")
    assert list(guess.space.parameters) == ["lr", "depth"]


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
    path = SCRIPTS / "ray_class.py"
    guess = read_script(path, Wish(axes={"lr": "1e-3:1:log", "dropout": "0.0:1"}))
    assert (guess.model, guess.metric, guess.mode) == ("TrainModel", "val_loss", "min")
    assert set(guess.space.parameters) == {"lr", "dropout"}


def test_the_script_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("x = 1\n")
    with pytest.raises(UserError, match="looks like a training script"):
        find_script(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    assert find_script(tmp_path).name == "train.py"
    (tmp_path / "train2.py").write_text(SCRIPT)
    with pytest.raises(UserError, match=r"could be it: train\.py and train2\.py; name one"):
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
    ("name", "kind", "default", "scale"),
    [
        ("x", "float", 1.0, Linear(0.5, 2.0)),
        ("x", "float", 1.5, Linear(0.75, 3.0)),
        ("x", "float", -2.0, Linear(-4.0, -1.0)),
        ("x", "float", 3, Linear(1.5, 6.0)),
        ("x", "float", 0.9, Linear(0.5, 0.99)),
        ("x", "float", 0.05, Log(0.005, 0.5)),
        ("x", "float", 0.06, Linear(0.03, 0.12)),
        ("lr", "float", 0.3, Log(0.03, 1.0)),
        ("dropout", "float", 0.0, Linear(0.0, 0.5)),
        ("dropout", "float", 0.5, Linear(0.0, 0.9)),
        ("x", "int", 32, Linear(16, 64)),
        ("x", "int", 1, Linear(1, 2)),
        ("x", "", 3, Linear(1, 6)),
    ],
)
def test_ranges_around_a_default(name: str, kind: str, default: float, scale: Linear | Log) -> None:
    found = guessed_range(name, kind, default, None)
    assert found is not None
    assert isinstance(found[0], Float | Integer)
    assert found[0].scale == scale


@pytest.mark.parametrize(
    ("kind", "default"), [("float", 0.0), ("int", 0), ("", True), ("", None), ("", "text")]
)
def test_no_range_around_what_says_nothing(kind: str, default: object) -> None:
    assert guessed_range("x", kind, default, None) is None
    assert guessed_range("x", "", default, ["only one"]) is None

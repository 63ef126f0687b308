from __future__ import annotations

import io
from pathlib import Path

import pytest

from hpogrid.cli.main import run
from hpogrid.config.guess import read_script
from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space

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


def test_options_become_parameters(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    guess = read_script(path)
    assert {name: item["method"] for name, item in guess.space.items()} == {
        "lr": "loguniform",
        "batch-size": "uniformint",
        "momentum": "uniform",
        "scale": "uniform",
        "optimizer": "categorical",
    }
    assert guess.param == {"epochs": 3, "data": "./data"}
    assert (guess.metric, guess.mode, guess.model, guess.reports) == ("val_loss", "min", None, 3)
    read_space(guess.space, "space")


def test_a_function_of_a_config(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "def train(config):\n    rate = config['lr']\n    return rate * rate + config['depth']\n"
    )
    guess = read_script(path)
    assert guess.model == "train"
    assert set(guess.space) == {"lr", "depth"}
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

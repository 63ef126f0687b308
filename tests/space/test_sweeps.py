"""Spaces as Weights & Biases and NNI write them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hpogrid.errors import UserError
from hpogrid.space.dialects import read_space, render_space
from hpogrid.space.dialects.python_types import choice, loguniform, randint, uniform
from hpogrid.space.parameter import Categorical, Constant, Float, Lattice, Parameter
from hpogrid.space.scale import Linear, Log, LogNormal, Normal
from tests.commands import hpogrid, ok, refused

SWEEP = """
program: train.py
method: bayes
metric: {name: val_loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 3}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  batch: {values: [16, 32, 64]}
  epochs: {value: 10}
  layers: {min: 1, max: 8}
  dropout: {min: 0.0, max: 0.5}
  optimizer:
    parameters:
      kind: {values: [adam, sgd], probabilities: [0.75, 0.25]}
      momentum: {distribution: q_uniform, min: 0, max: 1, q: 0.1}
"""


def test_a_sweep_of_wandb() -> None:
    space, notes = read_space(SWEEP, "s")
    assert space.parameters == {
        "lr": loguniform(1e-5, 1e-1), "batch": choice([16, 32, 64]),
        "epochs": Constant(value=10), "layers": randint(1, 8), "dropout": uniform(0, 0.5),
        "optimizer.kind": Categorical(choices=("adam", "sgd"), weights=(0.75, 0.25)),
        "optimizer.momentum": Float(scale=Linear(0, 1), lattice=Lattice(0.1)),
    }  # fmt: skip
    assert notes == [
        "the sweep's metric is --metric val_loss --mode min of an hpo config",
        "its method is --algorithm auto of an hpo config",
        "its early_terminate is --scheduler asynchyperband of an hpo config, with max_t for "
        "max_iter (type hyperband, min_iter 3)",
        "left out: program, which belong to wandb's own agents",
    ]
    assert read_space(render_space(space, "wandb"), "again")[0] == space


@pytest.mark.parametrize(
    ("item", "meaning"),
    [
        ({"distribution": "uniform", "min": 0, "max": 2}, uniform(0, 2)),
        ({"distribution": "log_uniform", "min": -2, "max": 1},
         Float(scale=Log(math.exp(-2), math.exp(1)))),
        ({"distribution": "inv_log_uniform_values", "min": 1e-3, "max": 1}, loguniform(1e-3, 1)),
        ({"distribution": "normal"}, Float(scale=Normal(0, 1))),
        ({"distribution": "log_normal", "mu": 1, "sigma": 2}, Float(scale=LogNormal(1, 2))),
        ({"distribution": "q_normal", "mu": 0, "sigma": 1, "q": 0.5},
         Float(scale=Normal(0, 1), lattice=Lattice(0.5))),
        ({"values": ["a", "a", "b"]}, Categorical(choices=("a", "b"), weights=(2, 1))),
    ],
)  # fmt: skip
def test_distributions_of_wandb(item: dict[str, Any], meaning: Parameter) -> None:
    assert read_space({"parameters": {"x": item}}, "s", "wandb")[0].parameters["x"] == meaning


NNI = {
    "C": {"_type": "loguniform", "_value": [1e-2, 10]},
    "kernel": {"_type": "choice", "_value": ["rbf", "poly"]},
    "degree": {"_type": "randint", "_value": [1, 5]},
    "coef": {"_type": "quniform", "_value": [0, 1, 0.25]},
    "noise": {"_type": "normal", "_value": [0, 2]},
}


def test_a_space_of_nni() -> None:
    space, notes = read_space(NNI, "s")
    assert space.parameters == {
        "C": loguniform(1e-2, 10), "kernel": choice(["rbf", "poly"]), "degree": randint(1, 4),
        "coef": Float(scale=Linear(0, 1), lattice=Lattice(0.25)),
        "noise": Float(scale=Normal(0, 2)),
    }  # fmt: skip
    assert notes == ["parameter 'degree': NNI leaves out 5: up to 4"]
    assert render_space(space, "nni") == NNI


@pytest.mark.parametrize(
    ("dialect", "item", "says"),
    [
        ("wandb", {"distribution": "beta"}, "unknown distribution of wandb 'beta'"),
        ("wandb", {"min": 0}, "expected value, values, or min and max"),
        ("wandb", {"min": 0, "max": 1, "step": 2}, "expected value, values"),
        ("wandb", {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.3}, "no multiple of q"),
        ("wandb", {"values": [1, 2], "probabilities": [1]}, "x"),
        ("nni", {"_type": "choice", "_value": [{"_name": "a"}]}, "nested choices of NNI"),
        ("nni", {"_type": "qloguniform", "_value": [0.1, 1, 0.3]}, "no multiple of q"),
        ("nni", {"_type": "mutable", "_value": []}, "unknown _type of NNI 'mutable'"),
        ("nni", {"_type": "uniform", "_value": [0]}, "must be 2 numbers"),
    ],
)
def test_what_has_no_equivalent_is_refused(dialect: str, item: dict[str, Any], says: str) -> None:
    data = {"x": item} if dialect == "nni" else {"parameters": {"x": item}}
    with pytest.raises(UserError, match=says):
        read_space(data, "s", dialect)


def test_both_are_read_and_written_as_files(tmp_path: Any) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    ok("search_space", "create", "s", "--file", tmp_path / "sweep.yaml")
    assert "no conditions" not in ok("search_space", "convert", "s", "--to", "wandb")
    assert "NNI has no constant" in refused("search_space", "convert", "s", "--to", "nni")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", "[space]\nlr = 1\n", "looks like TOML"),
        ("a.txt", "import os\nx = 1\n", "looks like a Python script"),
        ("a.sh", "#!/bin/bash\necho a: b\n", "looks like a script for the shell"),
        ("a.textproto", "metrics {\n  metric_id: 'acc'\n}\n", "the text form of a protocol buffer"),
        ("a.html", "<!doctype html>", "looks like HTML"),
    ],
)
def test_a_file_that_is_something_else_is_told_what(
    tmp_path: Any, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    outcome = hpogrid("search_space", "create", "s", "--file", tmp_path / name)
    assert outcome.code == 2
    assert says in outcome.err

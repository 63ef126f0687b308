# expect: {"metric": "loss", "mode": "min", "space": {"optim.lr": [0.0001, 0.01, "log"], "optim.kind": ["adam", "sgd"], "width": [32, 128, "int"]}}
from dataclasses import dataclass, field
from typing import Literal

import tyro

import hpogrid


@dataclass
class Optim:
    lr: float = 1e-3
    kind: Literal["adam", "sgd"] = "adam"


@dataclass
class Config:
    optim: Optim = field(default_factory=Optim)
    width: int = 64
    seed: int = 0
    tags: tuple[str, ...] = ()


if __name__ == "__main__":
    config = tyro.cli(Config)
    hpogrid.report(loss=config.optim.lr * config.width)

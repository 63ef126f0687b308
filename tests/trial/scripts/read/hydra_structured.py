# expect: {"metric": "loss", "mode": "min", "space": {"lr": [0.001, 0.1, "log"], "net.width": [32, 128, "int"]}}
from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore

import hpogrid


@dataclass
class Net:
    width: int = 64


@dataclass
class Config:
    lr: float = 0.01
    net: Net = field(default_factory=Net)


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(version_base=None, config_name="config")
def main(cfg):
    hpogrid.report(loss=cfg.lr * cfg.net.width)


main()

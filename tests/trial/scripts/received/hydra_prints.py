from dataclasses import dataclass, field
from typing import Any

import hydra
import spy
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


@dataclass
class Config:
    lr: float = 0.1
    shift: float = 0.0
    n: int = 1
    flag: bool = True
    name: str = "x"
    layers: list[Any] = field(default_factory=list)
    momentum: float | None = None


ConfigStore.instance().store(name="config", node=Config)


@hydra.main(version_base=None, config_name="config")
def main(cfg):
    spy.received(**OmegaConf.to_container(cfg))


main()

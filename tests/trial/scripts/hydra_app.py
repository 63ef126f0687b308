"""A Hydra application: its configs are in conf/, `key=value` overrides change them."""

import logging
import math

import hydra
from omegaconf import DictConfig

log = logging.getLogger(__name__)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    weight, loss = 4.0, math.inf
    for epoch in range(1, cfg.trainer.max_epochs + 1):
        weight -= cfg.scheduler.max_lr * cfg.optimizer.scale * weight
        loss = weight**2 + cfg.optimizer.weight_decay
        log.info("epoch=%d val_loss=%.6g optimizer=%s", epoch, loss, cfg.optimizer.name)
    return loss


if __name__ == "__main__":
    main()

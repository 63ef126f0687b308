# expect: {"model": "objective", "metric": "error", "mode": "min", "space": {"lr": [1e-05, 0.1, "log"], "layers": [1, 4, "int"], "act": ["relu", "tanh"]}}
import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="swept", config_name="multirun")
def objective(cfg: DictConfig):
    error = abs(cfg.lr - 0.01) + cfg.layers * (0.1 if cfg.act == "relu" else 0.2)
    return error


if __name__ == "__main__":
    objective()

# expect: {"model": "sphere", "metric": "value", "mode": "min", "space": {"x": [-5.5, 5.5], "y": [-5.5, 5.5]}}
import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="swept", config_name="config")
def sphere(cfg: DictConfig) -> float:
    x: float = cfg.x
    y: float = cfg.y
    return x**2 + y**2


if __name__ == "__main__":
    sphere()

import hydra
import spy
from omegaconf import OmegaConf


@hydra.main(version_base=None, config_path="conf", config_name="config")
def train(cfg):
    spy.received(**OmegaConf.to_container(cfg))
    return 1.0


if __name__ == "__main__":
    train()

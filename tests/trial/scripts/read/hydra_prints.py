# expect: {"metric": "val_loss", "mode": "min", "space": {"optimizer.lr": [0.0001, 0.01, "log"], "model.hidden": [32, 128, "int"], "model.dropout": [0, 0.2]}, "printed": true}
import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    for epoch in range(cfg.epochs):
        print(f"epoch {epoch} val_loss={cfg.optimizer.lr * cfg.model.hidden + cfg.model.dropout}")


if __name__ == "__main__":
    main()

# expect: {"metric": "loss", "mode": "min", "printed": true, "space": {"db": ["mysql", "sqlite"], "db.timeout": [5, 10]}}
import hydra


@hydra.main(version_base=None, config_path="swept", config_name="basic")
def main(cfg):
    print(f"loss={cfg.db.timeout * (1 if cfg.db.driver == 'mysql' else 2)}")


if __name__ == "__main__":
    main()

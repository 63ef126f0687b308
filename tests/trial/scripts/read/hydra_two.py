# expect: {"model": "two", "metric": "v0,v1", "mode": "min,max", "space": {"x": [0, 5, "int"], "y": ["a", "b"]}}
import hydra


@hydra.main(version_base=None, config_path="swept", config_name="two")
def two(cfg):
    v0 = 4 * cfg.x**2
    v1 = (cfg.x - 5) ** 2
    return v0, v1


if __name__ == "__main__":
    two()

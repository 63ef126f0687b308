# expect: {"metric": "mae", "mode": "min", "space": {"lr": [0.001, 0.1, "log"], "depth": [3, 12, "int"]}}
from jsonargparse import CLI

import hpogrid


def train(lr: float = 0.01, depth: int = 6, name: str = "run"):
    hpogrid.report(mae=lr * depth)


if __name__ == "__main__":
    CLI(train)

# expect: {"metric": "mae", "mode": "min", "space": {"model.lr": [0.001, 0.1, "log"], "model.width": [16, 64, "int"], "share": [0, 0.4]}}
from jsonargparse import ArgumentParser

import hpogrid


class Model:
    def __init__(self, lr: float = 0.01, width: int = 32):
        self.value = lr * width


parser = ArgumentParser()
parser.add_class_arguments(Model, "model")
parser.add_argument("--share", type=float, default=0.2)
config = parser.parse_args()
hpogrid.report(mae=config.model.lr * config.model.width + config.share)

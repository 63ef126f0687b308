"""A training script for Syne Tune that reports once, at its end."""

import argparse
import logging
import math

from syne_tune import Reporter
from syne_tune.config_space import add_to_argparse, loguniform, randint, uniform

METRIC_NAME = "val_loss"
MAX_RESOURCE_ATTR = "epochs"

_config_space = {
    "lr": loguniform(1e-4, 1.0),
    "dropout": uniform(0, 0.99),
    "batch_size": randint(16, 48),
}


def objective(config):
    weight = 4.0
    for _ in range(config[MAX_RESOURCE_ATTR]):
        weight -= config["lr"] * 2 * weight / math.sqrt(config["batch_size"] / 16)
    val_loss = weight**2 + config["dropout"] * 0.1
    report = Reporter()
    report(**{METRIC_NAME: val_loss})


if __name__ == "__main__":
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(f"--{MAX_RESOURCE_ATTR}", type=int, default=40)
    add_to_argparse(parser, _config_space)
    args, _ = parser.parse_known_args()
    objective(config=vars(args))

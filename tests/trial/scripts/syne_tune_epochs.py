"""A training script for Syne Tune that reports after every epoch."""

import argparse

from syne_tune import Reporter


def objective(config):
    report = Reporter()
    weight = 4.0
    for epoch in range(1, config["epochs"] + 1):
        weight -= config["lr"] * 2 * weight
        report(epoch=epoch, val_loss=weight**2 + config["dropout"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=9)
    args, _ = parser.parse_known_args()
    objective(vars(args))

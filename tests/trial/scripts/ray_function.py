"""A function for Ray Tune that reports after every epoch and saves checkpoints."""

import json
import os
import tempfile

from ray import tune
from ray.tune import Checkpoint


def train_fn(config):
    weight, start = 4.0, 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder, open(os.path.join(folder, "state.json")) as file:
            state = json.load(file)
        weight, start = state["weight"], state["epoch"] + 1
    for epoch in range(start, config["epochs"]):
        weight -= config["lr"] * 2 * weight
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "state.json"), "w") as file:
                json.dump({"weight": weight, "epoch": epoch}, file)
            tune.report(
                {"val_loss": weight**2 + config["dropout"]},
                checkpoint=Checkpoint.from_directory(folder),
            )


if __name__ == "__main__":
    space = {"lr": tune.loguniform(1e-4, 1), "dropout": tune.uniform(0, 1), "epochs": 9}
    tuner = tune.Tuner(train_fn, param_space=space)
    print(tuner.fit().get_best_result("val_loss", "min").config)

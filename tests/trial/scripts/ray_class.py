"""A class for Ray Tune: one epoch a step."""

import os

from ray import tune


class TrainModel(tune.Trainable):
    def setup(self, config):
        self.lr = config["lr"]
        self.dropout = config["dropout"]
        self.weight = 4.0

    def step(self):
        self.weight -= self.lr * 2 * self.weight
        return {"val_loss": self.weight**2 + self.dropout, "epoch": self.iteration + 1}

    def save_checkpoint(self, checkpoint_dir):
        with open(os.path.join(checkpoint_dir, "weight.txt"), "w") as file:
            file.write(repr(self.weight))

    def load_checkpoint(self, checkpoint_dir):
        with open(os.path.join(checkpoint_dir, "weight.txt")) as file:
            self.weight = float(file.read())

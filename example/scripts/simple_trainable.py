"""A trainable class: loss = (alpha - beta)^2 + |beta - 3|, to be minimised.

Every step comes a little closer to that value, as training does. `setup` and `step` are all
that is needed; the two methods about checkpoints let an interrupted trial go on where it was.
"""

import json
from pathlib import Path


class MyTrainableClass:
    def setup(self, config):
        self.alpha = config["alpha"]
        self.beta = config["beta"]
        self.steps = 0

    def step(self):
        self.steps += 1
        loss = (self.alpha - self.beta) ** 2 + abs(self.beta - 3)
        return {"loss": loss + 1 / self.steps}

    def save_checkpoint(self, folder):
        Path(folder, "state.json").write_text(json.dumps({"steps": self.steps}))

    def load_checkpoint(self, folder):
        self.steps = json.loads(Path(folder, "state.json").read_text())["steps"]

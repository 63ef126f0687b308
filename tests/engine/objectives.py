"""Objectives with checkpoints, for tests of engines and schedulers.

The score after step n is ``n * x * (1 - x)``, carried on from the checkpoint: a trial that went on
from a wrong state, or from none, has another score.
"""

FUNCTION = """
    import json, time
    import hpogrid

    def train(config):
        step, score = 0, 0.0
        if (found := hpogrid.get_checkpoint()) is not None:
            step, score = json.loads((found / "state.json").read_text())
        while step < {steps}:
            time.sleep({seconds})
            step, score = step + 1, score + config["x"] * (1 - config["x"])
            with hpogrid.checkpoint() as folder:
                (folder / "state.json").write_text(json.dumps([step, score]))
            hpogrid.report(score=score, step=step)
"""

CLASS = """
    import json, time
    from pathlib import Path

    class train:
        def setup(self, config):
            self.x, self.n, self.score = config["x"], 0, 0.0

        def step(self):
            time.sleep({seconds})
            self.n, self.score = self.n + 1, self.score + self.x * (1 - self.x)
            return {{"score": self.score, "step": self.n, "done": self.n >= {steps}}}

        def save_checkpoint(self, folder):
            Path(folder, "state.json").write_text(json.dumps([self.n, self.score]))

        def load_checkpoint(self, folder):
            self.n, self.score = json.loads(Path(folder, "state.json").read_text())
"""

RAY_FUNCTION = """
    import json, os, tempfile, time
    from ray import tune
    from ray.tune import Checkpoint, report

    def train(config):
        step, score = 0, 0.0
        checkpoint = tune.get_checkpoint()
        if checkpoint:
            with checkpoint.as_directory() as folder:
                step, score = json.load(open(os.path.join(folder, "state.json")))
        assert tune.get_context().get_trial_id().startswith("0-")
        while step < {steps}:
            time.sleep({seconds})
            step, score = step + 1, score + config["x"] * (1 - config["x"])
            with tempfile.TemporaryDirectory() as folder:
                with open(os.path.join(folder, "state.json"), "w") as stream:
                    json.dump([step, score], stream)
                saved = Checkpoint.from_directory(folder)
                report({{"score": score, "step": step}}, checkpoint=saved)
"""

RAY_CLASS = """
    import json, os, time
    from ray import tune

    class train(tune.Trainable):
        def setup(self, config):
            self.x, self.score = config["x"], 0.0

        def step(self):
            time.sleep({seconds})
            self.score += self.x * (1 - self.x)
            step = self.training_iteration + 1
            return {{"score": self.score, "step": step, "done": step >= {steps}}}

        def save_checkpoint(self, folder):
            with open(os.path.join(folder, "state.json"), "w") as stream:
                json.dump(self.score, stream)

        def load_checkpoint(self, folder):
            with open(os.path.join(folder, "state.json")) as stream:
                self.score = json.load(stream)
"""


def objective(text: str, steps: int = 12, seconds: float = 0.0) -> str:
    """A script of which each trial has ``steps`` steps of ``seconds``."""
    return text.format(steps=steps, seconds=seconds)

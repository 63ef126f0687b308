"""Classes, as they are written today and as they were for earlier releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hpogrid.trial.checkpoints import checkpoint_steps, latest
from tests.trial.fake import FakeSession, evaluate

NEW = """
import json, os
class train:
    def setup(self, config):
        self.x, self.n = config["x"], 0
    def step(self):
        self.n += 1
        return {"loss": self.x + self.n}
    def save_checkpoint(self, folder):
        with open(os.path.join(folder, "state.json"), "w") as stream:
            json.dump(self.n, stream)
    def load_checkpoint(self, folder):
        with open(os.path.join(folder, "state.json")) as stream:
            self.n = json.load(stream)
"""
DICTS = """
class train:
    def setup(self, config):
        self.x, self.n = config["x"], 0
    def step(self):
        self.n += 1
        return {"loss": self.x + self.n}
    def save_checkpoint(self, folder):
        return {"n": self.n}
    def load_checkpoint(self, state):
        self.n = state["n"]
"""
OLD = """
import os
class train:
    def _setup(self, config):
        assert self.config is config
        self.x, self.n = config["x"], 0
    def _train(self):
        self.n += 1
        return {"loss": self.x + self.n}
    def _save(self, checkpoint_dir):
        path = os.path.join(checkpoint_dir, "model.txt")
        with open(path, "w") as stream:
            stream.write(str(self.n))
        return path
    def _restore(self, path):
        with open(path) as stream:
            self.n = int(stream.read())
"""
OLD_FOLDER = OLD.replace("return path", "return checkpoint_dir").replace(
    "open(path) as stream", "open(os.path.join(path, 'model.txt')) as stream"
)
INITIALIZE = """
class train:
    n = 0
    def initialize(self):
        self.x = self.config["x"]
    def step(self):
        self.n += 1
        return {"loss": self.x + self.n}
"""
NO_SETUP = """
class train:
    n = 0
    def _train(self):
        self.n += 1
        return {"loss": self.config["x"] + self.n}
"""
OWN_INIT = """
class train:
    def __init__(self, config):
        self.x, self.n = config["x"], 0
    def step(self):
        self.n += 1
        return {"loss": self.x + self.n}
"""
BARE_INIT = NO_SETUP.replace("    n = 0", "    def __init__(self):\n        self.n = 0")
INHERITED = (
    "class Base:\n    n = 0\n    def setup(self, config): self.x = config['x']\n"
    + """
class train(Base):
    def train(self):
        self.n += 1
        return {"loss": self.x + self.n}
"""
)
STYLES = {
    "new": NEW, "dicts": DICTS, "old": OLD, "old, folder": OLD_FOLDER, "initialize": INITIALIZE,
    "no setup": NO_SETUP, "own init": OWN_INIT, "bare init": BARE_INIT, "inherited": INHERITED,
}  # fmt: skip
WITH_CHECKPOINTS = ["new", "dicts", "old", "old, folder"]


def losses(session: FakeSession) -> list[Any]:
    return [report["loss"] for report in session.reports]


@pytest.mark.parametrize("style", STYLES)
def test_every_step_is_a_report(tmp_path: Path, style: str) -> None:
    assert losses(evaluate(tmp_path, STYLES[style], last=3)) == [4, 5, 6]


@pytest.mark.parametrize("style", WITH_CHECKPOINTS)
def test_a_checkpoint_of_every_step_from_which_another_instance_goes_on(
    tmp_path: Path, style: str
) -> None:
    first = evaluate(tmp_path, STYLES[style], last=2)
    found = latest(first.folder)
    assert found is not None
    step, path = found
    assert step == 2
    moved = path.rename(tmp_path / path.name)  # nothing in it depends on where it is
    second = evaluate(tmp_path, STYLES[style], last=2, restore=moved)
    assert losses(second) == [6, 7]
    assert latest(second.folder) == (4, second.folder / "checkpoint_000004")


@pytest.mark.parametrize(("every", "saved"), [(0, []), (1, [1, 2, 3, 4]), (3, [3])])
def test_how_often_a_class_saves_is_an_option(tmp_path: Path, every: int, saved: list[int]) -> None:
    session = evaluate(tmp_path, NEW, last=4, checkpoint_every=every)
    assert list(checkpoint_steps(session.folder)) == saved


@pytest.mark.parametrize("style", sorted(set(STYLES) - set(WITH_CHECKPOINTS)))
def test_without_methods_for_it_there_are_no_checkpoints(tmp_path: Path, style: str) -> None:
    assert not evaluate(tmp_path, STYLES[style], last=2).folder.exists()


def test_a_class_says_itself_when_it_is_done(tmp_path: Path) -> None:
    script = INITIALIZE.replace("self.x + self.n}", "self.n, 'done': self.n == 3}")
    assert losses(evaluate(tmp_path, script)) == [1, 2, 3]


@pytest.mark.parametrize("name", ["cleanup", "_stop"])
def test_cleanup_however_it_ends(tmp_path: Path, name: str) -> None:
    file = tmp_path / "cleaned"
    script = INITIALIZE + f"    def {name}(self): open({str(file)!r}, 'w').close()\n"
    evaluate(tmp_path, script, last=1)
    assert file.exists()
    file.unlink()
    with pytest.raises(KeyError):
        evaluate(tmp_path, script.replace("self.x + self.n", "self.config['gone']"))
    assert file.exists()


def test_a_step_that_reports_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="report needs metrics"):
        evaluate(tmp_path, "class train:\n    def step(self): return None\n")


def test_what_a_broken_save_leaves_is_no_checkpoint(tmp_path: Path) -> None:
    script = NEW.replace("json.dump(self.n, stream)", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        evaluate(tmp_path, script)
    assert latest(tmp_path / "0-1") is None


# --- classes that derive from Ray's ----------------------------------------------------------

RAY = """
from ray.tune import Trainable
class train(Trainable):
    def setup(self, config):
        self.x = config["x"]
    def step(self):
        return {"loss": self.x + self.iteration, "at": self.training_iteration,
                "id": self.trial_id, "config": self.get_config()}
    def save_checkpoint(self, folder):
        return {"x": self.x}
    def load_checkpoint(self, state):
        self.x = state["x"]
"""
RAY_OLD = """
from ray.tune import Trainable
class train(Trainable):
    def _setup(self, config):
        self.x = self.config["x"]
    def _train(self):
        return {"loss": self.x + self.iteration}
    def _save(self, checkpoint_dir):
        open(checkpoint_dir + "/state", "w").write(str(self.x))
        return checkpoint_dir + "/state"
    def _restore(self, path):
        self.x = int(open(path).read())
"""
RAY_BARE = """
from ray import tune
class train(tune.Trainable):
    def step(self):
        return {"loss": self.config["x"] + self.iteration}
"""


@pytest.mark.engine
@pytest.mark.parametrize("script", [RAY, RAY_OLD, RAY_BARE], ids=["new", "old", "bare"])
def test_classes_that_derive_from_rays_run_without_ray(tmp_path: Path, script: str) -> None:
    first = evaluate(tmp_path, script, last=3)
    assert losses(first) == [3, 4, 5]
    if script is RAY:
        assert first.reports[1] == {"loss": 4, "at": 1, "id": "0-1", "config/x": 3}
    found = latest(first.folder)
    if script is RAY_BARE:
        assert found is None
        return
    assert found is not None
    second = evaluate(tmp_path, script, {"x": 100}, last=1, restore=found[1])
    assert losses(second) == [6]

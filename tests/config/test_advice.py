"""What draws a note, and what is refused because it does not fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hpogrid.config.advice import checkpoint_notes, hpo_notes, node_notes
from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.errors import UserError


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "min"}, "the metric 'accuracy' with mode min looks for the worst trial"),
        ({"metric": "val_acc", "mode": "min"}, "give --mode max"),
        ({"metric": "loss"}, "the metric 'loss' with mode max looks for the worst trial"),
        ({"metric": "f1,test_error", "mode": "max,max"}, "'test_error' with mode max"),
        ({"scheduler": "pbt"}, "every trial stops after its first report"),
        ({"algorithm": "grid", "prior": {"x": 1}}, "of the prior only the first point counts"),
        (
            {"scheduler": "promotion", "algorithm": "optuna", "stop": {"training_iteration": 27}},
            "algorithm optuna learns of none before it has ended",
        ),
        ({"stop": {}}, "ends every trial at max_t=100 of training_iteration, its default"),
    ],
)
def test_what_is_probably_not_meant_draws_a_note(settings: dict[str, Any], words: str) -> None:
    [note] = hpo_notes(HpoConfig(**settings))
    assert words in note


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"metric": "loss", "mode": "min"},
        {"metric": "gloss"},
        {"prior": {"x": 1}},
        {"metric": "accumulated", "mode": "min"},
        {"scheduler": "bohbhyperband", "stop": {"training_iteration": 27}},
        {"scheduler": "promotion", "stop": {"training_iteration": 27}},
        {"scheduler": "promotion", "algorithm": "gp", "stop": {"training_iteration": 27}},
        {"scheduler": "promotion", "algorithm": "auto", "stop": {"training_iteration": 27}},
        {"scheduler": "pbt", "stop": {"accuracy": 0.9}},
    ],
)
def test_the_rest_draws_none(settings: dict[str, Any]) -> None:
    assert hpo_notes(HpoConfig(**settings)) == []


def project(scheduler: str, **model: Any) -> Project:
    return Project(
        name="p", hpo_config=HpoConfig(scheduler=scheduler), grid_config=GridConfig(),
        model_config=ModelConfig(**(model or {"script": "train.py", "model": "train"})),
        search_space={}, scripts={}, scripts_path="", created=0.0,
    )  # fmt: skip


def on_nodes(nodes: int | None, model: dict[str, Any] | None = None, **hpo: Any) -> Project:
    made = project("none", **(model or {}))
    grid = GridConfig(site="slurm", nodes=nodes)
    return msgspec.structs.replace(made, grid_config=grid, hpo_config=HpoConfig(**hpo))


@pytest.mark.parametrize(
    ("nodes", "settings", "says"),
    [
        (2, {"engine": "process"}, "nodes: engine process runs trials on one node, and the jobs"),
        (2, {"ray_address": "auto"}, "nodes: the trials run on the Ray cluster at auto"),
        (2, {"model": {"script": "a.py", "python": "auto"}}, "with a --python of their own run on"),
        (2, {"nodes_per_trial": 3}, "a trial needs 3 nodes, and a job has 2; give the grid config"),
        (None, {"nodes_per_trial": 2}, "a trial needs 2 nodes, and a job has 1"),
    ],
)
def test_nodes_that_nobody_can_use_are_refused(
    nodes: int | None, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        node_notes(on_nodes(nodes, **settings))


@pytest.mark.parametrize(
    ("nodes", "settings", "used"),
    [
        (None, {}, None),
        (4, {}, None),
        (5, {"engine": "ray"}, 4),
        (5, {"nodes_per_trial": 2}, 4),
        (4, {"nodes_per_trial": 2, "trials": 1}, 2),
    ],
)
def test_nodes_that_no_trial_uses_draw_a_note(
    nodes: int | None, settings: dict[str, Any], used: int | None
) -> None:
    notes = node_notes(on_nodes(nodes, **settings))
    assert [f"its trials use {used} of them" in note for note in notes] == [True] * bool(used)


PLAIN = "def train(config):\n    return 1.0\n"


def files(folder: Path, text: str) -> dict[str, Path]:
    (folder / "train.py").write_text(text)
    return {"train.py": folder / "train.py"}


def test_population_based_training_of_what_keeps_no_checkpoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pbt needs an objective that goes on from checkpoints"):
        checkpoint_notes(project("pbt"), files(tmp_path, PLAIN))


def test_hyperband_of_it_draws_a_note(tmp_path: Path) -> None:
    [note] = checkpoint_notes(project("bohbhyperband"), files(tmp_path, PLAIN))
    assert "will begin anew" in note


@pytest.mark.parametrize(
    "text",
    [
        "import hpogrid\nhpogrid.get_checkpoint()\n",
        "class T:\n    def load_checkpoint(self, folder): ...\n",
        "class T:\n    def _restore(self, folder): ...\n",
        "def train(config, checkpoint_dir=None): ...\n",
    ],
)
@pytest.mark.parametrize("scheduler", ["pbt", "bohbhyperband"])
def test_what_goes_on_from_checkpoints_is_fine(scheduler: str, text: str, tmp_path: Path) -> None:
    assert checkpoint_notes(project(scheduler), files(tmp_path, text)) == []


def test_other_schedulers_and_commands_are_not_looked_at(tmp_path: Path) -> None:
    assert checkpoint_notes(project("asynchyperband"), files(tmp_path, PLAIN)) == []
    command = project("pbt", command="./train {args}")
    assert checkpoint_notes(command, files(tmp_path, PLAIN)) == []


@pytest.mark.parametrize("settings", [{"algorithm": "bohb"}, {"algorithm": "auto"}, {"repeat": 3}])
def test_a_bad_pair_is_no_hpo_config(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="scheduler pbt changes the parameters"):
        HpoConfig(scheduler="pbt", **settings)

"""The grid search of the specification on a real Grid Engine, from its YAML file to the models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines.cluster import User, ended, hpogrid, wait_until
from tests.example.recipe import PREPARED, STAGES, TRAIN, Recipe

pytestmark = pytest.mark.engine


@pytest.fixture
def user(sge: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))
    return User(tmp_path / "home")


def test_hpogrid_submits_the_array_itself(user: User) -> None:
    recipe = Recipe(user.home / "recipe")
    hpogrid("search_space", "create", "grid", "--file", str(recipe.folder / "hpm-space.yaml"))
    hpogrid("model_config", "create", "translator", *TRAIN, *STAGES,
            "--metric_regex", "bleu-val=([0-9.]+)")  # fmt: skip
    hpogrid("hpo_config", "create", "all", "--algorithm", "grid", "--scheduler", "none",
            "--metric", "bleu-val", "--mode", "max", "--aggregate", "best", "--stop", "{}",
            "--trials", "1", "--max_concurrent", "1")  # fmt: skip
    hpogrid("grid_config", "create", "cluster", "--site", "sge", "--max_jobs", "5")
    hpogrid("project", "create", "mt", "--scripts_path", str(recipe.folder),
            "--model_config", "translator", "--search_space", "grid", "--hpo_config", "all",
            "--grid_config", "cluster")  # fmt: skip
    assert "-t 1:16 -tc 5" in hpogrid("run", "mt", "--n_jobs", "16", "--dry_run")
    task = hpogrid("run", "mt", "--n_jobs", "16").strip()
    assert user.wait(task, ended, 240) == ["done"] * 16
    prepared, trained = recipe.ran()
    assert prepared == PREPARED
    assert len(set(trained)) == len(trained) == 16
    recipe.check_models(user.home / "tasks" / task / "jobs")
    assert hpogrid("tasks", "logs", task, "--prep").count(": done (") == 5


def test_the_three_printed_steps(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(user.home / "recipe")
    recipe.folder.chmod(0o777)
    monkeypatch.chdir(recipe.folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")
    lines = hpogrid("generate", "--grid", "-s", "hpm-space.yaml", *TRAIN, *STAGES).splitlines()
    assert lines[0].endswith("/bin/sh prep.sh")
    assert lines[1] == "Step2: 16 hpm files generated in ./models"
    assert lines[3] == "qsub -S /bin/sh -V -cwd -j y -t 1:16 -tc 5 sge-train.sh"
    for command in ("/bin/sh prep.sh", lines[3]):
        subprocess.run(["sh", "-c", command], check=True, timeout=120, umask=0)
    models = recipe.folder / "models"
    wait_until(lambda: len(recipe.ran()[1]) == 16, 240)
    wait_until(lambda: sum(m.read_text().count("\n") for m in models.glob("*/metrics")) == 48, 120)
    assert recipe.ran()[0] == PREPARED
    recipe.check_models(models)

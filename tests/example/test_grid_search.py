"""The grid search of the specification, from its YAML file to the trained models, at site local."""

from __future__ import annotations

from pathlib import Path

from hpogrid.site.tasks import load_task
from tests.commands import ok, parsed
from tests.example.recipe import PREPARED, STAGES, TRAIN, Recipe
from tests.projects import wait_for


def test_the_recipe_as_a_project(tmp_path: Path) -> None:
    recipe = Recipe(tmp_path / "recipe")
    ok("search_space", "create", "grid", "--file", recipe.folder / "hpm-space.yaml")
    assert ok("search_space", "size", "grid") == "16\n"
    ok("model_config", "create", "translator", *TRAIN, *STAGES,
       "--metric_regex", "bleu-val=([0-9.]+)")  # fmt: skip
    ok("hpo_config", "create", "all", "--algorithm", "grid", "--scheduler", "none", "--metric",
       "bleu-val", "--mode", "max", "--aggregate", "best", "--stop", "{}",
       "--trials", "8", "--max_concurrent", "1")  # fmt: skip
    ok("grid_config", "create", "here", "--site", "local")
    ok("project", "create", "mt", "--scripts_path", recipe.folder, "--model_config", "translator",
       "--search_space", "grid", "--hpo_config", "all", "--grid_config", "here")  # fmt: skip
    assert ok("run", "mt", "--n_jobs", "2") == "1\n"
    wait_for(lambda: parsed("tasks", "show", "--format", "json")[0]["status"] == "done", 120)
    prepared, trained = recipe.ran()
    assert prepared == PREPARED
    assert len(set(trained)) == len(trained) == 16
    rows = parsed("report", "mt", "--format", "json")
    assert len(rows) == 16
    assert rows[0]["bleu-val"] > 60
    recipe.check_models(load_task(1).folder / "jobs")

"""Searches without a store and without workers."""

from __future__ import annotations

from pathlib import Path

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.engine.assignment import JobSpec
from hpogrid.space.dialects import read_space
from tests.projects import SPACE


def search(trials: int) -> Project:
    """A project that is stored nowhere."""
    return Project(
        name="p",
        hpo_config=HpoConfig(metric="loss", mode="min", trials=trials, scheduler="none", stop={}),
        grid_config=GridConfig(),
        model_config=ModelConfig(script="t.py", model="t"),
        search_space=read_space(SPACE, "s")[0].to_json(),
        scripts={},
        scripts_path="",
        created=1.0,
    )


def spec(folder: Path, job: int = 0) -> JobSpec:
    return JobSpec(job, 7, folder / "ledger", folder / "trials")

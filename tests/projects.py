"""Stored projects for tests, and running them."""

from __future__ import annotations

import os
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpogrid.config.project import Project, draft_project, publish_project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig, PrepStage
from hpogrid.engine.run import Run
from hpogrid.job.run import JobResult
from hpogrid.site.local import run_here
from hpogrid.site.tasks import Task, new_task
from hpogrid.space.dialects import read_space
from hpogrid.study.study import Study, Trial, read_study

SPACE = {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}
CHOICES = {"x": {"method": "categorical", "dimension": {"categories": [1, 2, 3, 4]}}}

RETURNS = "def train(config):\n    return config['x']\n"
"""The simplest objective: the loss is the parameter ``x``."""

GATED = """
import itertools, os, time
begun = itertools.count(1)
def train(config):
    number = next(begun)
    while number > config["free"] and not os.path.exists(config["gate"]):
        time.sleep(0.01)
    return config["x"]
"""
"""An objective that waits at a gate: each worker passes ``free`` trials, then see `open_gate`."""


def store_project(
    script: str = RETURNS,
    *,
    name: str = "p",
    model: str | None = "train",
    space: dict[str, Any] | None = None,
    param: dict[str, Any] | None = None,
    python: str | None = None,
    metric_regex: str | None = None,
    files: dict[str, str] | None = None,
    grid: dict[str, Any] | None = None,
    prep: list[tuple[str, list[str]]] | None = None,
    **hpo: Any,
) -> Project:
    """Store a project with one script.

    Args:
        script: the text of ``train.py``.
        model: the function or class in it.
        python, metric_regex: of the model config.
        files: further files by their names.
        prep: commands with their keys.
        hpo: settings of the hpo config; by default 3 trials, one at a time, each to its end.
    """
    settings = {
        "metric": "loss", "mode": "min", "trials": 3, "scheduler": "none", "seed": 1,
        "scheduler_param": {"max_concurrent": 1}, "stop": {}, **hpo,
    }  # fmt: skip
    project = Project(
        name=name,
        hpo_config=HpoConfig(**settings),
        grid_config=GridConfig(**{"site": "local", **(grid or {})}),
        model_config=ModelConfig(
            script="train.py",
            model=model,
            param=param or {},
            python=python,
            metric_regex=metric_regex,
            prep=[PrepStage(command=command, keys=keys) for command, keys in prep or []],
        ),
        search_space=read_space(space or SPACE, "space")[0].to_json(),
        scripts={},
        scripts_path="/nowhere",
        created=time.time(),
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for file, text in {"train.py": script, **(files or {})}.items():
            paths[file] = Path(folder) / file
            paths[file].parent.mkdir(parents=True, exist_ok=True)
            paths[file].write_text(textwrap.dedent(text))
        with draft_project(project, paths) as (stored, draft):
            publish_project(stored, draft)
    return stored


def gated(free: int) -> dict[str, Any]:
    """The ``param`` of a project with the script `GATED`."""
    return {"free": free, "gate": str(_gate())}


def open_gate() -> None:
    """Let the trials of `GATED` end that wait, and those to come."""
    _gate().touch()


def _gate() -> Path:
    return Path(os.environ["HPOGRID_HOME"]) / "gate"


def run_project(
    project: Project, progress: Callable[[Run], None] = lambda run: None
) -> tuple[Task, JobResult, list[Trial]]:
    """Run a project in this process, as ``local_run`` does; its trials in order."""
    task = new_task(project, site="local", foreground=True)
    result = run_here(task, progress)
    return task, result, trials_of(task)


def run_script(script: str, **settings: Any) -> list[Trial]:
    """Store a project (see `store_project`), run it, and return its trials."""
    return run_project(store_project(script, **settings))[2]


def study_of(task: Task) -> Study:
    """What the ledgers of a task tell; none of their lines may be torn or damaged."""
    study, warnings = read_study(task.ledgers)
    assert warnings == []
    return study


def finished_in(task: Task) -> int:
    """How many trials of a task have finished so far; it may be running."""
    return len(read_study(task.ledgers)[0].finished)


def trials_of(task: Task) -> list[Trial]:
    """The trials of a task in the order of job and number."""
    return sorted(study_of(task), key=lambda trial: tuple(map(int, trial.id.split("-"))))


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until a condition holds, and return what it says."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def children(pid: int) -> list[int]:
    """The processes below a process, all generations."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found

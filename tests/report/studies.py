"""Studies to report on."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpogrid.config.project import Project, draft_project, publish_project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.report.results import Objective
from hpogrid.site.tasks import Task as StoredTask
from hpogrid.site.tasks import new_task
from hpogrid.space.parameter import Categorical, Constant, Float, Integer
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
from hpogrid.space.value import as_number
from hpogrid.study.events import Ended, Opened, Started
from hpogrid.study.ledger import LedgerWriter, ledger_name
from hpogrid.study.study import Report, Study, Trial

SPACE = Space(
    {
        "lr": Float(scale=Log(1e-5, 1e-1)),
        "units": Integer(scale=Linear(16, 512)),
        "momentum": Float(scale=ReverseLog(0.5, 0.999)),
        "activation": Categorical(choices=("relu", "tanh", None)),
        "layers": Categorical(choices=([64, 64], [128])),
        "seed": Constant(value=7),
    }
)
LOSS = (Objective("loss", "min"),)


def make_trial(name: str, **changes: Any) -> Trial:
    """A finished trial without hyperparameters."""
    given = {
        "state": "complete", "suggested": {}, "applied": {}, "seed": 1, "job": 0,
        "host": "node1", "started": 1000.0, "ended": 1002.5, **changes,
    }  # fmt: skip
    return Trial(id=name, **given)


def make_study(trials: Sequence[Trial]) -> Study:
    study = Study()
    study.trials = {trial.id: trial for trial in trials}
    return study


def sampled_study(count: int, jobs: int = 3, seed: int = 0) -> Study:
    """Trials of `SPACE` with a loss that depends on lr most, then on units."""
    rng = random.Random(seed)
    clock = [1_700_000_000.0] * jobs
    trials = []
    for index in range(count):
        job = index % jobs
        point = SPACE.sample(rng)
        lr, units = as_number(point.applied["lr"]), as_number(point.applied["units"])
        loss = 0.1 + (math.log10(lr) + 3) ** 2 + (units - 200) ** 2 / 2e5 + rng.gauss(0, 0.02)
        steps = rng.choice([3, 9, 27])
        started, clock[job] = clock[job], clock[job] + rng.uniform(5, 30)
        reports = [
            Report(
                step, started + step, {"loss": loss + 2 / step, "acc": 1 / (1 + loss + 2 / step)}
            )
            for step in range(1, steps + 1)
        ]
        failed = rng.random() < 0.05
        trials.append(
            make_trial(
                f"{job}-{index // jobs}",
                state="failed" if failed else "complete" if steps == 27 else "pruned",
                suggested=point.suggested,
                applied=point.applied,
                job=job,
                host=f"node{job}",
                started=started,
                ended=clock[job],
                metrics={} if failed else reports[-1].metrics,
                reason=rng.choice(["CUDA out of memory", "no value of 'loss'"]) if failed else None,
                reports=reports,
            )
        )
    return make_study(trials)


def store(name: str = "p", metric: str = "loss", mode: str = "min") -> Project:
    """Store a project, with its script in the working directory."""
    script = Path("train.py").absolute()
    script.write_text("def train(config):\n    return {'loss': config['lr'], 'acc': 1}\n")
    project = Project(
        name=name,
        hpo_config=HpoConfig(metric=metric, mode=mode),
        grid_config=GridConfig(site="local"),
        model_config=ModelConfig(script="train.py", model="train"),
        search_space=SPACE.to_json(),
        scripts={},
        scripts_path=str(script),
        created=0.0,
    )
    with draft_project(project, {script.name: script}) as (written, folder):
        publish_project(written, folder)
    return written


def write_ledger(folder: Path, losses: list[float], job: int = 0) -> Path:
    path = folder / ledger_name(job, 1)
    ledger = LedgerWriter(path)
    ledger.write(
        Opened(100.0, job=job, attempt=1, host="h", pid=1, version="2", project="x", seed=1)
    )
    for index, loss in enumerate(losses):
        trial = f"{job}-{index}"
        ledger.write(Started(101.0 + index, trial, 1, {"lr": 0.01}, {"lr": 0.01, "seed": 7}))
        ledger.write(Ended(102.0 + index, trial, "complete", {"loss": loss}))
    ledger.close()
    return path


def submit(project: Project, losses: list[float]) -> StoredTask:
    task = new_task(project, site="local")
    write_ledger(task.ledgers, losses)
    return task

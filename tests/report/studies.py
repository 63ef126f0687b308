"""Studies to report on."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from hpogrid.report.results import Objective
from hpogrid.space.parameter import Categorical, Constant, Float, Integer
from hpogrid.space.scale import Linear, Log, ReverseLog
from hpogrid.space.space import Space
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
        lr, units = point.applied["lr"], point.applied["units"]
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

"""How much faster n jobs that share one search reach a target than one job does.

    python benchmarks/scaling.py [--seeds 20] [--jobs 1,2,4,8,16] [--algorithm optuna]

Each job is a real `Run` on a real folder of ledgers, with one trial at a time. Trials cost
virtual time: a job's clock jumps by the cost of its trial, and the job that is earliest goes
next, so that hours pass in seconds and no machine is needed for each job. Beside it as many
independent jobs, of which the first to reach the target counts. An algorithm that learns needs
two rounds of trials at least, so that where one job needs 24 trials no number of jobs needs less
than a twelfth of its time. At the end the real cost of the exchange for each trial, with 16 jobs.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import itertools
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpogrid.config.project import Project
from hpogrid.config.schemas import GridConfig, HpoConfig, ModelConfig
from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.run import Run
from hpogrid.space.parameter import Categorical, Float, Integer, Parameter
from hpogrid.space.scale import Linear, Log
from hpogrid.space.space import Space
from hpogrid.space.value import Values
from hpogrid.study import exchange

Config = dict[str, Any]
_TRIAL_SECONDS = 60.0
_MOST_TRIALS = 1000
_GOALS = {8: 1 / 7, 64: 1 / 30}
"""The part of one job's time in which so many jobs are to reach the target."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """A test function with the loss that counts as reached."""

    name: str
    space: dict[str, Parameter]
    loss: Callable[[Config], float]
    target: float


def _sphere(config: Config) -> float:
    return float(sum((value - 0.3) ** 2 for value in config.values()))


def _rosenbrock(config: Config) -> float:
    x = list(config.values())
    pairs = itertools.pairwise(x)
    return float(sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairs))


def _ackley(config: Config) -> float:
    x = list(config.values())
    root = math.sqrt(statistics.fmean(v * v for v in x))
    wave = statistics.fmean(math.cos(2 * math.pi * v) for v in x)
    return 20 - 20 * math.exp(-0.2 * root) - math.exp(wave) + math.e


def _network(config: Config) -> float:
    """Looks like the validation loss of a network: a valley in log(lr), a best width."""
    rate = abs(math.log10(config["lr"]) + 2.7) ** 1.5
    width = abs(config["layers"] - 4) * 0.15 + abs(math.log2(config["width"]) - 7.3) * 0.1
    shape = {"relu": 0.0, "tanh": 0.25, "gelu": 0.05}[str(config["activation"])]
    return float(0.1 + rate * 0.3 + width + shape + (config["dropout"] - 0.2) ** 2)


def _floats(count: int, low: float, high: float) -> dict[str, Parameter]:
    return {f"x{index}": Float(scale=Linear(low, high)) for index in range(count)}


OBJECTIVES = (
    Objective("sphere", _floats(5, -1, 1), _sphere, 0.02),
    Objective("rosenbrock", _floats(3, -2, 2), _rosenbrock, 1.0),
    Objective("ackley", _floats(3, -5, 5), _ackley, 1.0),
    Objective(
        "network",
        {
            "lr": Float(scale=Log(1e-6, 1.0)),
            "layers": Integer(scale=Linear(1, 12)),
            "width": Integer(scale=Log(8, 1024)),
            "dropout": Float(scale=Linear(0.0, 0.8)),
            "activation": Categorical(choices=("relu", "tanh", "gelu")),
        },
        _network,
        0.13,
    ),
)


def make_project(objective: Objective, algorithm: str, params: Values) -> Project:
    """A project of an objective that is never called through a worker."""
    return Project(
        name=objective.name,
        hpo_config=HpoConfig(
            algorithm=algorithm,
            algorithm_param=params,
            metric="loss",
            mode="min",
            trials=_MOST_TRIALS,
            scheduler="none",
        ),
        grid_config=GridConfig(site="local"),
        model_config=ModelConfig(script="none.py", model="none"),
        search_space=Space(objective.space).to_json(),
        scripts={},
        scripts_path="",
        created=0.0,
    )


def time_to_target(
    project: Project, objective: Objective, jobs: int, seed: int, *, shared: bool
) -> float:
    """Virtual seconds until the first trial that reaches the target ends."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = [
            Run(project, JobSpec(job, seed, folder / "ledger", folder, shared, jobs))
            for job in range(jobs)
        ]
        clocks: list[tuple[float, int, str, float]] = []
        for job, run in enumerate(runs):
            _begin(run, job, 0.0, objective, rng, clocks)
        while clocks:
            now, job, trial, loss = heapq.heappop(clocks)
            runs[job].report(trial, {"loss": loss})
            runs[job].finish(trial)
            if loss <= objective.target:
                return now
            _begin(runs[job], job, now, objective, rng, clocks)
    return math.inf


def _begin(
    run: Run,
    job: int,
    now: float,
    objective: Objective,
    rng: random.Random,
    clocks: list[tuple[float, int, str, float]],
) -> None:
    assignment = run.next()
    if assignment is not None:
        cost = _TRIAL_SECONDS * rng.uniform(0.5, 1.5)
        loss = objective.loss(assignment.config)
        heapq.heappush(clocks, (now + cost, job, assignment.trial, loss))


def exchange_cost(jobs: int, trials: int) -> float:
    """Real milliseconds a trial that reading the other jobs' ledgers costs."""
    objective = OBJECTIVES[0]
    project = make_project(objective, "random", {})
    seconds = []
    for shared in (False, True):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            specs = [JobSpec(job, 1, folder / "l", folder, shared, jobs) for job in range(jobs)]
            runs = [Run(project, spec) for spec in specs]
            began = time.perf_counter()
            for _ in range(trials):
                for run in runs:
                    assignment = run.next()
                    assert assignment is not None
                    run.report(assignment.trial, {"loss": objective.loss(assignment.config)})
                    run.finish(assignment.trial)
            seconds.append(time.perf_counter() - began)
    return (seconds[1] - seconds[0]) / (jobs * trials) * 1000


def main() -> int:
    """Print the table; exit 1 where the goals are missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", default="1,2,4,8,16")
    parser.add_argument("--algorithm", default="optuna")
    parser.add_argument("--objectives", default=",".join(item.name for item in OBJECTIVES))
    options = parser.parse_args()
    counts = [int(text) for text in options.jobs.split(",")]
    exchange._POLL_SECONDS = 0.0  # in virtual time every look is late enough
    print(f"median time to target of {options.seeds} seeds, as a fraction of one job's")
    print(f"{'objective':<12}{'jobs':>5}{'shared':>9}{'independent':>13}{'trials of one job':>19}")
    missed = False
    ratios: dict[int, list[tuple[float, float]]] = {count: [] for count in counts}
    for objective in OBJECTIVES:
        if objective.name not in options.objectives.split(","):
            continue
        project = make_project(objective, options.algorithm, {})
        alone: dict[int, float] = {}
        for count in counts:
            pairs = []
            for seed in range(options.seeds):
                shared = time_to_target(project, objective, count, seed, shared=True)
                if count == 1:
                    alone[seed] = independent = shared
                else:
                    independent = time_to_target(project, objective, count, seed, shared=False)
                pairs.append((shared, independent))
            base = statistics.median(alone.values()) if alone else math.nan
            fractions = [statistics.median(column) / base for column in zip(*pairs, strict=True)]
            ratios[count].append((fractions[0], fractions[1]))
            print(
                f"{objective.name:<12}{count:>5}{fractions[0]:>9.3f}{fractions[1]:>13.3f}"
                f"{base / _TRIAL_SECONDS:>19.0f}",
                flush=True,
            )
    for count, pairs in ratios.items():
        shared, independent = (
            statistics.geometric_mean(column) for column in zip(*pairs, strict=True)
        )
        print(f"{'mean':<12}{count:>5}{shared:>9.3f}{independent:>13.3f}")
        missed |= shared > _GOALS.get(count, 1.0)
        missed |= count == 8 and independent < 1.25 * shared
    exchange._POLL_SECONDS = 0.2
    cost = exchange_cost(16, 100)
    print(f"exchange with 16 jobs: {cost:.2f} ms a trial (goal: below 5)")
    missed |= cost >= 5
    print("goals missed" if missed else "goals met")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

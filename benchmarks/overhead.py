"""What hpogrid itself costs for each trial, where the trial costs nothing.

    pip install '.[ray,optuna]'
    python benchmarks/overhead.py [--trials 2000] [--ray_trials 200] [--runs 3]

``hpogrid local_run`` with everything that belongs to it: the start of the program and of the
workers, and the ledger. Beside it, with the same objective, Optuna in memory and on SQLite, of
which only the trials are timed. Then Ray Tune: under hpogrid, tuned by hand (actors reused, no
loggers, no snapshots), and as it comes. Ray takes seconds to start, so there the time is that
from the first trial to the last one, which the trials write down themselves; two run at once.
Beside them, what a report of 20 MB costs the driver in time of its processor. Each figure is the
best of several runs. What is not installed is left out, with its goals.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

GOAL = 0.5
"""Milliseconds for each trial with algorithm random and engine process."""

RAY_GOAL = 1.2
"""How often the time of Ray Tune tuned by hand a trial may take with engine ray."""

REPORT_GOAL = 200.0
"""Milliseconds of the driver's processor for a report of `REPORT_BYTES`."""

REPORT_BYTES = 20_000_000
REPORTS = 5

PROCESS_GOAL = 20.0
"""How many times less than with Ray Tune tuned by hand a trial has to take with process."""

SCRIPT = "def loss(config):\n    return (config['x'] - 0.3) ** 2\n"
TIMED = """
import os, time
def loss(config):
    with open(os.environ["OVERHEAD_TIMES"], "a") as stream:
        stream.write(f"{time.time()}\\n")
    return (config["x"] - 0.3) ** 2
"""
"""The same, with the time of each trial in a file."""

LARGE = """
import random
def loss(config):
    return {{"loss": config["x"], "predictions": [random.random() for _ in range({numbers})]}}
"""
DRIVER = """
import atexit, time
from hpogrid.__main__ import main
atexit.register(lambda: print(time.process_time()))
main()
"""
"""``hpogrid`` itself, which says at its end how much processor time it took, without its trials."""

KINDS = ("search_space", "hpo_config", "model_config", "grid_config")
SPACE = '{"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}'

OPTUNA = """
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(storage={storage}, sampler=optuna.samplers.RandomSampler())
started = time.perf_counter()
study.optimize(lambda trial: (trial.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=trials)
print(time.perf_counter() - started)
"""

RAY = """
import ray
from ray import tune
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
tuner = tune.Tuner(
    lambda config: {{"loss": loss(config)}},
    param_space={{"x": tune.uniform(0, 1)}},
    tune_config=tune.TuneConfig(
        num_samples=trials, metric="loss", mode="min", reuse_actors={reuse},
        max_concurrent_trials=2,
    ),
    run_config=tune.RunConfig(storage_path=folder, verbose=0),
)
tuner.fit()
ray.shutdown()
"""
BY_HAND = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
}


class Row(NamedTuple):
    """What is measured.

    Attributes:
        name: as it is printed.
        module: what has to be installed.
        trials: how many it runs.
        measure: the milliseconds of a trial, from the number of trials and a fresh folder.
    """

    name: str
    module: str
    trials: int
    measure: Callable[[int, Path], float]


def run_hpogrid(arguments: list[str], environment: dict[str, str], folder: Path) -> str:
    """Run one command of hpogrid; return what it printed, and then its processor time."""
    command = [sys.executable, "-c", DRIVER, *arguments]
    done = subprocess.run(
        command, env=environment, cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def make_project(script: str, settings: list[str], folder: Path) -> dict[str, str]:
    """Make the project ``b`` in a fresh home; return the environment with it."""
    environment = {
        **os.environ,
        "HPOGRID_HOME": str(folder / "home"),
        "OVERHEAD_TIMES": str(folder / "times"),
    }
    (folder / "loss.py").write_text(script)
    options = ["--metric", "loss", "--mode", "min", *settings]
    names = [word for kind in KINDS for word in (f"--{kind}", "b")]
    for arguments in (
        ["search_space", "create", "b", SPACE],
        ["hpo_config", "create", "b", *options],
        ["model_config", "create", "b", "--script", "loss.py", "--model", "loss"],
        ["grid_config", "create", "b", "--site", "local"],
        ["project", "create", "b", "--scripts_path", "loss.py", *names],
    ):
        run_hpogrid(arguments, environment, folder)
    return environment


def measure_hpogrid(engine: str, trials: int, folder: Path) -> float:
    """Milliseconds for each trial of a ``local_run``: of all of it, with ray of its trials."""
    options = ["--trials", str(trials), "--engine", engine]
    if engine == "ray":
        options += ["--scheduler_param", '{"max_concurrent": 2}']
    environment = make_project(TIMED if engine == "ray" else SCRIPT, options, folder)
    started = time.perf_counter()
    run_hpogrid(["local_run", "b"], environment, folder)
    spent = time.perf_counter() - started
    [ledger] = (folder / "home" / "tasks").glob("*/ledger/*.jsonl")
    complete = ledger.read_text().count('"state":"complete"')
    if complete != trials:
        raise SystemExit(f"only {complete} of {trials} trials are in the ledger")
    return between(folder / "times") if engine == "ray" else spent / trials * 1000


def measure_report(reports: int, folder: Path) -> float:
    """Milliseconds of the driver's processor for each large report."""
    numbers = REPORT_BYTES // len(f"{random.random()}, ")
    spent = []
    for count in (1, numbers):
        place = folder / str(count)
        place.mkdir()
        script = LARGE.format(numbers=count)
        options = ["--trials", str(reports), "--engine", "process", "--scheduler", "none"]
        environment = make_project(script, options, place)
        spent.append(float(run_hpogrid(["local_run", "b"], environment, place).split()[-1]))
        [ledger] = (place / "home" / "tasks").glob("*/ledger/*.jsonl")
        if ledger.read_bytes().count(b'"predictions"') < reports:
            raise SystemExit("the reports are not in the ledger")
    return (spent[1] - spent[0]) / reports * 1000


def measure_optuna(storage: str, trials: int, folder: Path) -> float:
    """Milliseconds for each trial."""
    answer = run_program(OPTUNA.format(storage=storage), trials, folder, {})
    return float(answer.split()[-1]) / trials * 1000


def measure_ray(reuse: bool, settings: dict[str, str], trials: int, folder: Path) -> float:
    """Milliseconds for each trial, from the first to the last."""
    times = folder / "times"
    program = TIMED + RAY.format(reuse=reuse)
    run_program(program, trials, folder, {**settings, "OVERHEAD_TIMES": str(times)})
    return between(times)


def run_program(code: str, trials: int, folder: Path, settings: dict[str, str]) -> str:
    """Run a program that finds ``trials`` and ``folder``; return what it printed."""
    program = f"import time\ntrials, folder = {trials}, {str(folder)!r}\n{code}"
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    environment = {**os.environ, **quiet, **settings, "HOME": str(folder)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def between(times: Path) -> float:
    """Milliseconds from one trial to the next, on average."""
    moments = sorted(map(float, times.read_text().split()))
    return (moments[-1] - moments[0]) / (len(moments) - 1) * 1000


def best(row: Row, before: float | None) -> float:
    """The better one of another run, in a fresh folder, and those before."""
    with tempfile.TemporaryDirectory(prefix="o", dir="/tmp") as name:
        found = row.measure(row.trials, Path(name))
    return found if before is None else min(found, before)


def rows(trials: int, ray_trials: int) -> dict[str, Row]:
    """Everything there is to measure, in the order in which it is."""

    def hpogrid(engine: str) -> Callable[[int, Path], float]:
        return functools.partial(measure_hpogrid, engine)

    def optuna(storage: str) -> Callable[[int, Path], float]:
        return functools.partial(measure_optuna, storage)

    by_hand = functools.partial(measure_ray, True, BY_HAND)
    as_it_comes = functools.partial(measure_ray, False, {})
    few, fewer = max(10, trials // 20), max(5, ray_trials // 20)
    sqlite = "f'sqlite:///{folder}/s.db'"
    return {
        "process": Row("hpogrid, engine process", "hpogrid", trials, hpogrid("process")),
        "report": Row("hpogrid, reports of 20 MB", "hpogrid", REPORTS, measure_report),
        "memory": Row("Optuna, in memory", "optuna", trials, optuna("None")),
        "sqlite": Row("Optuna, on SQLite", "optuna", few, optuna(sqlite)),
        "ray": Row("hpogrid, engine ray", "ray", ray_trials, hpogrid("ray")),
        "by hand": Row("Ray Tune, tuned by hand", "ray", ray_trials, by_hand),
        "ray as it comes": Row("Ray Tune, as it comes", "ray", fewer, as_it_comes),
    }


def main() -> int:
    """Measure, print, and return 0 if every goal is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--ray_trials", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", metavar="A,B", help="only these rows")
    options = parser.parse_args()
    chosen = rows(options.trials, options.ray_trials)
    if options.only:
        chosen = {key: row for key, row in chosen.items() if key in options.only.split(",")}
    found: dict[str, float] = {}
    for _ in range(options.runs):  # one after the other, so that all have the same moments
        for key, row in chosen.items():
            if importlib.util.find_spec(row.module) is not None:
                found[key] = best(row, found.get(key))
    for key, row in chosen.items():
        figure = f"{found[key]:9.3f} ms a trial  ({row.trials} trials)" if key in found else None
        print(f"{row.name + ':':25} {figure or 'not installed'}")
    missed = [one for one in goals() if not reached(found, *one)]
    return 1 if missed else 0


def goals() -> list[tuple[str, str, str | None, float, bool]]:
    """What has to hold: in words, a row, the row to compare it with, the bound, its direction."""
    return [
        ("process: ms a trial", "process", None, GOAL, True),
        ("report: ms of the driver", "report", None, REPORT_GOAL, True),
        ("ray: times Ray Tune tuned by hand", "ray", "by hand", RAY_GOAL, True),
        ("process: times less than that", "by hand", "process", PROCESS_GOAL, False),
    ]


def reached(
    found: dict[str, float], words: str, row: str, other: str | None, bound: float, most: bool
) -> bool:
    """Print how a goal stands; whether it is met, as far as it could be measured."""
    value = found.get(row)
    base = found.get(other) if other else 1.0
    if value is None or base is None:
        print(f"goal: {words}: not measured")
        return True
    met = value / base <= bound if most else value / base >= bound
    side = "at most" if most else "at least"
    print(f"goal: {words}: {value / base:.2f}, {side} {bound:g}: {'met' if met else 'MISSED'}")
    return met


if __name__ == "__main__":
    sys.exit(main())

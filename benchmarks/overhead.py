"""What hpogrid itself costs for each trial, where the trial costs nothing.

    python benchmarks/overhead.py [--trials 2000] [--runs 3]

``hpogrid local_run`` with everything that belongs to it: the start of the program and of the
workers, and the ledger. Beside it, in the same run and with the same objective, Optuna in memory
and on SQLite, and Ray Tune as it comes and with its actors reused, where they are installed. Of
these only the trials are timed, not their start; the slow ones run fewer trials. Each figure is
the best of several runs.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

GOAL = 1.0
"""Milliseconds for each trial with algorithm random."""

SCRIPT = "def loss(config):\n    return (config['x'] - 0.3) ** 2\n"
KINDS = ("search_space", "hpo_config", "model_config", "grid_config")
SPACE = '{"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}'


class Peer(NamedTuple):
    """Another library with the same objective.

    Attributes:
        name: as it is printed.
        module: what has to be installed.
        share: which part of the trials it runs.
        code: prints the seconds of ``trials`` trials; ``folder`` is a fresh one.
    """

    name: str
    module: str
    share: float
    code: str


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
config = tune.TuneConfig(num_samples=trials, metric="loss", mode="min", reuse_actors={reuse})
tuner = tune.Tuner(
    lambda config: {{"loss": (config["x"] - 0.3) ** 2}},
    param_space={{"x": tune.uniform(0, 1)}},
    tune_config=config,
    run_config=tune.RunConfig(storage_path=folder, verbose=0),
)
started = time.perf_counter()
tuner.fit()
print(time.perf_counter() - started)
ray.shutdown()
"""

PEERS = [
    Peer("Optuna, in memory", "optuna", 1.0, OPTUNA.format(storage=None)),
    Peer("Optuna, on SQLite", "optuna", 0.05, OPTUNA.format(storage="f'sqlite:///{folder}/s.db'")),
    Peer("Ray Tune, actors reused", "ray", 0.05, RAY.format(reuse=True)),
    Peer("Ray Tune, as it comes", "ray", 0.01, RAY.format(reuse=False)),
]


def run_hpogrid(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    """Run one command of hpogrid."""
    command = [sys.executable, "-m", "hpogrid", *arguments]
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)


def measure_hpogrid(trials: int, folder: Path) -> float:
    """Milliseconds for each trial of a whole ``local_run``."""
    environment = {**os.environ, "HPOGRID_HOME": str(folder / "home")}
    (folder / "loss.py").write_text(SCRIPT)
    options = ["--metric", "loss", "--mode", "min", "--trials", str(trials)]
    names = [word for kind in KINDS for word in (f"--{kind}", "b")]
    for arguments in (
        ["search_space", "create", "b", SPACE],
        ["hpo_config", "create", "b", *options],
        ["model_config", "create", "b", "--script", "loss.py", "--model", "loss"],
        ["grid_config", "create", "b", "--site", "local"],
        ["project", "create", "b", "--scripts_path", "loss.py", *names],
    ):
        run_hpogrid(arguments, environment, folder)
    started = time.perf_counter()
    run_hpogrid(["local_run", "b"], environment, folder)
    spent = time.perf_counter() - started
    [ledger] = (folder / "home" / "tasks").glob("*/ledger/*.jsonl")
    complete = ledger.read_text().count('"state":"complete"')
    if complete != trials:
        raise SystemExit(f"only {complete} of {trials} trials are in the ledger")
    return spent / trials * 1000


def measure_peer(peer: Peer, trials: int, folder: Path) -> float:
    """Milliseconds for each trial."""
    program = f"import time\ntrials, folder = {trials}, {str(folder)!r}\n{peer.code}"
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    environment = {**os.environ, **quiet, "HOME": str(folder)}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    return float(answer.stdout.split()[-1]) / trials * 1000


def best(runs: int, measure: Callable[[Path], float]) -> float:
    """The best figure of several runs, each in a fresh folder."""
    figures = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="o") as name:
            figures.append(measure(Path(name)))
    return min(figures)


def main() -> int:
    """Measure, print, and return 0 if the goal is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    trials: int = options.trials
    own = best(options.runs, lambda folder: measure_hpogrid(trials, folder))
    print(f"{'hpogrid local_run:':25} {own:8.3f} ms a trial  ({trials} trials, ledger included)")
    for peer in PEERS:
        if importlib.util.find_spec(peer.module) is None:
            print(f"{peer.name + ':':25} not installed")
            continue
        count = max(10, round(trials * peer.share))
        other = best(options.runs, functools.partial(measure_peer, peer, count))
        times = f"{other / own:.2f} x hpogrid's"
        print(f"{peer.name + ':':25} {other:8.3f} ms a trial  ({count} trials)  {times}")
    print(f"goal: at most {GOAL:g} ms a trial: {'met' if own <= GOAL else 'MISSED'}")
    return 0 if own <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())

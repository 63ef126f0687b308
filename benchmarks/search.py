"""Where the search algorithms and ``auto`` stand: the regret that they are left with.

For example:
  python benchmarks/search.py                                       # hours: all, 20 seeds
  python benchmarks/search.py --seeds 3 --algorithms random,auto --budgets 25,50 --jobs 2

The regret of a run is (best loss - optimum) / (reference - optimum), at most 1: 0 is perfect, 1
is no better than the reference, which is the best of ten random draws (the median over ten such
tens). Where the optimum is not known, it is the best loss of all runs. The table shows the mean
over objectives and seeds, with a 95 % confidence interval bootstrapped over seeds, the mean rank
of an algorithm among those compared (1 is best), and the time for one proposal.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from search_objectives import OBJECTIVES  # noqa: E402

from hpogrid.search import make_searcher  # noqa: E402
from hpogrid.search.base import Outcome, Task  # noqa: E402
from hpogrid.search.proposer import Proposer  # noqa: E402

ALGORITHMS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("random", {}),
    "auto": ("auto", {}),
    "hyperopt": ("hyperopt", {}),
    "optuna-tpe": ("optuna", {}),
    "optuna-tpe-univariate": ("optuna", {"multivariate": False}),
    "optuna-gp": ("optuna", {"sampler": "gp"}),
    "optuna-cmaes": ("optuna", {"sampler": "cmaes"}),
    "optuna-nsga2": ("optuna", {"sampler": "nsga2", "population_size": 10}),
    "skopt": ("skopt", {}),
    "bohb": ("bohb", {}),
    "ax": ("ax", {}),
    "bayesian": ("bayesian", {}),
    "nevergrad": ("nevergrad", {}),
}
LOOK_AHEAD = ("auto", "nevergrad")
"""Those that look at the number of trials, and so are run for each budget."""


@dataclass(frozen=True)
class Run:
    """One search; ``best`` is the best loss after each trial, ``seconds`` a proposal took."""

    objective: str
    algorithm: str
    seed: int
    budget: int
    best: list[float]
    seconds: float


@dataclass(frozen=True)
class Row:
    """How an algorithm did on average; ``low`` and ``high`` bound the mean regret."""

    algorithm: str
    budget: int
    regret: float
    low: float
    high: float
    rank: float
    milliseconds: float


def run(objective: str, algorithm: str, seed: int, budget: int) -> Run:
    """Search once."""
    warnings.simplefilter("ignore")
    chosen = OBJECTIVES[objective]
    space = chosen.space
    name, params = ALGORITHMS[algorithm]
    proposer = Proposer(space, make_searcher(name, Task(space, ("min",), seed, budget), params))
    best: list[float] = []
    spent = 0.0
    while len(best) < budget:
        started = time.perf_counter()
        point = proposer.ask()
        spent += time.perf_counter() - started
        if point is None:
            best += [best[-1]] * (budget - len(best))
            break
        loss = chosen.loss(point.applied)
        best.append(min(loss, best[-1]) if best else loss)
        started = time.perf_counter()
        proposer.tell(point.suggested, Outcome((loss,)))
        spent += time.perf_counter() - started
    return Run(objective, algorithm, seed, budget, best, spent / budget)


@cache
def reference(objective: str) -> float:
    """The best loss of ten random draws: the median over ten such tens."""
    chosen = OBJECTIVES[objective]
    space, rng = chosen.space, random.Random(0)
    tens = [[chosen.loss(space.sample(rng).applied) for _ in range(10)] for _ in range(10)]
    return statistics.median(map(min, tens))


def plan(options: argparse.Namespace) -> Iterator[tuple[str, str, int, int]]:
    """Every run there is to do."""
    for objective in options.objectives:
        for algorithm in options.algorithms:
            budgets = options.budgets if algorithm in LOOK_AHEAD else [max(options.budgets)]
            for budget in budgets:
                for seed in range(options.seeds):
                    yield objective, algorithm, seed, budget


def regrets(runs: list[Run], budget: int) -> dict[str, dict[tuple[str, int], float]]:
    """For each algorithm, the regret after ``budget`` trials by objective and seed."""
    found: dict[str, dict[tuple[str, int], float]] = {}
    for objective in {run.objective for run in runs}:
        mine = [run for run in runs if run.objective == objective]
        known = OBJECTIVES[objective].optimum
        optimum = known if known is not None else min(run.best[-1] for run in mine)
        width = max(reference(objective) - optimum, 1e-12)
        for each in mine:
            if each.budget == budget or (each.algorithm not in LOOK_AHEAD):
                regret = min(max((each.best[budget - 1] - optimum) / width, 0.0), 1.0)
                found.setdefault(each.algorithm, {})[objective, each.seed] = regret
    return found


def interval(by_seed: list[float]) -> tuple[float, float]:
    """The 95 % confidence interval of a mean, bootstrapped."""
    rng = random.Random(0)
    means = sorted(statistics.fmean(rng.choices(by_seed, k=len(by_seed))) for _ in range(2000))
    return means[50], means[-51]


def summarise(runs: list[Run], budget: int) -> list[Row]:
    """One row for each algorithm, the best first."""
    found = regrets(runs, budget)
    ranks: dict[str, list[float]] = {algorithm: [] for algorithm in found}
    for case in next(iter(found.values())):
        losses = sorted(found[algorithm][case] for algorithm in found)
        for algorithm in found:
            mine = found[algorithm][case]
            last = len(losses) - losses[::-1].index(mine)
            ranks[algorithm].append((losses.index(mine) + 1 + last) / 2)
    rows = []
    for algorithm, cases in found.items():
        seeds = sorted({seed for _, seed in cases})
        by_seed = [
            statistics.fmean(regret for (_, own), regret in cases.items() if own == seed)
            for seed in seeds
        ]
        low, high = interval(by_seed)
        spent = statistics.fmean(run.seconds for run in runs if run.algorithm == algorithm)
        mean, rank = statistics.fmean(by_seed), statistics.fmean(ranks[algorithm])
        rows.append(Row(algorithm, budget, mean, low, high, rank, spent * 1000))
    return sorted(rows, key=lambda row: row.regret)


def show(rows: list[Row], runs: list[Run], options: argparse.Namespace) -> None:
    """Print the table of one budget."""
    budget = rows[0].budget
    cases = f"{len(options.objectives)} objectives, {options.seeds} seeds"
    print(f"\nafter {budget} trials ({cases})")
    print(f"{'algorithm':24}{'regret':>8}  {'95 % interval':18}{'rank':>6}{'ms/trial':>10}")
    for row in rows:
        bounds = f"{row.low:.4f} to {row.high:.4f}"
        print(
            f"{row.algorithm:24}{row.regret:8.4f}  {bounds:18}{row.rank:6.2f}"
            f"{row.milliseconds:10.2f}"
        )
    if options.by_objective:
        found = regrets(runs, budget)
        print(f"{'median regret':14}" + "".join(f"{row.algorithm[:11]:>12}" for row in rows))
        for objective in options.objectives:
            medians = [
                statistics.median(
                    regret for (own, _), regret in found[row.algorithm].items() if own == objective
                )
                for row in rows
            ]
            print(f"{objective:14}" + "".join(f"{median:12.4f}" for median in medians))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def names(known: dict[str, Any]) -> Any:
        def read(text: str) -> list[str]:
            found = text.split(",")
            for name in found:
                if name not in known:
                    raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
            return found

        return read

    def numbers(text: str) -> list[int]:
        return sorted(int(part) for part in text.split(","))

    parser.add_argument("--seeds", type=int, default=20, metavar="N")
    parser.add_argument("--algorithms", type=names(ALGORITHMS), default=list(ALGORITHMS))
    parser.add_argument("--objectives", type=names(OBJECTIVES), default=list(OBJECTIVES))
    parser.add_argument("--budgets", type=numbers, default=[25, 50, 100])
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--by_objective", action="store_true", help="a table of all objectives")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write rows and runs there")
    return parser.parse_args()


def main() -> None:
    """Run everything and print the tables."""
    options = parse()
    cases = list(plan(options))
    with ProcessPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(run, *zip(*cases, strict=True)))
    tables = {budget: summarise(runs, budget) for budget in options.budgets}
    for rows in tables.values():
        show(rows, runs, options)
    if options.json:
        flat = [asdict(row) for table in tables.values() for row in table]
        data = {"rows": flat, "runs": [asdict(each) for each in runs]}
        options.json.write_text(json.dumps(data), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Where the search algorithms and ``auto`` stand: the regret that they are left with.

For example:
  python benchmarks/search.py --quick                          # minutes: 3 seeds, no slow ones
  python benchmarks/search.py --results r.jsonl                # a day: all, 20 seeds
  python benchmarks/search.py --results r.jsonl --seeds 5 --algorithms random,auto,ax
  python benchmarks/search.py --results r.jsonl --wide         # spaces of 12 to 25 axes
  python benchmarks/search.py --results r.jsonl --show         # only the tables, of what is there
  python benchmarks/search.py --results r.jsonl --show --plot regret.png

With ``--results`` each run is kept as soon as it is done, and not done again by a later call.

The regret of a run is (best loss - optimum) / (reference - optimum), at most 1: 0 is perfect, 1
is no better than the reference, which is the best of ten random draws (the median over ten such
tens). Where the optimum is not known, it is the best loss of all runs. The table shows the mean
over objectives and seeds, in brackets its 95 % confidence interval (bootstrapped over seeds) and
the number of seeds, the mean rank among those compared (1 is best; over the cases that all of
them ran), and the CPU time for one proposal. ``auto`` passes everything on to what it chooses,
so its runs are the runs of that.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import msgspec  # noqa: E402
from kept import do_runs, read_runs  # noqa: E402
from search_objectives import OBJECTIVES, WIDE  # noqa: E402

from hpogrid.search import make_searcher  # noqa: E402
from hpogrid.search.auto import choose  # noqa: E402
from hpogrid.search.base import Outcome, Problem  # noqa: E402
from hpogrid.search.proposer import Proposer  # noqa: E402

ALGORITHMS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("random", {}),
    "auto": ("auto", {}),
    "hyperopt": ("hyperopt", {}),
    "optuna-tpe": ("optuna", {"sampler": "tpe"}),
    "optuna-tpe-20": ("optuna", {"sampler": "tpe", "n_startup_trials": 20}),
    "optuna-tpe-ungrouped": ("optuna", {"sampler": "tpe", "group": False}),
    "optuna-tpe-univariate": ("optuna", {"sampler": "tpe", "multivariate": False}),
    "optuna-gp": ("optuna", {"sampler": "gp"}),
    "optuna-cmaes": ("optuna", {"sampler": "cmaes"}),
    "optuna-nsga2": ("optuna", {"sampler": "nsga2", "population_size": 10}),
    "skopt": ("skopt", {}),
    "smac": ("smac", {}),
    "gp": ("gp", {}),
    "bohb": ("bohb", {}),
    "bohb-narrow": ("bohb", {"min_bandwidth": 0.001}),
    "ax": ("ax", {}),
    "bayesian": ("bayesian", {}),
    "nevergrad": ("nevergrad", {}),
    "nevergrad-de": ("nevergrad", {"optimizer": "TwoPointsDE"}),
}
SLOW = ("optuna-gp", "auto", "skopt", "ax", "bayesian")
"""Those that take a tenth of a second or more for a proposal."""

QUICK_SEEDS = 3
KNOWN = OBJECTIVES | WIDE


class Case(msgspec.Struct, frozen=True):
    """A search to run; ``algorithm`` is a key of `ALGORITHMS`, and never auto."""

    objective: str
    algorithm: str
    seed: int
    budget: int


class Run(msgspec.Struct, frozen=True):
    """One search; ``best`` is the best loss after each trial, ``seconds`` the CPU of a proposal."""

    objective: str
    algorithm: str
    seed: int
    budget: int
    best: list[float]
    seconds: float


class Row(msgspec.Struct, frozen=True):
    """How an algorithm did on average; ``low`` and ``high`` bound the mean regret."""

    algorithm: str
    seeds: int
    regret: float
    low: float
    high: float
    rank: float
    milliseconds: float


Regrets = dict[tuple[str, int], float]
"""By objective and seed."""

Curves = dict[tuple[str, int], list[float]]
"""By objective and seed, the regret after each trial."""


# --- running ------------------------------------------------------------------------------------


def run(case: Case) -> Run:
    """Search once."""
    warnings.simplefilter("ignore")
    chosen = KNOWN[case.objective]
    space, budget = chosen.space, case.budget
    name, params = ALGORITHMS[case.algorithm]
    task = Problem(space, ("min",), case.seed, budget)
    proposer = Proposer(space, make_searcher(name, task, params))
    best: list[float] = []
    spent = 0.0
    while len(best) < budget:
        started = time.process_time()
        point = proposer.ask()
        spent += time.process_time() - started
        if point is None:
            best += [best[-1]] * (budget - len(best))
            break
        loss = chosen.loss(point.applied)
        best.append(min(loss, best[-1]) if best else loss)
        started = time.process_time()
        proposer.tell(point.suggested, Outcome((loss,)))
        spent += time.process_time() - started
    return Run(case.objective, case.algorithm, case.seed, budget, best, spent / budget)


@cache
def behind(objective: str, algorithm: str, budget: int) -> str:
    """The algorithm itself, or what auto chooses for the objective, as a key of `ALGORITHMS`."""
    if algorithm != "auto":
        return algorithm
    choice = choose(Problem(KNOWN[objective].space, ("min",), 0, budget))
    for name, known in ALGORITHMS.items():
        if known == (choice.algorithm, choice.params):
            return name
    raise SystemExit(f"auto chose {choice}, which is none of the algorithms measured here")


def looks_ahead(algorithm: str) -> bool:
    """Whether it looks at the number of trials, and so has to be run for each budget."""
    return algorithm.startswith("nevergrad")


def plan(options: argparse.Namespace) -> Iterator[Case]:
    """Every run there is to do, one seed after the other."""
    for seed in range(options.seeds):
        for algorithm in options.algorithms:
            for objective in options.objectives:
                for budget in options.budgets:
                    name = behind(objective, algorithm, budget)
                    most = budget if looks_ahead(name) else max(options.budgets)
                    yield Case(objective, name, seed, most)


def had(case: Case, done: set[Case]) -> bool:
    """Whether a run was done already, or one with more trials that would begin the same."""
    if case in done or looks_ahead(case.algorithm):
        return case in done
    budgets = {each.budget for each in done if each.budget > case.budget}
    return any(msgspec.structs.replace(case, budget=budget) in done for budget in budgets)


def complete(cases: Iterable[Case], options: argparse.Namespace) -> list[Run]:
    """The runs in the file of results and those still to do, which are added to it."""
    runs = read_runs(Run, options.results)
    done = {Case(run.objective, run.algorithm, run.seed, run.budget) for run in runs}
    to_do = [] if options.show else [case for case in dict.fromkeys(cases) if not had(case, done)]
    return runs + list(do_runs(run, to_do, options.jobs, options.results))


# --- the tables ---------------------------------------------------------------------------------


@cache
def reference(objective: str) -> float:
    """The best loss of ten random draws: the median over ten such tens."""
    chosen = KNOWN[objective]
    space, rng = chosen.space, random.Random(0)
    tens = [[chosen.loss(space.sample(rng).applied) for _ in range(10)] for _ in range(10)]
    return statistics.median(map(min, tens))


def optimum(objective: str, runs: list[Run]) -> float:
    """The smallest loss there is, or that any run found."""
    known = KNOWN[objective].optimum
    if known is not None:
        return known
    return min(run.best[-1] for run in runs if run.objective == objective)


def curves(runs: list[Run], budget: int, options: argparse.Namespace) -> dict[str, Curves]:
    """For each algorithm of which there are runs, how its searches of ``budget`` trials went."""
    found: dict[str, Curves] = {}
    for objective in options.objectives:
        best = optimum(objective, runs)
        width = max(reference(objective) - best, 1e-12)
        for algorithm in options.algorithms:
            name = behind(objective, algorithm, budget)
            for each in runs:
                if (each.objective, each.algorithm) != (objective, name):
                    continue
                if each.budget == budget or (each.budget > budget and not looks_ahead(name)):
                    curve = [min(max((x - best) / width, 0.0), 1.0) for x in each.best[:budget]]
                    found.setdefault(algorithm, {})[objective, each.seed] = curve
    complete = {name: whole(cases, len(options.objectives)) for name, cases in found.items()}
    return {name: cases for name, cases in complete.items() if cases}


def whole(cases: Curves, objectives: int) -> Curves:
    """The cases of the seeds with which every objective was run."""
    seeds = [seed for _, seed in cases]
    return {case: curve for case, curve in cases.items() if seeds.count(case[1]) == objectives}


def regrets(runs: list[Run], budget: int, options: argparse.Namespace) -> dict[str, Regrets]:
    """The regrets at the end of searches of ``budget`` trials."""
    return {
        name: {case: curve[-1] for case, curve in cases.items()}
        for name, cases in curves(runs, budget, options).items()
    }


def interval(by_seed: list[float]) -> tuple[float, float]:
    """The 95 % confidence interval of a mean, bootstrapped."""
    rng = random.Random(0)
    means = sorted(statistics.fmean(rng.choices(by_seed, k=len(by_seed))) for _ in range(2000))
    return means[50], means[-51]


def ranks(found: dict[str, Regrets]) -> dict[str, float]:
    """The mean rank of each algorithm, over the cases that all of them ran; ties share it."""
    common = set.intersection(*(set(cases) for cases in found.values()))
    ranked: dict[str, list[float]] = {algorithm: [] for algorithm in found}
    for case in common:
        losses = sorted(cases[case] for cases in found.values())
        for algorithm, cases in found.items():
            first = losses.index(cases[case])
            ranked[algorithm].append(first + (losses.count(cases[case]) + 1) / 2)
    return {name: statistics.fmean(places) for name, places in ranked.items()}


def summarise(runs: list[Run], budget: int, options: argparse.Namespace) -> list[Row]:
    """One row for each algorithm, the best first."""
    found = regrets(runs, budget, options)
    ranked = ranks(found)
    rows = []
    for algorithm, cases in found.items():
        seeds = sorted({seed for _, seed in cases})
        by_seed = [
            statistics.fmean(regret for (_, its), regret in cases.items() if its == seed)
            for seed in seeds
        ]
        names = {name: behind(name, algorithm, budget) for name in options.objectives}
        own = [run for run in runs if names.get(run.objective) == run.algorithm]
        spent = statistics.fmean(run.seconds for run in own)
        low, high = interval(by_seed)
        mean = statistics.fmean(by_seed)
        rows.append(Row(algorithm, len(seeds), mean, low, high, ranked[algorithm], spent * 1000))
    return sorted(rows, key=lambda row: row.regret)


def show(tables: dict[int, list[Row]]) -> None:
    """Print one table of all budgets, the best of the first one first."""
    found = {budget: {row.algorithm: row for row in rows} for budget, rows in tables.items()}
    names = dict.fromkeys(row.algorithm for rows in tables.values() for row in rows)
    heads = [f"after {budget} trials | rank" for budget in tables]
    print("| algorithm | " + " | ".join(heads) + " | CPU ms a proposal |")
    print("| --- |" + " --- |" * (2 * len(tables) + 1))
    for name in names:
        rows = [found[budget].get(name) for budget in tables]
        cells = [cell(row) for row in rows]
        spent = next(row.milliseconds for row in rows if row is not None)
        print(f"| `{name}` | " + " | ".join(cells) + f" | {spent:.1f} |")


def cell(row: Row | None) -> str:
    """The regret with its interval and number of seeds, and the rank."""
    if row is None:
        return " | "
    bounds = f"{row.low:.3f} to {row.high:.3f}, " if row.seeds > 1 else ""
    return f"{row.regret:.3f} ({bounds}{row.seeds}) | {row.rank:.1f}"


def show_objectives(runs: list[Run], budget: int, options: argparse.Namespace) -> None:
    """Print the mean regret of each algorithm on each objective."""
    found = regrets(runs, budget, options)
    print(f"\nafter {budget} trials\n\n| objective | " + " | ".join(found) + " |")
    print("| --- " + "| --- " * len(found) + "|")
    for objective in options.objectives:
        means = [
            statistics.fmean(regret for (own, _), regret in cases.items() if own == objective)
            for cases in found.values()
        ]
        print(f"| {objective} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


def mean_curves(runs: list[Run], options: argparse.Namespace) -> dict[str, list[float]]:
    """The mean regret of each algorithm after each trial of its longest searches."""
    found = curves(runs, max(options.budgets), options)
    return {
        name: [statistics.fmean(column) for column in zip(*cases.values(), strict=True)]
        for name, cases in found.items()
    }


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

    parser.add_argument("--seeds", type=int, metavar="N", help="20, or 3 with --quick")
    parser.add_argument("--algorithms", type=names(ALGORITHMS))
    parser.add_argument("--objectives", type=names(KNOWN))
    parser.add_argument("--wide", action="store_true", help="the objectives of many axes")
    parser.add_argument("--budgets", type=numbers, default=[25, 50, 100])
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--quick", action="store_true", help="few seeds, no slow algorithms")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep the runs there")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("--by_objective", action="store_true", help="a table of all objectives")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the regret over trials")
    options = parser.parse_args()
    options.seeds = options.seeds or (QUICK_SEEDS if options.quick else 20)
    options.objectives = options.objectives or list(WIDE if options.wide else OBJECTIVES)
    left_out = SLOW if options.quick else ()
    options.algorithms = options.algorithms or [n for n in ALGORITHMS if n not in left_out]
    return options


def main() -> None:
    """Run everything and print the tables."""
    options = parse()
    warnings.simplefilter("ignore")
    runs = complete(plan(options), options)
    print(f"{len(options.objectives)} objectives: {', '.join(options.objectives)}")
    show({budget: summarise(runs, budget, options) for budget in options.budgets})
    if options.by_objective:
        for budget in options.budgets:
            show_objectives(runs, budget, options)
    if options.plot:
        from search_plot import draw

        draw(mean_curves(runs, options), options.plot)


if __name__ == "__main__":
    main()

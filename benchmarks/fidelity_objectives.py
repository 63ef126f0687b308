"""What early stopping by all objectives is worth, on real learning curves.

For example:
  nice -n 19 python benchmarks/fidelity_objectives.py --jobs 2 --results f.jsonl   # half an hour
  python benchmarks/fidelity_objectives.py --results f.jsonl --show
  python benchmarks/fidelity_objectives.py --tuners none,first,all --cases digits+size --seeds 3

The curves are those of `fidelity.py`, and so are workers and time. The objectives of a case are
losses of one configuration on several sets, or its size: the logarithm of the width of a network,
the depth of trees. Configurations are random draws; ``first`` stops by the first objective alone,
``all`` by all of them, ``none`` nobody.

The regret of a run is that of the hypervolume of all that was reported until then: (that of the
best of 1,000 random full trials - its own) / (that - what four random full trials have in the
median). The box goes from the best of each objective to a tenth beyond the worst on the front.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import random
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from fidelity import BUDGETS, Ours, Simulation, cell
from fidelity_curves import EPOCHS, SETS, Array, Config, curves
from kept import do_runs, names, read_runs

from hpogrid.report.pareto import front, volume
from hpogrid.study.values import Losses

CASES = (
    *(f"{name}+size" for name in SETS if {"width", "max_depth"} & SETS[name].parameters.keys()),
    "digits+spirals",
    "digits+mislabelled",
    "spirals+mislabelled",
    "digits+spirals+size",
    "digits+spirals+mislabelled",
)
"""The first objective and the others."""

TUNERS = {
    "none": ("none", True),
    "first": ("asynchyperband", False),
    "all": ("asynchyperband", True),
    "median-first": ("median", False),
    "median": ("median", True),
}
"""The scheduler, and whether it hears of all objectives."""

KNOWN = 1000
"""Random full trials, of which the front is taken for the best there is."""


def size(config: Config) -> float:
    """How large a model is."""
    return math.log(config["width"]) if "width" in config else float(config["max_depth"])


def objectives(case: str, config: Config) -> Array:
    """The objectives of a configuration (column) after each epoch (row)."""
    columns = [
        np.full(EPOCHS, size(config)) if name == "size" else curves(name).of(config)
        for name in case.split("+")
    ]
    return np.stack(columns, axis=1)


class Several(Ours):
    """A search that hears of the first objectives, as many as its config has."""

    @staticmethod
    def metrics(loss: Sequence[float]) -> dict[str, Any]:
        """What is reported."""
        return {f"m{place}": value for place, value in enumerate(loss)}


class Case(msgspec.Struct, frozen=True):
    """A search to run."""

    name: str
    tuner: str
    seed: int
    workers: int


class Run(msgspec.Struct, frozen=True):
    """One search: the front after each of `BUDGETS`."""

    case: Case
    fronts: list[list[Losses]]
    trials: int


def run(case: Case) -> Run:
    """Search once."""
    scheduler, hears_all = TUNERS[case.tuner]
    count = case.name.count("+") + 1 if hears_all else 1
    tuner = Several(
        curves(case.name.split("+")[0]).space,
        case.seed,
        case.workers,
        metric=",".join(f"m{place}" for place in range(count)),
        algorithm="random",
        scheduler=scheduler,
        scheduler_param={},
    )
    simulation = Simulation(tuner, functools.partial(objectives, case.name), case.seed)
    simulation.run(case.workers, max(BUDGETS) * EPOCHS)
    reports = [simulation.reports[: budget * EPOCHS] for budget in BUDGETS]
    return Run(case, list(map(front_of, reports)), simulation.trials)


def front_of(points: Iterable[Sequence[float]]) -> list[Losses]:
    """Those of some points that no other one dominates."""
    known = sorted({tuple(point) for point in points})
    return [known[place] for place in front(known)]


# --- the tables ---------------------------------------------------------------------------------


class Scale:
    """How far a front is from the best that is known."""

    def __init__(self, case: str) -> None:
        space, rng = curves(case.split("+")[0]).space, random.Random(0)
        drawn = [objectives(case, space.sample(rng).applied).tolist() for _ in range(KNOWN)]
        best = front_of(itertools.chain.from_iterable(drawn))
        self._low, worst = np.min(best, axis=0), np.max(best, axis=0)
        self._width = 1.1 * (worst - self._low)
        fours = [
            self._volume(front_of(itertools.chain.from_iterable(rng.sample(drawn, 4))))
            for _ in range(200)
        ]
        self._best = self._volume(best)
        self._wide = self._best - statistics.median(fours)

    def regret(self, points: Iterable[Losses]) -> float:
        """0: as good as the best; 1: as four random full trials."""
        return (self._best - self._volume(points)) / self._wide

    def _volume(self, points: Iterable[Losses]) -> float:
        scaled = (np.asarray(list(points)) - self._low) / self._width
        inside = np.maximum(scaled[(scaled < 1).all(axis=1)], 0)
        return volume(front_of(inside.tolist()))


scale = functools.cache(Scale)


def by_seed(runs: Iterable[Run], tuner: str, cases: Sequence[str], budget: int) -> dict[int, float]:
    """The mean regret over the cases, of each seed with which all of them were run."""
    found: dict[int, list[float]] = {}
    for done in runs:
        if done.case.tuner == tuner and done.case.name in cases:
            regret = scale(done.case.name).regret(done.fronts[budget])
            found.setdefault(done.case.seed, []).append(regret)
    return {seed: statistics.fmean(all_) for seed, all_ in found.items() if len(all_) == len(cases)}


def show(runs: Sequence[Run], tuners: Sequence[str], cases: Sequence[str]) -> None:
    """Print the table of some cases."""
    print(f"\n{', '.join(cases)}\n")
    print("| tuner | " + " | ".join(f"{budget} full trials" for budget in BUDGETS), end="")
    print(" | less than `first` at the end | seeds | trials |")
    print("| --- |" + " --- |" * (len(BUDGETS) + 3))
    base = by_seed(runs, "first", cases, len(BUDGETS) - 1)
    for tuner in tuners:
        columns = [by_seed(runs, tuner, cases, budget) for budget in range(len(BUDGETS))]
        if not columns[-1]:
            continue
        less = {seed: base[seed] - value for seed, value in columns[-1].items() if seed in base}
        begun = [one.trials for one in runs if one.case.tuner == tuner and one.case.name in cases]
        cells = [*map(cell, columns), "" if tuner == "first" else cell(less)]
        print(f"| `{tuner}` | {' | '.join(cells)} |", end="")
        print(f" {len(columns[-1])} | {statistics.fmean(begun):.0f} |")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    parser.add_argument("--tuners", type=names(TUNERS), default=list(TUNERS))
    parser.add_argument("--cases", type=names(CASES), default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--workers", type=int, default=4, metavar="N")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep the runs there")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("--by_case", action="store_true", help="a table of each case")
    return parser.parse_args()


def main() -> None:
    """Run everything and print the tables."""
    options = parse()
    cases = [
        Case(name, tuner, seed, options.workers)
        for name, seed, tuner in itertools.product(
            options.cases, range(options.seeds), options.tuners
        )
    ]
    known = {one.case: one for one in read_runs(Run, options.results)}
    to_do = [] if options.show else [case for case in cases if case not in known]
    known |= {one.case: one for one in do_runs(run, to_do, options.jobs, options.results)}
    runs = [known[case] for case in cases if case in known]
    for shown in [options.cases, *([name] for name in options.cases if options.by_case)]:
        show(runs, options.tuners, shown)


if __name__ == "__main__":
    main()

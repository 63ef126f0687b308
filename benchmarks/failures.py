"""What trials that fail cost a search: the regret that it is left with.

For example:
  python benchmarks/failures.py --results r.jsonl            # half an hour: 8 objectives, 20 seeds
  python benchmarks/failures.py --results r.jsonl --show     # only the table, of what is there
  python benchmarks/failures.py --algorithms gp,gp-worst --seeds 5

Points fail beyond a border, half of the space, as what needs too much memory or time does: the
weighted sum of two numbers, from 0 to 1 along their axes, is too large, another sum for each seed.
Or one in seven fails, wherever it is. ``gp-worst`` is ``gp`` with failures told as the worst loss,
as other algorithms have them. The regret of a search is 0 at the best loss of all algorithms after
60 trials with the same seed, and 1 at the median of them after 10: the mean over objectives and
seeds, in brackets that of the number of failures.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import msgspec  # noqa: E402
from kept import do_runs, read_runs  # noqa: E402
from search_objectives import OBJECTIVES  # noqa: E402

from hpogrid.search import make_searcher  # noqa: E402
from hpogrid.search.base import FAILED, Outcome, Problem, Searcher, derive_seed  # noqa: E402
from hpogrid.search.gp import GpSearcher  # noqa: E402
from hpogrid.search.proposer import Proposer  # noqa: E402
from hpogrid.space.latent import Category, Latents, to_unit  # noqa: E402
from hpogrid.space.space import Space  # noqa: E402

CHOSEN = "example,branin,rosenbrock,hartmann,ackley,rates,network,mixture"
ALGORITHMS = ("random", "optuna", "gp", "gp-worst")
KINDS = ("border", "chance")
CHANCE = 1 / 7
SHOWN = (20, 40, 60)
DRAWS = 2000


class ToldTheWorst(GpSearcher):
    """Learns of failures what other algorithms do."""

    def _fail(self, point: Latents, worst: tuple[float, ...]) -> None:
        self._tell(point, worst)

    def _chances(self, space: object) -> None:
        """Nothing but losses counts."""


class Case(msgspec.Struct, frozen=True):
    """A search."""

    objective: str
    algorithm: str
    kind: str
    seed: int


class Run(msgspec.Struct, frozen=True):
    """A search, the best loss after each trial, and how many failed."""

    case: Case
    best: list[float | None]
    failures: int


def border(space: Space, seed: int) -> Callable[[Latents], bool]:
    """Whether a point is beyond the border."""
    rng = random.Random(seed)
    axes = {name: axis for name, axis in space.axes.items() if not isinstance(axis, Category)}
    names = rng.sample(sorted(axes), min(2, len(axes)))
    weights = {name: rng.choice((-1, 1)) * rng.uniform(0.5, 1) for name in names}

    def load(point: Latents) -> float:
        return sum(weight * to_unit(axes[name], point[name]) for name, weight in weights.items())

    drawn = ({name: axes[name].sample(rng) for name in names} for _ in range(DRAWS))
    limit = statistics.median(map(load, drawn))
    return lambda point: load(point) > limit


def run(case: Case) -> Run:
    """Search once."""
    warnings.simplefilter("ignore")
    chosen, rng = OBJECTIVES[case.objective], random.Random(case.seed)
    space = chosen.space
    beyond = border(space, derive_seed(case.objective, case.seed))
    problem = Problem(space, ("min",), case.seed, SHOWN[-1])
    searcher: Searcher
    if case.algorithm == "gp-worst":
        searcher = ToldTheWorst(problem)
    else:
        searcher = make_searcher(case.algorithm, problem, {})
    proposer = Proposer(space, searcher)
    best: list[float | None] = []
    least, failures = math.inf, 0
    while len(best) < SHOWN[-1]:
        point = proposer.ask()
        assert point is not None
        fails = (
            beyond(space.encode(point.suggested))
            if case.kind == "border"
            else rng.random() < CHANCE
        )
        loss = math.inf if fails else chosen.loss(point.applied)
        failures += fails
        least = min(least, loss)
        best.append(None if math.isinf(least) else least)
        proposer.tell(point.suggested, FAILED if fails else Outcome((loss,)))
    return Run(case, best, failures)


def regrets(runs: list[Run]) -> dict[str, list[list[float]]]:
    """By algorithm, a list for each of `SHOWN`, from runs that differ in the algorithm alone."""
    found: dict[str, list[list[float]]] = {}
    together: dict[tuple[str, int], list[Run]] = {}
    for done in runs:
        together.setdefault((done.case.objective, done.case.seed), []).append(done)
    for same in together.values():
        early = [done.best[9] for done in same if done.best[9] is not None]
        least = min(done.best[-1] for done in same if done.best[-1] is not None)
        reference = statistics.median(early) if early else least
        if reference == least:
            continue
        for done in same:
            rows = found.setdefault(done.case.algorithm, [[] for _ in SHOWN])
            for row, count in zip(rows, SHOWN, strict=True):
                loss = done.best[count - 1]
                row.append(1.0 if loss is None else min(1.0, (loss - least) / (reference - least)))
    return found


def table(kind: str, runs: list[Run]) -> None:
    """Print what became of the searches with one kind of failures."""
    print(f"\n| {kind} | " + " | ".join(f"after {count}" for count in SHOWN) + " |")
    print("| --- " * (1 + len(SHOWN)) + "|")
    for algorithm, rows in regrets(runs).items():
        failures = statistics.fmean(
            done.failures for done in runs if done.case.algorithm == algorithm
        )
        cells = " | ".join(f"{statistics.fmean(row):.3f}" for row in rows)
        print(f"| `{algorithm}` ({failures:.0f}) | {cells} |")


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, metavar="N")
    parser.add_argument("--algorithms", default=",".join(ALGORITHMS), metavar="A,B")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep the runs there")
    parser.add_argument("--show", action="store_true", help="run nothing")
    options = parser.parse_args()
    cases = [
        Case(objective, algorithm, kind, seed)
        for seed in range(options.seeds)
        for objective in CHOSEN.split(",")
        for kind in KINDS
        for algorithm in options.algorithms.split(",")
    ]
    done = {each.case: each for each in read_runs(Run, options.results)}
    to_do = [case for case in cases if case not in done and not options.show]
    done |= {each.case: each for each in do_runs(run, to_do, options.jobs, options.results)}
    for kind in KINDS:
        table(kind, [done[case] for case in cases if case in done and case.kind == kind])


if __name__ == "__main__":
    main()

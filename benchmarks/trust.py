"""How far ``hpogrid confirm`` can be trusted: does its interval hold, and is its winner better?

For example:
  python benchmarks/trust.py                      # a minute
  python benchmarks/trust.py --searches 1000

Each search draws 50 random configurations of a noisy objective whose truth is known, evaluates each
one once, and confirms the best five and the first one as the command does: three fresh values of
each, then one more of those that may be the best, up to five. The table shows how often the 90 %
interval holds the true value of the winner (goal: 85 to 95 %), how much too good the best value of
the search itself was, and how often the winner is truly worse than the first configuration.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections.abc import Callable

from hpogrid.report.trust import FEWEST, judge

Point = tuple[float, float]
TRIALS, TOP, SEEDS = 50, 5, 5


def bowl(point: Point) -> float:
    """A bowl: one minimum."""
    return (point[0] - 0.3) ** 2 + (point[1] - 0.7) ** 2


def branin(point: Point) -> float:
    """Branin's function on the unit square: three minima."""
    x, y = 15 * point[0] - 5, 15 * point[1]
    curve = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return (curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10) / 50


def rastrigin(point: Point) -> float:
    """Many minima."""
    return sum((4 * x - 2) ** 2 - math.cos(2 * math.pi * (4 * x - 2)) + 1 for x in point) / 5


def plateau(_: Point) -> float:
    """Every configuration is as good."""
    return 1.0


def cliff(point: Point) -> float:
    """A good fifth, and nothing to choose elsewhere."""
    return 1.0 if point[0] > 0.2 else 0.2 + 0.1 * point[1]


OBJECTIVES: dict[str, tuple[Callable[[Point], float], Callable[[random.Random, float], float]]] = {
    "bowl, little noise": (bowl, lambda chance, _: chance.gauss(0, 0.02)),
    "bowl, much noise": (bowl, lambda chance, _: chance.gauss(0, 0.3)),
    "branin, noise grows with the value": (
        branin,
        lambda chance, v: chance.gauss(0, 0.05 + 0.1 * v),
    ),
    "rastrigin, noise with heavy tails": (
        rastrigin,
        lambda chance, _: 0.2 * chance.gauss(0, 1) / math.sqrt(chance.gammavariate(2.5, 1 / 2.5)),
    ),
    "cliff, skewed noise": (cliff, lambda chance, _: 0.1 * (chance.expovariate(1) - 1)),
    "no difference at all": (plateau, lambda chance, _: chance.gauss(0, 0.1)),
    "accuracy of 200 cases": (
        lambda point: 0.1 + 0.3 * bowl(point),
        lambda chance, v: sum(chance.random() < v for _ in range(200)) / 200 - v,
    ),
}  # fmt: skip


def search(name: str, seed: int) -> tuple[bool, float, bool]:
    """Whether the interval holds, how much too good the best was, whether the first is better."""
    truth, noise = OBJECTIVES[name]
    chance = random.Random(f"{name} {seed}")

    def evaluate(point: Point) -> float:
        return truth(point) + noise(chance, truth(point))

    points = [(chance.random(), chance.random()) for _ in range(TRIALS)]
    seen = {point: evaluate(point) for point in points}
    best = sorted(points, key=seen.__getitem__)
    entrants = list(dict.fromkeys([*best[:TOP], points[0]]))
    groups = [[evaluate(point) for _ in range(FEWEST)] for point in entrants]
    while True:
        verdict = judge(groups, "min")
        assert verdict is not None
        more = [place for place in verdict.going if len(groups[place]) < SEEDS]
        if verdict.decided or not more:
            break
        for place in more:
            groups[place].append(evaluate(entrants[place]))
    true = truth(entrants[verdict.winner])
    holds = verdict.low <= true <= verdict.high
    return holds, truth(best[0]) - seen[best[0]], true > truth(points[0]) + 1e-12


def main() -> int:
    """Print the table; 1 where an interval holds too seldom or too often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--searches", type=int, default=200, help="searches of each objective")
    searches = parser.parse_args().searches
    print("| objective | the interval holds | the best was too good by | worse than the first |")
    print("| --- | --- | --- | --- |")
    missed = 0
    for name in OBJECTIVES:
        found = [search(name, seed) for seed in range(searches)]
        holds, lucky, lost = (
            statistics.fmean(float(one[place]) for one in found) for place in range(3)
        )
        missed += not 0.85 <= holds <= 0.95
        print(f"| {name} | {holds:.1%} | {lucky:.3g} | {lost:.1%} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

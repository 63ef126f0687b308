"""How often `hpogrid compare` is wrong about equal studies, and right about different ones.

    python benchmarks/compare.py [--pairs 1000]

Studies are drawn from one distribution (false positives) or from two that are 1.5 standard
deviations apart (power), judged as the command judges them, at the level 0.05, and beside that by
SciPy's own test on the same values.
"""

from __future__ import annotations

import argparse
import random

from scipy import stats

from hpogrid.report.compare.model import Entrant, Replicate, Step
from hpogrid.report.compare.standing import judge
from hpogrid.report.results import Objective

ALPHA = 0.05
LOSS = Objective("loss", "min")


def study(name: str, values: list[float]) -> Entrant:
    """A study of one trial for each seed."""
    return Entrant(
        name,
        [
            Replicate(seed, None, seed, 1, 1.0, False, True, [Step(1, 1.0, value)])
            for seed, value in enumerate(values)
        ],
    )


def shares(pairs: int, seeds: int, apart: float, paired: bool) -> tuple[float, float]:
    """The shares of pairs of studies that `compare`, and SciPy alone, call different."""
    rng = random.Random(f"{seeds} {apart} {paired}")
    ours = theirs = 0
    for _ in range(pairs):
        common = [rng.gauss(0, 1) if paired else 0.0 for _ in range(seeds)]
        first = [base + rng.gauss(0, 1) for base in common]
        second = [base + rng.gauss(apart, 1) for base in common]
        (pair,) = judge([study("a", first), study("b", second)], LOSS, paired=paired).pairs
        ours += pair.verdict in ("better", "worse")
        test = stats.wilcoxon if paired else stats.mannwhitneyu
        theirs += test(first, second).pvalue < ALPHA
    return ours / pairs, theirs / pairs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000, help="pairs of studies in each row")
    pairs = parser.parse_args().pairs
    print(f"{'':10}{'seeds':>6}  {'equal studies':>21}  {'1.5 deviations apart':>21}")
    for paired in (False, True):
        for seeds in (5, 8, 12, 20) if not paired else (6, 8, 12, 20):
            rows = [shares(pairs, seeds, apart, paired) for apart in (0.0, 1.5)]
            cells = "".join(f"  {ours:>7.1%} (SciPy {theirs:>5.1%})" for ours, theirs in rows)
            print(f"{'paired' if paired else 'unpaired':10}{seeds:>6}{cells}")


if __name__ == "__main__":
    main()

"""Kill `hpogrid serve`, cut its network, fill its disk, under jobs that share none; then count.

Each round is a search of three jobs with 20 trials each, every other one on a grid of exactly 60
points, each job a process with a folder of its own. At random moments, the start and the end of
the jobs among them, the server is ended with kill -9 (of three rounds in one a job as well, which
is then started again) and comes back on the same port after up to 3 seconds. With ``--harm cut``
server and jobs have networks of their own, and the cable between them is pulled for up to 15
seconds, so that nobody is told; meanwhile the server may be killed and come back. The jobs of
every third round reach it through a relay that holds back what comes, now and then for two
seconds, and drops connections. With ``--harm full`` the server's disk is full for up to 5 seconds.
Both need root. What counts in the end is what a reader of its own finds in the server's ledgers.

    python benchmarks/serve_faults.py [--harm kill] [--rounds 200] [--at_once 2] [--seed 1]

The last lines are the figures; the exit code is 1 unless all of them are zero.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FIGURES = ("lost", "doubled", "missed", "not ended", "tracebacks")


def play(harm: str, seed: int) -> Counter[str]:
    """One round, in a process of its own."""
    with tempfile.TemporaryDirectory() as at:
        code = (
            f"import sys, json; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
            "from pathlib import Path; from serve_harms import play; "
            f"print(json.dumps(play({harm!r}, {seed}, Path({at!r}), finite={seed % 2 == 0})))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"round {seed}: {done.stderr}")
        return Counter(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Play the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harm", choices=["kill", "cut", "full"], default="kill")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--at_once", type=int, default=2, help="rounds that are played together")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    total: Counter[str] = Counter()
    one = functools.partial(play, options.harm)
    seeds = range(options.seed * 10_000, options.seed * 10_000 + options.rounds)
    with ThreadPoolExecutor(options.at_once) as pool:
        for seed, figures in zip(seeds, pool.map(one, seeds), strict=True):
            total += figures
            bad = {name: figures[name] for name in FIGURES if figures[name]}
            print(f"{seed}: {figures['trials']} trials, {figures['harms']} times {bad or ''}",
                  flush=True)  # fmt: skip
    print(
        f"{options.rounds} rounds, {total['trials']} trials, {total['harms']} times {options.harm}"
    )
    for name in FIGURES:
        print(f"{name}: {total[name]}")
    return int(any(total[name] for name in FIGURES))


if __name__ == "__main__":
    sys.exit(main())

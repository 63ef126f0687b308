"""Break jobs in every way at random moments; then count what was lost, doubled or missed.

Each round submits a small search as two local jobs (sometimes 64), does something bad to them,
retries until all jobs are done, and reads the ledgers. Every finished trial that stood in a
ledger after the fault has to stand there at the end, unchanged and once and with the result of
its own values, and the trials have to be exactly as many as were asked for.

    python benchmarks/faults.py [--rounds 200] [--only tree] [--trials 20] [--seed 1]

The last lines are the figures; the exit code is 1 unless all of them are zero.
"""

from __future__ import annotations

import argparse
import compileall
import ctypes
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from faults_round import FAULTS, HOOK, Round

import hpogrid

CROWD = 64
CROWD_EVERY = 50
FIGURES = ("lost", "counted twice", "budget missed", "wrong")


def play(name: str, trials: int, rng: random.Random, armed: Path) -> Counter[str]:
    """One round; return its figures."""
    jobs, trials = (CROWD, 2) if name == "crowd" else (2, trials)
    points = None
    if name == "lease":  # one job can do what is left by the other one
        points = rng.randrange(trials // 2, trials)
    elif name != "crowd" and rng.random() < 0.25:
        points = rng.randrange(trials, 2 * trials)
    switch = armed / name
    switch.write_text(str(rng.randrange(300, 400 * trials)))
    current = Round(rng, armed)
    current.submit(jobs, trials, points)
    FAULTS[name](current)
    before = current.results()
    switch.unlink()
    current.finish()
    return Counter({"begun": len(before)}) + current.figures(before)


def drop_rights() -> None:
    """As root: no further program that we start may write where the permissions forbid it."""
    if os.geteuid() == 0:
        drop_from_bounding_set, override = 24, 1  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE
        if ctypes.CDLL(None, use_errno=True).prctl(drop_from_bounding_set, override, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "cannot drop the right to write anywhere")


def choose(number: int, only: str | None) -> str:
    """The fault of a round, counted from 0."""
    if only:
        return only
    names = [name for name in FAULTS if name != "crowd"]
    return "crowd" if number % CROWD_EVERY == CROWD_EVERY - 1 else names[number % len(names)]


def main() -> int:
    """Play the rounds, print the figures, and return 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", choices=list(FAULTS), help="one kind of fault")
    parser.add_argument("--trials", type=int, default=20, help="of each job")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    # A process whose disk is full leaves half a compiled module: not one of the package itself.
    compileall.compile_dir(str(Path(hpogrid.__file__).parent), quiet=2)
    drop_rights()
    rng = random.Random(options.seed)
    total: Counter[str] = Counter()
    middle = 0
    with tempfile.TemporaryDirectory(prefix="hg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(HOOK)
        paths = [str(folder / "hook"), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ |= {
            "HPOGRID_HOME": str(folder / "home"), "PYTHONPATH": os.pathsep.join(paths),
            "FAULT_ARMED": f"{folder / 'hook'}/", "SLURM_CPUS_PER_TASK": str(CROWD),
        }  # fmt: skip
        for number in range(options.rounds):
            fault = choose(number, options.only)
            figures = play(fault, options.trials, rng, folder / "hook")
            middle += 0 < figures.pop("begun", 0) < figures["trials"]
            total.update(figures)
            words = ", ".join(f"{value} {key}" for key, value in figures.items() if value)
            print(f"round {number + 1}: {fault:12} {words}", flush=True)
    print(f"{options.rounds} rounds, seed {options.seed}: {total['trials']} trials finished, "
          f"{total['taken over']} configurations taken over; "
          f"in {middle} rounds the fault came when some had finished and some had not")  # fmt: skip
    for figure in FIGURES:
        print(f"{figure}: {total[figure]}")
    return 1 if any(total[figure] for figure in FIGURES) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Merge and report 1,000,000 trials from the ledgers of ten jobs.

Prints the seconds and the peak memory of a fresh process that reads the ledgers and writes the
CSV report, and, where it is installed, the same for pandas reading the very same lines in the
same run (which merges nothing, sorts nothing and writes nothing).

    python benchmarks/ledger.py [--trials 1000000] [--jobs 10]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS, GIGABYTES = 15.0, 2.0
"""The goal, for 1,000,000 trials."""

MEASURED = """
import resource, sys, time
start = time.perf_counter()
{code}
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, count)
"""

HPOGRID = """
from hpogrid.report import save
from hpogrid.report.load import given_objectives, load_sources, make_results
folder, out = sys.argv[1:]
results = make_results(load_sources(folder), objectives=given_objectives("loss", "min"))
save(results, "csv", out)
count = len(results)
"""

PANDAS = """
import glob
import pandas
frames = [pandas.read_json(path, lines=True) for path in glob.glob(sys.argv[1] + "/*.jsonl")]
count = int((pandas.concat(frames)["event"] == "end").sum())
"""


def write_ledgers(folder: Path, trials: int, jobs: int) -> int:
    """Make the ledgers: a start and an end for each trial; return their size in bytes."""
    from hpogrid.space.value import Values
    from hpogrid.study.events import Ended, Opened, Started
    from hpogrid.study.ledger import LedgerWriter, ledger_name

    rng = random.Random(0)
    for job in range(jobs):
        ledger = LedgerWriter(folder / ledger_name(job, 1))
        ledger.write(
            Opened(0.0, job=job, attempt=1, host="h", pid=1, version="2", project="p", seed=1)
        )
        for number in range(trials // jobs):
            name, now = f"{job}-{number}", 1.7e9 + number
            point: Values = {
                "lr": 10 ** rng.uniform(-5, -1),
                "units": rng.randint(16, 512),
                "dropout": rng.random(),
                "activation": rng.choice(["relu", "tanh"]),
            }
            ledger.write(
                Started(now, name, number, point),
                Ended(now + 0.5, name, "complete", {"loss": rng.random(), "acc": rng.random()}),
            )
        ledger.close()
    return sum(path.stat().st_size for path in folder.iterdir())


def measure(code: str, *arguments: str) -> tuple[float, float, int]:
    """Seconds, peak gigabytes and the count of a fresh process."""
    program = MEASURED.replace("{code}", code)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    )
    seconds, gigabytes, count = done.stdout.split()
    return float(seconds), float(gigabytes), int(count)


def main() -> int:
    """Measure, print, and return 0 if the goal is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "ledger")
        start = time.perf_counter()
        size = write_ledgers(folder, options.trials, options.jobs)
        print(
            f"{options.trials} trials in {options.jobs} ledgers, {size / 1e6:.0f} MB, "
            f"written in {time.perf_counter() - start:.1f} s; {os.cpu_count()} cores"
        )
        seconds, memory, count = measure(HPOGRID, str(folder), str(Path(name, "report")))
        lines = Path(name, "report.csv").read_bytes().count(b"\n") - 1
        print(f"merge, sort, CSV report:  {seconds:6.2f} s  {memory:.2f} GB  {count} trials")
        complete = count == lines == options.trials
        if importlib.util.find_spec("pandas") is None:
            print("pandas.read_json:  pandas is not installed")
        else:
            peer, peer_memory, peer_count = measure(PANDAS, str(folder))
            complete = complete and peer_count == options.trials
            print(
                f"pandas.read_json, no more: {peer:5.2f} s  {peer_memory:.2f} GB  "
                f"{peer_count} trials"
            )
            print(f"ratio: {seconds / peer:.2f} of the time, {memory / peer_memory:.2f} of memory")
    met = seconds < SECONDS and memory < GIGABYTES and complete
    verdict = "met" if met else "MISSED"
    print(f"goal: under {SECONDS:g} s and {GIGABYTES:g} GB, every trial once: {verdict}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

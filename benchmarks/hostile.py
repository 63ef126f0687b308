"""Trials that leave behind whatever they can, and kills at random: then look for what is left.

Each round submits a local job whose trials fork, start loops in sessions of their own, ignore
SIGTERM, leave threads and end in every way, and kills a worker, a guard or the driver with
SIGKILL, asks the job to end, or does nothing. The job is retried until it is done. Then no process
of it may be there, and no trial may have a report that another one made.

    python benchmarks/hostile.py [--rounds 100] [--trials 6] [--seed 1]

The last lines are the figures; the exit code is 1 unless all of them are zero.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parent))

from faults_round import Round, ask_to_end, below, kill_driver, send, until

TOKEN = "HOSTILE_ROUND"
"""The environment variable by which the processes of a round are known."""

PATIENCE = 30.0
"""Seconds after the end of a job within which its last process has to be gone."""

KILL = signal.SIGKILL
FIGURES = ("processes left", "foreign reports", "trials missing", "jobs without an end")

LEAVES = '''
import os, subprocess, sys, threading, time
def leave(x, late):
    """Start all that a trial can leave behind."""
    loop = "while :; do sleep 0.05 & sleep 0.01; done"
    subprocess.Popen(["sh", "-c", loop], start_new_session=True)
    subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; while :; do sleep 0.1; done"])
    subprocess.Popen(["setsid", "sh", "-c", "(sleep 600 &) ; exec sleep 600"])
    if os.fork() == 0:  # a daemon, by the book
        os.setsid()
        if os.fork() == 0:
            late(5.0)
            time.sleep(600)
        os._exit(0)
    threading.Thread(target=late, args=[0.02], daemon=x > 0.5).start()
def end(x):
    """End in one of many ways."""
    what = int(x * 10) % 5
    if what == 0:
        os._exit(3)
    if what == 1:
        os.kill(os.getpid(), 11)
    if what == 2:
        raise ValueError("no")
    if what == 3:
        time.sleep(0.3)
'''
FUNCTION = f"""{LEAVES}
import hpogrid
def train(config):
    x = config["x"]
    def late(seconds):
        time.sleep(seconds)
        hpogrid.report(loss=1.0, of=x)
    leave(x, late)
    hpogrid.report(loss=1.0, of=x)
    if os.fork() == 0:
        return {{"loss": -999.0, "of": -1.0}}
    end(x)
    return {{"loss": 1.0, "of": x}}
"""
PROGRAM = f"""{LEAVES}
import argparse, hpogrid
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
x = parser.parse_args().x
def late(seconds):
    time.sleep(seconds)
    hpogrid.report(loss=1.0, of=x)
leave(x, late)
hpogrid.report(loss=1.0, of=x)
end(x)
"""


class Hostile(Round):
    """A `Round` of hostile trials."""

    settings: ClassVar = {"grace_seconds": 0.3, "aggregate": "best", "max_failures": 10**6}
    space: ClassVar = {"x": {"method": "uniform", "dimension": {"low": 0, "high": 1}}}

    def choose_script(self) -> None:
        """Functions and programs take turns by chance."""
        self.script, self.model = self.rng.choice([(FUNCTION, "train"), (PROGRAM, None)])

    def guards(self) -> list[int]:
        """The guards of the job's workers."""
        return [pid for pid in below(self.job_pid(0) or 0) if b"guard.py" in words_of(pid)]

    def foreign(self) -> int:
        """How many reports do not belong to the trial that they stand with."""
        values: dict[str, float] = {}
        count = 0
        for event, _ in self.events():
            if event["event"] == "start":
                values[event["trial"]] = event["suggested"]["x"]
            elif of := event.get("metrics", {}).get("of"):
                count += of != values[event["trial"]]
        return count


def kill_guard(this: Hostile) -> None:
    """kill -9 of a guard, without which nobody knows what its trial has started."""
    this.one()
    guards = this.guards()
    send(this.rng.choice(guards) if guards else None, KILL)


def kill_worker(this: Hostile) -> None:
    """kill -9 of a worker process."""
    this.one()
    workers = [pid for guard in this.guards() for pid in below(guard)[:1]]
    send(this.rng.choice(workers) if workers else None, KILL)


def leave_alone(this: Hostile) -> None:
    """The trials are bad enough."""


FAULTS = {
    "guard": kill_guard,
    "worker": kill_worker,
    "driver": kill_driver,
    "asked": ask_to_end,
    "nothing": leave_alone,
}


def words_of(pid: int) -> bytes:
    """The command of a process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def left(token: str) -> list[int]:
    """The processes of a round that are there, except this one."""
    found = []
    mark = f"{TOKEN}={token}".encode()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    found.append(int(name))
    return found


def play(name: str, trials: int, rng: random.Random, folder: Path) -> Counter[str]:
    """One round; return its figures."""
    os.environ[TOKEN] = token = f"{rng.getrandbits(64):x}"
    current = Hostile(rng, folder)
    current.choose_script()
    current.submit(1, trials, None)
    FAULTS[name](current)
    endless = 0
    try:
        current.finish()
    except TimeoutError:
        endless = 1
        print(f"no end: {current.states()}, trials {[one.trial for one in current.results()]}")
        for pid in left(token):
            print(f"there: {pid} {words_of(pid)!r}"[:200], flush=True)
        ask_to_end(current)
    with contextlib.suppress(TimeoutError):
        until(lambda: not left(token), PATIENCE)
    found = left(token)
    for pid in found:
        print(f"left: {pid} {words_of(pid)!r}", flush=True)
        send(pid, KILL)
    missing = abs(trials - len({result.trial for result in current.results()}))
    if missing:
        print(f"missing: {[event for event, _ in current.events() if event['event'] == 'close']}")
    counts = (len(found), current.foreign(), missing, endless)
    return Counter(dict(zip(FIGURES, counts, strict=True)))


def main() -> int:
    """Play the rounds, print the figures, and return 0 if nothing was left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=list(FAULTS), help="one kind of fault")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="hg-", ignore_cleanup_errors=True) as name:
        os.environ["HPOGRID_HOME"] = f"{name}/home"
        for number in range(options.rounds):
            fault = options.only or list(FAULTS)[number % len(FAULTS)]
            figures = play(fault, options.trials, rng, Path(name))
            total.update(figures)
            words = ", ".join(f"{value} {key}" for key, value in figures.items() if value)
            print(f"round {number + 1}: {fault:8} {words}", flush=True)
    print(f"{options.rounds} rounds, seed {options.seed}")
    for figure in FIGURES:
        print(f"{figure}: {total[figure]}")
    return 1 if any(total[figure] for figure in FIGURES) else 0


if __name__ == "__main__":
    sys.exit(main())

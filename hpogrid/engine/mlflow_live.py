"""The process that writes a job's trials to MLflow while they run.

Its first line of input says what to do (`Tracking`); when the input ends, so has the search, or
whoever ran it has died. It follows the job's ledger as any other reader does. Its exit status is 0
if everything has arrived; if not, it prints why.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import msgspec

from hpogrid.engine.track import Tracking
from hpogrid.study.address import filled, why
from hpogrid.study.ledger import SUFFIX, ledger_name
from hpogrid.study.mlflow_runs import Runs
from hpogrid.study.study import LedgerFolder, Trial

_TICK = 0.5
_LONGEST_PAUSE = 30.0
_SETTLE_SECONDS = 2.0


class Delivery:
    """The trials of a job that have changed since they were written last.

    Args:
        told: where to write, and what.
    """

    def __init__(self, told: Tracking) -> None:
        self.told = told
        self.waiting: dict[str, Trial] = {}
        self.written = 0
        self._runs: Runs | None = None
        self._job = f"{told.task}.{told.job}"
        stem = ledger_name(told.job, 0).split(".")[0]
        self._ledgers = LedgerFolder(Path(told.ledgers), f"{stem}.*{SUFFIX}")

    def look(self) -> None:
        """Take in what is new in the ledger."""
        for trial in self._ledgers.poll():
            self.waiting[trial.id] = trial

    def write(self, until: float) -> None:
        """Write what is waiting, oldest first, until a moment of the steady clock.

        Raises:
            Exception: the server cannot be reached, or refuses; what was not written still waits.
        """
        if not self.waiting:
            return
        runs = self._connected()
        while self.waiting and time.monotonic() < until:
            name, trial = next(iter(self.waiting.items()))
            key = f"{self.told.project}/{self.told.task}/{name}"
            try:
                runs.write(key, trial, {})
            except Exception:
                self._runs = None  # nothing is certain: look at the server anew
                raise
            self.written += 1
            del self.waiting[name]

    def close(self) -> None:
        """The job is over: so is the run of the project, unless others still write to it."""
        if self._runs is not None:
            self._runs.leave(self._job)

    def _connected(self) -> Runs:
        if self._runs is None:
            from mlflow import MlflowClient

            address = filled("mlflow", self.told.uri)
            client = MlflowClient(tracking_uri=address)
            started = min(trial.started for trial in self.waiting.values())
            self._runs = Runs(
                client,
                self.told.project,
                self.told.experiment,
                address,
                started,
                settle=_SETTLE_SECONDS,
            )
            self._runs.join(self._job)
        return self._runs


def deliver(told: Tracking, over: threading.Event) -> str | None:
    """Write until everything has arrived after the end, or nothing more does; return why not."""
    delivery = Delivery(told)
    pause, problem = _TICK, ""
    moved = ended = time.monotonic()
    while True:
        last = over.is_set()
        before = delivery.written
        now = time.monotonic()
        if not last:
            ended = moved = now
        delivery.look()
        try:
            delivery.write(until=ended + told.most if last else now + 5)
            if last and not delivery.waiting:
                delivery.close()
                return None
            pause, problem = _TICK, ""
        except Exception as error:  # of the network, of MLflow, of its libraries
            sentence = why(told.uri, error) or type(error).__name__
            if sentence != problem:
                sys.stderr.write(f"{time.strftime('%F %T')} {sentence}\n")
                sys.stderr.flush()
            problem = sentence
            pause = min(2 * pause, _LONGEST_PAUSE)
        now = time.monotonic()
        if delivery.written > before:
            moved = now
        hopeless = problem and now > moved + told.grace
        if last and (hopeless or now > ended + told.most):
            count = len(delivery.waiting)
            return f"{count} trial{'s' if count > 1 else ''} not written ({problem or 'no time'})"
        if last:
            time.sleep(min(pause, 1.0))
        else:
            over.wait(pause)


def main() -> int:
    """Deliver until the input ends."""
    told = msgspec.json.decode(sys.stdin.buffer.readline(), type=Tracking)
    os.nice(10)
    over = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    problem = deliver(told, over)
    if problem is not None:
        sys.stdout.write(problem)
        sys.stdout.flush()
    return 0 if problem is None else 1


if __name__ == "__main__":
    os._exit(main())  # threads of the client's libraries do not hold the process up

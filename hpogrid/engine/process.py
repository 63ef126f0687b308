"""The process engine: persistent worker processes on one machine."""

from __future__ import annotations

import math
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hpogrid.engine.messages import (
    Broken,
    Channel,
    Done,
    FromWorker,
    Prepared,
    Ready,
    ReportMade,
    Setup,
    Verdict,
    evaluate_message,
)
from hpogrid.engine.resources import gpu_ids, share_cpus, share_gpus, slot_environment
from hpogrid.engine.run import Run
from hpogrid.engine.spec import Assignment
from hpogrid.engine.worker import trial_log, worker_log
from hpogrid.errors import RunError
from hpogrid.space.space import Space
from hpogrid.trial.lifeline import describe_exit, kill_session

_TICK = 0.2
"""Seconds between two looks at time limits and at the wish to stop."""

_MAX_DEATHS = 3
"""Workers that die one after another before they are ready, until the run is given up."""


class Worker:
    """A worker process and the trial it evaluates."""

    def __init__(self, slot: int, setup: Setup, environment: dict[str, str], folder: Path) -> None:
        self.slot = slot
        self.assignment: Assignment | None = None
        self.ready = False
        self.since = time.monotonic()
        self._prepares = setup.prep is not None
        self._logs = Path(setup.logs)
        ours, theirs = socket.socketpair()
        log = worker_log(self._logs, slot)
        with theirs, log.open("wb", buffering=0) as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hpogrid.engine.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.channel: Channel[FromWorker] = Channel(ours, FromWorker)
        self.channel.send(setup)

    def evaluate(self, assignment: Assignment, trials: Path, space: Space) -> None:
        """Hand over a trial."""
        self.assignment = assignment
        self.since = math.inf if self._prepares else time.monotonic()
        self.channel.send(evaluate_message(assignment, trials, space))

    def end(self) -> str:
        """Kill the process with all its children; return how it had ended, in words."""
        code = self.process.poll()
        if code is None:
            with suppress(subprocess.TimeoutExpired):
                code = self.process.wait(0.05)
        kill_session(self.process.pid)
        self.process.wait()
        self.channel.socket.close()
        if self.assignment is not None:
            log = worker_log(self._logs, self.slot)
            if log.exists() and log.stat().st_size:
                log.rename(trial_log(self._logs, self.assignment.trial, self.assignment.attempt))
        return describe_exit(code)

    @property
    def output(self) -> str:
        """The last lines of what it wrote before its first trial."""
        text = worker_log(self._logs, self.slot).read_text(errors="replace")
        return "\n".join(text.splitlines()[-20:])


class ProcessEngine:
    """Evaluates the trials of a `Run`, several at once.

    Args:
        run: the books.
        scripts: the folder of the training scripts; workers have it as working directory.
        logs: folder for the logs of trials.
        progress: called whenever a trial ended, and a few times a second.
    """

    def __init__(
        self, run: Run, scripts: Path, logs: Path, progress: Callable[[], None] = lambda: None
    ) -> None:
        self._run = run
        self._space = run.project.space
        self._scripts = scripts
        self._logs = logs
        self._progress = progress
        config = run.config
        slots = min(share_cpus(config.max_concurrent, config.cpus_per_trial), config.trials)
        gpus = gpu_ids() if config.gpus_per_trial else []
        self._gpus = share_gpus(slots, config.gpus_per_trial, gpus)
        self._workers: dict[int, Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._deaths = 0

    def execute(self) -> None:
        """Run trials until the budget is spent or the run is stopped.

        Raises:
            RunError: no trial can run, because the objective cannot be loaded.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        with self._cleanup():
            while True:
                self._fill()
                if not self._workers:
                    return
                for key, _ in self._selector.select(_TICK):
                    self._serve(key.data)
                self._run.poll()
                self._check_alive()
                self._check_time()
                self._progress()
                if self._run.interrupted:
                    return

    @contextmanager
    def _cleanup(self) -> Iterator[None]:
        try:
            yield
        finally:
            workers = list(self._workers.values())
            for worker in workers:
                self._drop(worker)
            self._selector.close()
            reason = self._run.stopped or "the driver stopped"
            for worker in workers:
                if worker.assignment is not None:
                    self._run.interrupt(worker.assignment.trial, reason)

    # --- workers ---------------------------------------------------------------------------

    def _fill(self) -> None:
        """Give every idle worker a trial; start workers while there are trials to give."""
        for worker in list(self._workers.values()):
            if worker.assignment is None:
                assignment = self._run.next() if worker.ready else None
                if assignment is not None:
                    self._hand_over(worker, assignment)
                elif self._run.over:
                    self._drop(worker)
        if self._run.over:
            return
        waiting = sum(worker.assignment is None for worker in self._workers.values())
        wanted = self._run.open - waiting
        for _ in range(min(wanted, len(self._gpus) - len(self._workers))):
            self._start_worker()

    def _start_worker(self) -> None:
        slot = next(slot for slot in range(len(self._gpus)) if slot not in self._workers)
        model = self._run.project.model_config
        setup = Setup(
            str(self._scripts),
            model,
            self._run.config.metrics,
            str(self._logs),
            slot,
            self._run.prep,
            tuple(self._space.parameters),
            str(self._run.config.scheduler_param.get("time_attr", "")),
        )
        environment = slot_environment(self._gpus[slot], self._run.config.cpus_per_trial)
        worker = Worker(slot, setup, environment, self._scripts)
        self._workers[slot] = worker
        self._selector.register(worker.channel.socket, selectors.EVENT_READ, worker)

    def _drop(self, worker: Worker) -> str:
        self._selector.unregister(worker.channel.socket)
        del self._workers[worker.slot]
        return worker.end()

    def _hand_over(self, worker: Worker, assignment: Assignment) -> None:
        try:
            worker.evaluate(assignment, self._run.spec.trials, self._space)
        except OSError:
            self._died(worker)

    # --- messages --------------------------------------------------------------------------

    def _serve(self, worker: Worker) -> None:
        """Handle the messages of a worker that are here."""
        while True:
            message = worker.channel.receive()
            match message:
                case None:
                    return self._died(worker)
                case Ready():
                    worker.ready = True
                    self._deaths = 0
                case Broken(message=text):
                    raise RunError(text)
                case Prepared(seconds=seconds):
                    assert worker.assignment is not None
                    worker.since = time.monotonic()
                    self._run.prepared(worker.assignment.trial, seconds)
                    try:
                        worker.channel.send(Verdict(True))
                    except OSError:
                        return self._died(worker)
                case ReportMade(metrics=metrics):
                    assert worker.assignment is not None
                    decision = self._run.report(worker.assignment.trial, metrics)
                    try:
                        worker.channel.send(Verdict(decision == "continue"))
                    except OSError:
                        return self._died(worker)
                case Done(failure=failure):
                    assert worker.assignment is not None
                    trial, worker.assignment = worker.assignment.trial, None
                    self._run.finish(trial, failure)
            if not worker.channel.has_more:
                return None

    def _died(self, worker: Worker) -> None:
        """The process is gone: its trial has failed, and a new worker takes its place."""
        assignment = worker.assignment
        output = "" if worker.ready else worker.output
        how = self._drop(worker)
        if assignment is not None:
            self._run.finish(assignment.trial, f"the worker process {how}")
            return
        self._deaths += 1
        if self._deaths >= _MAX_DEATHS:
            raise RunError(f"the worker process {how} before its first trial:\n{output}")

    def _check_alive(self) -> None:
        """Notice dead workers whose end of the channel is held open by processes they left."""
        for worker in list(self._workers.values()):
            if worker.process.poll() is not None and not worker.channel.readable:
                self._died(worker)

    def _check_time(self) -> None:
        limit = self._run.config.trial_timeout
        if limit is None:
            return
        for worker in list(self._workers.values()):
            if worker.assignment is None:
                continue
            if time.monotonic() - worker.since + worker.assignment.spent > limit:
                trial = worker.assignment.trial
                self._drop(worker)
                self._run.finish(trial, f"it took longer than trial_timeout ({limit:g} s)")

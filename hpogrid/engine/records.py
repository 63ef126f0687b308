"""The records of one job: the ledger that it writes, and its view of everybody's.

Everything that has to survive a ``kill -9`` goes through `Records.write` before the next step.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import socket

from hpogrid._version import VERSION
from hpogrid.config.project import Project
from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.deadline import Clock
from hpogrid.errors import RunError, UserError
from hpogrid.files import write_atomic
from hpogrid.identity import boot_id
from hpogrid.space.space import Space
from hpogrid.study.events import Closed, Event, Opened
from hpogrid.study.exchange import Exchange
from hpogrid.study.ledger import (
    LedgerReader,
    LedgerWriter,
    being_written,
    ledger_attempts,
    ledger_name,
)
from hpogrid.study.takeover import BEAT_SECONDS, QUIET_SECONDS, lives, steady_time

_PROBE_BYTES = 1 << 16
_LITTLE_BYTES = 1 << 30
"""With less room than this a trial that says that the disk is full, is believed."""


class RunningAlready(RunError):
    """Another process is running the job."""


class Records:
    """What is known of the task, and where this attempt of the job writes.

    Args:
        project: what is searched, and how.
        space: of the project.
        spec: which job it is.
        lease: seconds after which a job that does not write has left what it claimed.
        clock: of the job.

    Attributes:
        exchange: how the jobs of the task see each other.
        study: the trials of all jobs, as far as they are known here.
        attempt: how often the job was started, this time included.
        host: on which that is.
        writer: of this attempt's own ledger, from `open` on.
    """

    writer: LedgerWriter

    def __init__(
        self, project: Project, space: Space, spec: JobSpec, lease: float, clock: Clock
    ) -> None:
        self._project = project
        self._clock = clock
        self._spec = spec
        self.exchange = make_exchange(project, space, spec, lease)
        self.study = self.exchange.study
        self.attempt = max(ledger_attempts(spec.ledgers, spec.job), default=0) + 1
        self.host = socket.gethostname()
        self._beat_seconds = min(BEAT_SECONDS, lease / 4)

    def open(self) -> None:
        """Begin this attempt's ledger.

        Raises:
            RunningAlready: another process is running the job.
            RunError: it cannot be written.
        """
        spec = self._spec
        self._refuse_second()
        self._wait_for_last()
        writer = LedgerWriter(spec.ledgers / ledger_name(spec.job, self.attempt))
        try:
            self._refuse_second()  # two drivers may have come so far at the same moment
        except RunningAlready:
            writer.discard()
            raise
        self.writer = writer
        self._beaten = steady_time()
        self.exchange.write_to(writer.path)
        known = self.exchange.go_on_from()
        self.write(
            Opened(
                time=self._clock.now(),
                job=spec.job,
                attempt=self.attempt,
                host=self.host,
                pid=os.getpid(),
                version=VERSION,
                project=self._project.hash,
                seed=spec.seed,
                boot=boot_id(),
                # Trials that are numbered apart from earlier ones are in nobody's way.
                read={} if spec.after else known,
            )
        )

    def _refuse_second(self) -> None:
        spec = self._spec
        for attempt in ledger_attempts(spec.ledgers, spec.job):
            path = spec.ledgers / ledger_name(spec.job, attempt)
            if attempt != self.attempt and being_written(path):
                raise RunningAlready(f"job {spec.job} is running already: it is writing {path}")

    def _wait_for_last(self) -> None:
        """Refuse if the last attempt still lives where its lock cannot tell."""
        path = self._spec.ledgers / ledger_name(self._spec.job, self.attempt - 1)
        if path.exists() and lives(path, self.exchange):
            raise RunningAlready(f"job {self._spec.job} is running already: {path} is growing")

    def beat(self) -> None:
        """Show now and then that this driver lives, and see that nothing forbids it to go on.

        Raises:
            RunningAlready: another one has, because this process was stopped for a long time.
            RunError: the ledger was removed or replaced.
        """
        now = steady_time()
        if now - self._beaten >= self._beat_seconds:
            self._refuse_to_go_on()
            self.writer.check()
            self._beaten = now
            self.exchange.beat()

    def _refuse_to_go_on(self) -> None:
        self.exchange.look()
        spec = self._spec
        newest = max(ledger_attempts(spec.ledgers, spec.job), default=0)
        path = spec.ledgers / ledger_name(spec.job, newest)
        if newest > self.attempt and LedgerReader(path).opening() is not None:
            self._beaten = -math.inf  # nothing is written from now on
            raise RunningAlready(
                f"job {spec.job} was taken over by another process, which writes {path}: this "
                "one had been stopped for a long time"
            )

    def write(self, *events: Event) -> None:
        """Append events to the ledger.

        Raises:
            RunningAlready: see `beat`.
            RunError: the disk is full or has gone.
        """
        self._look_after_silence()
        self.writer.write(*events)

    def _look_after_silence(self) -> None:
        if steady_time() - self._beaten > QUIET_SECONDS / 2:
            self.beat()

    def full_disk(self, failure: str) -> str | None:
        """Why a trial failed through no fault of its own, where the disk takes nothing any more."""
        probe = self.writer.path.with_name(f".room-{os.getpid()}")
        try:
            write_atomic(probe, bytes(_PROBE_BYTES))
            probe.unlink()
        except (UserError, OSError) as error:
            return f"{error} (a trial failed of it: {failure})"
        told = any(f"[Errno {number}]" in failure for number in (errno.ENOSPC, errno.EDQUOT))
        if told and shutil.disk_usage(probe.parent).free < _LITTLE_BYTES:
            return f"the disk of {probe.parent} is full: {failure}"
        return None

    def leave(self) -> None:
        """Write nothing more: another process goes on with the job."""
        self._beaten = -math.inf
        with contextlib.suppress(RunError):
            self.writer.close()

    def close(self, reason: str, *, over: bool) -> None:
        """Write the last line, and everything out.

        Raises:
            RunningAlready: see `beat`.
            RunError: the disk does not take it; the file is let go of all the same.
        """
        self._look_after_silence()
        try:
            self.writer.write(Closed(time=self._clock.now(), reason=reason, over=over))
        finally:
            self.writer.close()
        self.exchange.deliver()


def make_exchange(project: Project, space: Space, spec: JobSpec, lease: float) -> Exchange:
    """How the job sees the others of its task: by their ledgers, or through a storage."""
    config = project.hpo_config
    storage = project.storage
    if storage is None or not spec.shared:
        return Exchange(spec.ledgers, space, spec.job, shared=spec.shared, lease=lease)
    task = f"{project.hash}-{spec.seed}"
    from hpogrid.study.storage import check_url, is_server

    if is_server(storage):
        from hpogrid.study.remote import RemoteExchange

        return RemoteExchange(
            spec.ledgers,
            space,
            spec.job,
            url=storage,
            task=task,
            n_jobs=spec.sharing,
            patience=config.serve_patience,
            lease=lease,
        )
    check_url(storage, spec.n_jobs)
    from hpogrid.study.storage_exchange import StorageExchange

    return StorageExchange(
        spec.ledgers,
        space,
        spec.job,
        url=storage,
        study_name=project.study_name,
        task=task,
        metrics=config.metrics,
        modes=config.modes,
    )

"""Exchange: how the jobs of one task learn from each other while they run.

Through the folder of their ledgers: each job writes its own file and reads the others' as they
grow. On a finite space they claim configurations, so that each is evaluated once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from hpogrid.files import explained
from hpogrid.space.space import Point, Space
from hpogrid.space.value import Values
from hpogrid.study.claims import Claims, Taken, digest
from hpogrid.study.ledger import SUFFIX, ledger_pattern
from hpogrid.study.study import LedgerFolder, Trial

LEASE_SECONDS = 180.0
"""A job whose ledger does not change for so long has left what it claimed."""

CLOSING_SECONDS = 60.0
"""How long a job that has ended tries to deliver its last lines."""

_POLL_SECONDS = 0.2
_SECONDS_A_LEDGER = 2.0
"""A job that has nothing to decide opens no more ledgers a second than one in so many."""

_SHARE = 0.01
"""How much of its time a job spends looking at others, at most."""

_CLAIMS = "claims"


class Exchange:
    """A job's view of the ledgers of its task.

    Args:
        folder: of the ledgers.
        space: what is searched.
        job: whose view it is.
        shared: whether the jobs are one search; else only the job's own ledgers are read.
        lease: seconds (see `LEASE_SECONDS`).
    """

    def __init__(
        self, folder: Path, space: Space, job: int, *, shared: bool, lease: float = LEASE_SECONDS
    ) -> None:
        pattern = f"*{SUFFIX}" if shared else ledger_pattern(job)
        self._ledgers = LedgerFolder(folder, pattern)
        self._space = space
        self._job = job
        self._shared = shared
        self._lease = lease
        self._claims = Claims(folder / _CLAIMS, job) if shared and space.finite else None
        self._seen: dict[int, tuple[str, int, int]] = {}
        self._changed: dict[int, float] = {}
        self._own: Path | None = None
        self._watched = 0.0
        self._polled = 0.0
        self._took = 0.0
        self._interval = _POLL_SECONDS
        self._ledgers.poll()
        self.study = self._ledgers.study

    # --- the own ledger ----------------------------------------------------------------------

    def write_to(self, path: Path) -> None:
        """Say which file this job writes itself: it is not read, and `beat` keeps it alive."""
        self._own = path
        self._ledgers.ignore(path)

    def go_on_from(self) -> dict[int, int]:
        """How much of each earlier attempt's ledger there is; nothing more of them is read."""
        self.look()
        self._ledgers.poll()
        offsets = self._ledgers.offsets(self._job)
        self._ledgers.limit(self._job, offsets)
        return offsets

    def beat(self) -> None:
        """Show everybody who looks at the own ledger that its writer lives."""
        if self._own is not None:
            with contextlib.suppress(OSError):
                os.utime(self._own)

    def look(self) -> None:
        """See to it that the files of the folder are as new as can be."""

    def is_copy(self, path: Path) -> bool:
        """Whether a ledger of the folder is a copy, whose lock tells nothing."""
        return False

    def age(self, path: Path) -> float:
        """How many seconds ago a ledger changed, by the clock of the file system.

        Raises:
            UserError: the folder cannot be written.
        """
        draft = path.parent / f".{uuid.uuid4().hex}"
        with explained(draft):
            try:
                draft.touch()
                return draft.stat().st_mtime - path.stat().st_mtime
            finally:
                draft.unlink(missing_ok=True)

    # --- the others' -------------------------------------------------------------------------

    def poll(self, *, now: bool = False) -> list[Trial]:
        """The trials of other jobs that changed since the last look, each once.

        A look is taken ``now`` that there is something to decide, else ever more seldom while
        it brings nothing, the more so the more ledgers there are. However that is, looking takes
        one hundredth of the time at most.
        """
        began = time.monotonic()
        if not self._shared or began - self._polled < self._pause(now):
            return []
        self._watch(began)
        found = list({trial.id: trial for trial in self._ledgers.poll()}.values())
        self._interval = _POLL_SECONDS if now or found else 2 * self._interval
        self._polled = time.monotonic()
        self._took = self._polled - began
        return found

    def _pause(self, now: bool) -> float:
        """How long after the last look the next one may be."""
        busy = self._took / _SHARE
        if now:
            return busy
        idle = min(self._interval, LEASE_SECONDS / 10)
        return max(idle, busy, _SECONDS_A_LEDGER * self._ledgers.count)

    def hand_over(self) -> None:
        """The job has written its last line: wait for a while for those who should know it."""
        end = time.monotonic() + CLOSING_SECONDS
        while not self.deliver():
            if time.monotonic() > end:
                logging.getLogger(__name__).warning(
                    "what the job did last could not be delivered; it is in %s, and a retry of "
                    "the job from there delivers it",
                    self._own,
                )
                return
            time.sleep(min(1.0, CLOSING_SECONDS / 10))

    def deliver(self) -> bool:
        """Try at once to hand over what others do not have yet; False: they are out of reach."""
        return True

    def publish(self, trial: Trial) -> None:
        """A trial of this job began or ended; its ledger is where the others see that."""

    def reported(self, trial: Trial) -> None:
        """A running trial of this job has reported; see `publish`."""

    # --- finite spaces -----------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether points that others have may come back, so that the job shall not end yet."""
        return False

    @property
    def gave_up(self) -> str | None:
        """Why it is no use to wait any longer for those without whom nothing can be taken."""
        return None

    def may_take(self, point: Point) -> bool:
        """Whether a point could be this job's now; if not, it may be later."""
        return True

    def look_further(self) -> bool:
        """All that may be taken is: whether to ask for what was left to others."""
        return False

    def account(self) -> list[str]:
        """What could not be exact, with numbers; a part of a sentence each."""
        return []

    def claim(self, point: Point) -> Taken:
        """Whether this job is the one to evaluate a point."""
        if self._claims is None:
            return "mine"
        return self._claims.take(self._key(point.applied), point.suggested, point.applied)

    def still_mine(self, trial: Trial) -> bool:
        """Whether an interrupted trial of this job has not been taken over by another."""
        if self._claims is None:
            return True
        owner = self._claims.owner(self._key(trial.applied))
        return owner is None or owner.job == self._job

    def orphans(self) -> list[Point]:
        """Points that this job claimed but, killed in between, never started."""
        if self._claims is None:
            return []
        known = {digest(self._key(trial.applied)).encode() for trial in self.study}
        return [
            Point(claim.suggested, claim.applied)
            for name, claim in self._claims.all()
            if claim.job == self._job and name not in known
        ]

    def abandoned(self) -> Iterator[Point]:
        """Unfinished points of jobs that have died, now claimed by this job."""
        if self._claims is None:
            return
        finished = {digest(self._key(trial.applied)).encode() for trial in self.study.finished}
        for name, claim in list(self._claims.all()):
            if name in finished or claim.job == self._job or self._alive(claim.job):
                continue
            if self._claims.take_over(self._key(claim.applied), claim):
                yield Point(claim.suggested, claim.applied)

    def _key(self, applied: Values) -> bytes:
        return self._space.identify(applied)

    def _alive(self, job: int) -> bool:
        """Whether a job was alive at the last look: between two looks nobody has fallen silent."""
        changed = self._changed.get(job)
        return changed is None or self._watched - changed < self._lease

    def _watch(self, now: float) -> None:
        """Before ledgers are read: which jobs' files have changed, by our own steady clock."""
        self._watched = now
        if self._claims is None:
            return
        for path in self._ledgers.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError, ValueError):
                job = int(path.name.split(".")[0].removeprefix("job-"))
                status = path.stat()
                found = (path.name, status.st_size, status.st_mtime_ns)
                if found > self._seen.get(job, ("", 0, 0)):
                    self._seen[job] = found
                    self._changed[job] = now

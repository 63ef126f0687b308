"""Exchange through ``hpogrid serve``: for jobs that have a network but share no disk.

Each job appends its own ledger to the copy that the server keeps, and mirrors the others' into
its own folder of ledgers, where it reads them as if the disk were shared. A thread does that, so
a network that hangs does not keep the trials waiting. A job that loses the server carries on
alone; what it wrote meanwhile is delivered when the server is back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from hpogrid.errors import UserError
from hpogrid.space.space import Point, Space
from hpogrid.study.claims import Claim, digest
from hpogrid.study.exchange import LEASE_SECONDS, Exchange
from hpogrid.study.ledger import SUFFIX, ledger_name, was_closed
from hpogrid.study.serve.calls import Claims as Standing
from hpogrid.study.serve.calls import Part
from hpogrid.study.serve.client import Answer, Client, Refused, Unreachable
from hpogrid.study.serve.share import Share
from hpogrid.study.study import Trial
from hpogrid.text import counted

PATIENCE_SECONDS = 600.0
"""How long a job waits for the server, at its start and when it can do nothing without it."""

_SYNC_SECONDS = 1.0
_PART_BYTES = 2**20
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Link:
    """What a job asks of the server about its task, and whether it can.

    Args:
        url: of the server.
        task: the key of the task.
        job: on whose behalf.

    Attributes:
        online: whether the server answered the last time.
        shown: when it last took a sign of life of the job.
        away: seconds without it, all stretches together; `stretches` counts them.
    """

    def __init__(self, url: str, task: str, job: int) -> None:
        self.task = task
        self.job = job
        self.mail = Client(url)
        self.desk = Client(url)  # so that a claim does not wait for a delivery
        self.online = False
        self.shown = -float("inf")
        self.stretches = 0
        self._away = 0.0
        self._lost_at: float | None = None

    @property
    def away(self) -> float:
        """Seconds without the server since it answered first."""
        return self._away + self.missing

    @property
    def missing(self) -> float:
        """For how many seconds it has been out of reach now."""
        return 0.0 if self._lost_at is None else time.monotonic() - self._lost_at

    def found(self) -> None:
        """It answered."""
        if self._lost_at is not None:
            self._away += self.missing
            self._lost_at = None
            _log.warning("the server is back")
        self.online = True

    def lost(self, error: Exception) -> None:
        """It did not."""
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            self.stretches += 1
            _log.warning("server out of reach: %s", error)
        self.online = False

    # --- what a `Share` asks -----------------------------------------------------------------

    def claim(self, name: str, generation: int, claim: Claim) -> None:
        """Make a claim."""
        self._asking(lambda: self.desk.claim(self.task, name, generation, claim))

    def claims(self) -> Standing:
        """All claims."""
        return self._asking(lambda: self.desk.claims(self.task))

    def open_share(self, job: int) -> None:
        """Let others take of a job's share."""
        self._asking(lambda: self.desk.open_share(self.task, job))

    def _asking(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Unreachable as error:
            self.lost(error)
            raise


class RemoteExchange(Exchange):
    """A job's view of its task through the server.

    Args:
        folder, space, job: as for `Exchange`; the folder may be the job's own.
        url: of the server.
        task: the key of the task.
        n_jobs: among how many jobs a finite space is dealt out: those the task began with.
        patience: seconds (see `PATIENCE_SECONDS`).

    Raises:
        UserError: the server was out of reach for all that time, or refuses the token.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        job: int,
        *,
        url: str,
        task: str,
        n_jobs: int,
        patience: float = PATIENCE_SECONDS,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._link = Link(url, task, job)
        self._folder = folder
        self._own = None
        self._patience = patience
        self._cursor: str | None = None
        self._ages: dict[str, float] = {}
        self._sizes: dict[str, int] = {}
        self._copies: set[Path] = set()
        self._quiet = False
        self._wanted = False
        self._prefix = ledger_name(job, 0).split(".")[0] + "."
        self._mirroring = threading.RLock()
        self._widened = -float("inf")
        self._unbegun = False
        self._closed: set[int] = set()
        self._stop = threading.Event()
        self._share = Share(self._link, job, n_jobs, lease) if space.finite else None
        self._wait_for_server(url)
        super().__init__(folder, space, job, shared=True, lease=lease)
        self._claims = self._share
        if self._share is not None:
            own = (trial for trial in self.study if trial.job == job)
            self._share.recall(
                (Claim(job, trial.suggested, trial.applied) for trial in own),
                lambda claim: digest(self._key(claim.applied)),
            )
        threading.Thread(target=_carry, args=(weakref.ref(self), self._stop), daemon=True).start()

    def _wait_for_server(self, url: str) -> None:
        end, said = time.monotonic() + self._patience, False
        while True:
            try:
                self._mirror()
                return
            except Refused as error:
                raise UserError(f"storage {url} refuses: {error}") from error
            except (Unreachable, Answer) as error:
                left = end - time.monotonic()
                if left <= 0:
                    raise UserError(
                        f"storage {url} cannot be reached: {error} (tried for "
                        f"{self._patience:g} s; hpo_config --serve_patience sets how long)"
                    ) from error
                if not said:
                    _log.warning("waiting up to %g s for %s: %s", self._patience, url, error)
                    said = True
            time.sleep(min(left, random.uniform(0.5, 1.0)))

    # --- the own ledger ----------------------------------------------------------------------

    def beat(self) -> None:
        """Show the server that this job lives, with the next delivery (see `Exchange.beat`)."""
        super().beat()
        self._quiet = True

    def look(self) -> None:
        """See `Exchange.look`."""
        if self._link.online:
            self.sync()

    def is_copy(self, path: Path) -> bool:
        """See `Exchange.is_copy`."""
        return path in self._copies

    def age(self, path: Path) -> float:
        """How many seconds ago a ledger changed, by the server's clock if it knows the ledger."""
        seen = self._ages.get(path.name)
        return super().age(path) if seen is None else time.monotonic() - seen

    def deliver(self) -> bool:
        """See `Exchange.deliver`."""
        return self.sync()

    def hand_over(self) -> None:
        """See `Exchange.hand_over`."""
        super().hand_over()
        self._stop.set()

    # --- the others' -------------------------------------------------------------------------

    def poll(self, *, now: bool = False) -> list[Trial]:
        """Mirror if the server is there and a look is wanted ``now`` (see `Exchange.poll`)."""
        if now and self._link.online:
            self.sync()
        return super().poll(now=now)

    def _watch(self, now: float) -> None:
        super()._watch(now)
        if self._share is not None:  # nothing that these jobs did is unknown afterwards
            self._closed = set(self._jobs_closed())

    def _jobs_closed(self) -> Iterator[int]:
        newest = {
            path.name.split(".")[0]: path for path in sorted(self._folder.glob("job-*.jsonl"))
        }
        for stem, path in newest.items():
            number = stem.removeprefix("job-")
            if number.isdecimal() and was_closed(path):
                yield int(number)

    def sync(self) -> bool:
        """Bring both sides up to date; False: the server is out of reach."""
        try:
            self._mirror()
        except (Unreachable, Answer) as error:
            self._link.lost(error)
            return False
        return True

    def _mirror(self) -> None:
        """Push this job's ledgers, and pull the others' (and its own from another machine).

        Raises:
            Unreachable, Answer: the server does not answer.
        """
        with self._mirroring:
            self._wanted = False
            if self._cursor is None:
                self._pull_all()
            else:
                self._pull_changes(self._cursor)
            while self._share is not None and not self._share.hand_in():
                self._show()
            for path in sorted(self._folder.glob(f"{self._prefix}*{SUFFIX}")):
                self._push(path)
            self._link.found()
            if self._share is not None and self._link.shown > 0:
                self._share.see(wanted=self._wanted)

    def _pull_all(self) -> None:
        listing = self._link.mail.listing(self._link.task)
        now = time.monotonic()
        for name, file in listing.ledgers.items():
            self._sizes[name], self._ages[name] = file.size, now - file.age
            path = self._folder / Path(name).name
            while path != self._own and (have := _size(path)) < file.size:
                data = self._link.mail.read(self._link.task, name, have)
                if not data:
                    break
                self._keep(Part(name, have, data))
        self._cursor = listing.cursor

    def _pull_changes(self, cursor: str) -> None:
        try:
            found = self._link.mail.changes(self._link.task, cursor, self._link.job)
        except Answer:  # another server, or this one after a restart
            self._cursor = None
            self._pull_all()
            return
        now = time.monotonic()
        for part in found.parts:
            self._ages[part.name] = now
            end = part.at + len(part.data)
            self._sizes[part.name] = max(end, self._sizes.get(part.name, 0))
            if self._folder / part.name != self._own:
                self._keep(part)
        self._cursor = found.cursor
        self._wanted = found.wanted

    def _keep(self, part: Part) -> None:
        """Add to this machine's copy of a ledger what it lacks; it changed now."""
        path = self._folder / Path(part.name).name
        have = _size(path)
        if have < part.at:  # something is missing in between
            part = Part(part.name, have, self._link.mail.read(self._link.task, part.name, have))
        self._folder.mkdir(parents=True, exist_ok=True)
        if have < part.at + len(part.data):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                # At its place: another job of this machine may be doing the same.
                os.pwrite(handle, part.data, part.at)
            finally:
                os.close(handle)
            self._copies.add(path)
        if path in self._copies:
            with contextlib.suppress(OSError):
                os.utime(path)

    def _push(self, path: Path) -> None:
        """Append to the server's copy what it lacks, or nothing to show that this job lives."""
        alive = path == self._own and self._quiet
        at = self._sizes.get(path.name, 0)
        with path.open("rb") as stream:
            while True:
                data = _part(stream, at)
                if not (data or alive):
                    return
                before = time.monotonic()
                at = self._append(path.name, at, data)
                self._sizes[path.name] = at
                if path == self._own:
                    self._link.shown = before
                alive = self._quiet = False

    def _show(self) -> None:
        """Show that this job lives, whatever there is to deliver."""
        if self._own is not None and (at := self._sizes.get(self._own.name)) is not None:
            before = time.monotonic()
            self._append(self._own.name, at, b"")
            self._link.shown = before

    def _append(self, name: str, at: int, data: bytes) -> int:
        link = self._link
        try:
            return link.mail.append(link.task, name, at, data)
        except Answer as answer:
            if answer.status != 409:
                raise
        file = link.mail.listing(link.task).ledgers.get(name)
        return link.mail.append(link.task, name, file.size if file else 0, b"")

    # --- finite spaces -----------------------------------------------------------------------

    def may_take(self, point: Point) -> bool:
        """See `Exchange.may_take`."""
        return self._share is None or self._share.may(self._key(point.applied))

    def look_further(self) -> bool:
        """See `Exchange.look_further`."""
        now = time.monotonic()
        if self._share is None or now - self._widened < _SYNC_SECONDS:
            return False
        self._widened = now
        return self._share.look_everywhere()

    @property
    def waits(self) -> bool:
        """Whether another job has claimed what nobody has begun: it may still come to nothing."""
        return self._unbegun

    def abandoned(self) -> Iterator[Point]:
        """See `Exchange.abandoned`."""
        if self._claims is not None:
            known = {digest(self._key(trial.applied)).encode() for trial in self.study}
            others = (name for name, claim in self._claims.all() if claim.job != self._job)
            self._unbegun = any(name not in known for name in others)
        return super().abandoned()

    def _alive(self, job: int) -> bool:
        return job not in self._closed and super()._alive(job)

    @property
    def gave_up(self) -> str | None:
        """See `Exchange.gave_up`."""
        if self._share is None or self._link.missing < self._patience:
            return None
        return (
            f"the server has been out of reach for {self._link.missing:.0f} s, and without it "
            "nothing of the space can be taken that others might not take as well"
        )

    def account(self) -> list[str]:
        """See `Exchange.account`."""
        link, notes = self._link, []
        if link.stretches:
            notes.append(
                f"the server was out of reach {counted(link.stretches, 'time')}, for "
                f"{link.away:.0f} s together"
            )
        if self._share is not None and self._share.alone:
            notes.append(f"{counted(self._share.alone, 'trial')} of this job's own share meanwhile")
        doubled = self._doubled()
        if doubled:
            notes.append(
                f"{counted(doubled, 'configuration')} evaluated by another job as well, which "
                "took this one to be dead"
            )
        return notes

    def _doubled(self) -> int:
        """How many configurations of this job's finished trials another one has taken over."""
        if self._claims is None or not self._link.stretches:
            return 0
        others = {name for name, claim in self._claims.all() if claim.job != self._job}
        own = (trial for trial in self.study.finished if trial.job == self._job)
        return sum(digest(self._key(trial.applied)).encode() in others for trial in own)


def _carry(of: weakref.ref[RemoteExchange], stop: threading.Event) -> None:
    """Sync again and again, until the job is over."""
    pause = _SYNC_SECONDS
    while not stop.wait(pause):
        exchange = of()
        if exchange is None:
            return
        try:
            there = exchange.sync()
        except OSError as error:  # the disk of this machine; the job's own ledger tells
            _log.warning("cannot mirror the ledgers: %s", error)
            there = False
        pause = _SYNC_SECONDS * (1.0 if there else random.uniform(0.5, 1.5))
        del exchange


def _part(stream: BinaryIO, at: int) -> bytes:
    """Lines of a file that are whole, or the next part of one that is longer than a part."""
    stream.seek(at)
    data = stream.read(_PART_BYTES)
    if end := data.rfind(b"\n") + 1:
        return data[:end]
    whole = any(b"\n" in more for more in iter(lambda: stream.read(_PART_BYTES), b""))
    return data if whole else b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

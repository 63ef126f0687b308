"""What a job may take of a finite space, so that no two jobs evaluate one configuration.

Half of the space belongs to the jobs, by their numbers; the other half to who claims it first at
the server. A job that has lost the server takes from its own share alone, for as long as the
server does not take it to be dead, and hands the claims in later. When others have nothing left
to take, a job opens its share; one that has ended or died has opened it thereby.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from hpogrid.study.claims import Claim, Claims, Taken, digest
from hpogrid.study.serve.calls import Claims as Standing
from hpogrid.study.serve.calls import share_of
from hpogrid.study.serve.client import Answer, Unreachable

_SAFE = 0.8
"""The part of the lease in which no other one can have been given what is a job's own."""


class Server(Protocol):
    """What is asked of the server, about one task."""

    @property
    def online(self) -> bool:
        """Whether it answered the last time."""

    @property
    def shown(self) -> float:
        """When it last took a sign of life of this job, by the steady clock."""

    def claim(self, name: str, generation: int, claim: Claim) -> None:
        """Make a claim."""

    def claims(self) -> Standing:
        """All claims."""

    def open_share(self, job: int) -> None:
        """Let others take of a job's share."""


class Share(Claims):
    """The claims of a job at a server.

    Args:
        server: see `Server`.
        job, n_jobs: which job, and among how many the space is dealt out; one that was added
            later has no share.
        lease: after so many silent seconds the server takes a job to be dead.

    Attributes:
        alone: how many configurations were taken while the server was out of reach.
    """

    def __init__(self, server: Server, job: int, n_jobs: int, lease: float) -> None:
        self._server = server
        self._job = job
        self._n_jobs = n_jobs
        self._lease = lease
        self._late: deque[tuple[str, Claim]] = deque()
        self._others: set[str] = set()  # of this share, but claimed by others
        self._held: set[int] = set()
        self._seen = -float("inf")  # the last sign of life after which `_others` was complete
        self._own = False  # whether the share is this job's to take from
        self._opened = False
        self._everywhere = False
        self._lock = threading.Lock()
        self.alone = 0

    # --- what may be taken -------------------------------------------------------------------

    def may(self, key: bytes) -> bool:
        """Whether it makes sense to try and take a configuration now."""
        name = digest(key)
        owner = share_of(name, self._n_jobs)
        if not self._server.online:
            return owner == self._job and self._may_alone(name)
        if owner in (None, self._job):
            return True
        return self._everywhere and owner not in self._held

    def _may_alone(self, name: str) -> bool:
        silent = time.monotonic() - self._seen
        return self._own and silent < _SAFE * self._lease and name not in self._others

    def look_everywhere(self) -> bool:
        """Nothing is left but the shares of others: ask for these; False: there is no server."""
        if not self._server.online:
            return False
        self._held.clear()
        self._everywhere = True
        return True

    def take(self, key: bytes, suggested: dict[str, Any], applied: dict[str, Any]) -> Taken:
        """See `Exchange.claim`."""
        name, claim = digest(key), Claim(self._job, suggested, applied)
        if self._server.online:
            try:
                self._server.claim(name, 0, claim)
                return "mine"
            except Unreachable:
                pass  # it may have arrived: what is not of the own share is asked for again
            except Answer as answer:
                return self._not_given(answer, name)
        with self._lock:
            if share_of(name, self._n_jobs) != self._job or not self._may_alone(name):
                return "later"
            self._late.append((name, claim))
            self.alone += 1
            return "mine"

    def _not_given(self, answer: Answer, name: str) -> Taken:
        owner = share_of(name, self._n_jobs)
        if answer.status == 423 and owner is not None:
            self._held.add(owner)
            return "later"
        return "taken"

    # --- with the server ---------------------------------------------------------------------

    def recall(self, claims: Iterable[Claim], name_of: Callable[[Claim], str]) -> None:
        """What earlier attempts of this job took: they may have been killed while alone."""
        self._late.extend((name_of(claim), claim) for claim in claims)

    def see(self, *, wanted: bool) -> None:
        """The server is there, and knows that this job lives.

        Args:
            wanted: whether others have nothing left but this job's share.

        Raises:
            Unreachable, Answer: it is out of reach again.
        """
        shown = self._server.shown
        if shown - self._seen > _SAFE * self._lease:  # it may have been taken to be dead meanwhile
            self._own = False
        if not (self._own or self._opened):
            self._begin()
        self._seen = shown
        self._hand_in()
        if wanted:
            with self._lock:  # nothing is taken alone from now on
                self._own, self._opened = False, True
            self._hand_in()
            self._server.open_share(self._job)

    def _begin(self) -> None:
        """Nobody else gets anything of the share any more: see what somebody has got before."""
        standing = self._server.claims()
        self._others = {one.name for one in standing.claims if one.claim.job != self._job}
        self._opened = self._job in standing.opened
        self._own = not self._opened

    def hand_in(self) -> bool:
        """Bring the server the claims of the time without it, before it hears that the job ended.

        Returns:
            Whether that was all; if not, it is time to show that this job lives.

        Raises:
            Unreachable: it is out of reach again.
        """
        return not self._own or self._hand_in(self._lease / 8)

    def _hand_in(self, seconds: float = float("inf")) -> bool:
        end = time.monotonic() + seconds
        while self._late:
            if time.monotonic() > end:
                return False
            name, claim = self._late[0]
            with contextlib.suppress(Answer):  # another one has it too, which is counted at the end
                self._server.claim(name, 0, claim)
            self._late.popleft()
        return True

    # --- those of others ---------------------------------------------------------------------

    def owner(self, key: bytes) -> Claim | None:
        """See `Claims.owner`."""
        return next((claim for name, claim in self.all() if name == digest(key).encode()), None)

    def take_over(self, key: bytes, claim: Claim) -> bool:
        """See `Claims.take_over`."""
        for one in self._list():
            if one.name == digest(key) and one.claim == claim:
                mine = Claim(self._job, claim.suggested, claim.applied)
                try:
                    self._server.claim(one.name, one.generation + 1, mine)
                except (Unreachable, Answer):
                    return False
                return True
        return False

    def all(self) -> Iterator[tuple[bytes, Claim]]:
        """See `Claims.all`."""
        return ((one.name.encode(), one.claim) for one in self._list())

    def _list(self) -> Any:
        try:
            return self._server.claims().claims
        except (Unreachable, Answer):
            return []

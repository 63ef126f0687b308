"""Claims: which job evaluates a configuration, where several share a finite space.

A claim is a file that is made complete and exclusively in one step (a hard link, which is
atomic on NFS as well); whoever makes it first has the configuration. No lock is held, and a
claim of a job that has died can be taken over by exactly one other, who makes the file of the
next generation. A damaged file is nobody's claim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from hpogrid.files import read_record, write_new
from hpogrid.space.value import Values

_SUFFIX = ".claim"


Taken = Literal["mine", "taken", "later"]
"""What became of a claim: this job's, another's, or that cannot be known at the moment."""


class Claim(msgspec.Struct, frozen=True):
    """Who has which configuration."""

    job: int
    suggested: Values
    applied: Values


class Claims:
    """The claims of one task.

    Args:
        folder: where they are kept; made when the first one is.
        job: on whose behalf.
    """

    def __init__(self, folder: Path, job: int) -> None:
        self._folder = folder
        self._job = job

    def take(self, key: bytes, suggested: Values, applied: Values) -> Taken:
        """Claim the configuration with identity ``key``."""
        claim = Claim(self._job, suggested, applied)
        return "mine" if make_claim(self._folder, digest(key), 0, claim) else "taken"

    def owner(self, key: bytes) -> Claim | None:
        """Who has a configuration now: the last who took it over."""
        newest = read_claim(self._folder, digest(key))
        return newest[1] if newest else None

    def take_over(self, key: bytes, claim: Claim) -> bool:
        """Claim a configuration that ``claim``'s job has left; False: another was faster."""
        newest = read_claim(self._folder, digest(key))
        if newest is None or newest[1] != claim:
            return False
        mine = Claim(self._job, claim.suggested, claim.applied)
        return make_claim(self._folder, digest(key), newest[0] + 1, mine)

    def all(self) -> Iterator[tuple[bytes, Claim]]:
        """Every configuration that is claimed (by the digest of its identity), and by whom."""
        for name, (_, claim) in read_claims(self._folder).items():
            yield name.encode(), claim


def claim_path(folder: Path, name: str, generation: int) -> Path:
    """The file of a claim."""
    return folder / f"{name}.{generation:03d}{_SUFFIX}"


def read_claim(folder: Path, name: str) -> tuple[int, Claim] | None:
    """The newest claim of a configuration that can be read, with its generation."""
    newest, generation = None, 0
    while (path := claim_path(folder, name, generation)).exists():
        claim = read_record(path, Claim)
        newest = newest if claim is None else (generation, claim)
        generation += 1
    return newest


def read_claims(folder: Path) -> dict[str, tuple[int, Claim]]:
    """The newest claim of each configuration that can be read, with its generation."""
    found: dict[str, tuple[int, Claim]] = {}
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        stem, _, generation = path.name.removesuffix(_SUFFIX).partition(".")
        claim = read_record(path, Claim)
        if claim is not None and generation.isdecimal():
            found[stem] = int(generation), claim
    return found


def make_claim(folder: Path, name: str, generation: int, claim: Claim) -> bool:
    """Claim the configuration called ``name``; False: it is taken.

    Raises:
        UserError: it cannot be written.
    """
    data = msgspec.json.encode(claim)
    while not write_new(path := claim_path(folder, name, generation), data):
        if read_record(path, Claim) is not None:
            return False
        generation += 1
    return True


def digest(key: bytes) -> str:
    """The name of a configuration's claim."""
    return hashlib.blake2b(key, digest_size=12).hexdigest()

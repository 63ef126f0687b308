"""Claims: which job evaluates a configuration, where several share a finite space.

A claim is a file that is made complete and exclusively in one step (a hard link, which is
atomic on NFS as well); whoever makes it first has the configuration. No lock is held, and a
claim of a job that has died can be taken over by exactly one other.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hpogrid.files import explained, make_folder


class Claim(msgspec.Struct, frozen=True):
    """Who has which configuration."""

    job: int
    suggested: dict[str, Any]
    applied: dict[str, Any]


class Claims:
    """The claims of one task.

    Args:
        folder: where they are kept; made when the first one is.
        job: on whose behalf.
    """

    def __init__(self, folder: Path, job: int) -> None:
        self._folder = folder
        self._job = job

    def take(self, key: bytes, suggested: dict[str, Any], applied: dict[str, Any]) -> bool:
        """Claim the configuration with identity ``key``; False: another job has it."""
        return link_new(
            self._path(key, 0), msgspec.json.encode(Claim(self._job, suggested, applied))
        )

    def owner(self, key: bytes) -> Claim | None:
        """Who has a configuration now: the last who took it over."""
        generation = self._generation(key)
        return self._read(self._path(key, generation)) if generation >= 0 else None

    def take_over(self, key: bytes, claim: Claim) -> bool:
        """Claim a configuration that ``claim``'s job has left; False: another was faster."""
        if self.owner(key) != claim:
            return False
        path = self._path(key, self._generation(key) + 1)
        mine = Claim(self._job, claim.suggested, claim.applied)
        return link_new(path, msgspec.json.encode(mine))

    def all(self) -> Iterator[tuple[bytes, Claim]]:
        """Every configuration that is claimed (by the digest of its identity), and by whom."""
        if not self._folder.is_dir():
            return
        newest: dict[str, Path] = {}
        for path in sorted(self._folder.glob("*.claim")):
            newest[path.name.split(".")[0]] = path
        for path in newest.values():
            yield path.name.split(".")[0].encode(), self._read(path)

    def _generation(self, key: bytes) -> int:
        generation = -1
        while self._path(key, generation + 1).exists():
            generation += 1
        return generation

    def _path(self, key: bytes, generation: int) -> Path:
        return self._folder / f"{digest(key)}.{generation:03d}.claim"

    @staticmethod
    def _read(path: Path) -> Claim:
        return msgspec.json.decode(path.read_bytes(), type=Claim)


def digest(key: bytes) -> str:
    """The name of a configuration's claim."""
    return hashlib.blake2b(key, digest_size=12).hexdigest()


def link_new(path: Path, data: bytes) -> bool:
    """Make a file, complete and exclusively in one step; False: it is there already.

    Raises:
        UserError: it cannot be written.
    """
    draft = path.parent / f".{uuid.uuid4().hex}"
    with explained(path):
        make_folder(path.parent)
        try:
            draft.write_bytes(data)
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
    return True

"""Which panda-client is used: there may be several, such as one that ``lsetup panda`` adds."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hpogrid.errors import UserError

NEEDED = (2, 1)
"""The first release whose calls and answers are those that we know."""

_PACKAGE = "pandaclient"


class Installed(NamedTuple):
    """A panda-client: its release, and the folder of its package."""

    release: str
    folder: Path

    @property
    def fits(self) -> bool:
        """Whether it is new enough."""
        numbers = re.match(r"(\d+)\.(\d+)", self.release)
        return numbers is not None and tuple(map(int, numbers.groups())) >= NEEDED

    def __str__(self) -> str:
        return f"{self.release} in {self.folder}"


def find_client(what: str = "the PanDA grid") -> Installed:
    """The panda-client to use: the one beside hpogrid, else one on ``PYTHONPATH``.

    Args:
        what: needs it, as it reads in the message.

    Raises:
        UserError: there is none, or none that is new enough.
    """
    found = clients()
    fitting = next((client for client in found if client.fits), None)
    if fitting is not None:
        return fitting
    needed = ".".join(map(str, NEEDED))
    if found:
        raise UserError(
            f"{what} needs panda-client {needed} or later, and here is {found[0]}: "
            "pip install 'hpogrid[panda]'"
        )
    raise UserError(f"{what} needs {_PACKAGE}: pip install 'hpogrid[panda]'")


def clients() -> list[Installed]:
    """Every panda-client that Python would find, those beside hpogrid first."""
    given = _given()
    places = [Path(entry or ".") for entry in sys.path]
    places.sort(key=lambda place: place in given)
    return list(dict.fromkeys(client for place in places for client in _in(place)))


def without_others(client: Installed) -> str:
    """``PYTHONPATH`` without the folders of other panda-clients."""
    kept = [place for place in _given() if place == client.folder or not any(_in(place))]
    return os.pathsep.join(map(str, kept))


def _given() -> list[Path]:
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [Path(entry) for entry in entries if entry]


def _in(place: Path) -> Iterator[Installed]:
    package = place / _PACKAGE
    if not package.is_dir():
        return
    try:
        text = (package / "PandaToolsPkgInfo.py").read_text()
    except (OSError, UnicodeDecodeError):
        text = ""
    release = re.search(r"release_version\s*=\s*[\"']([\w.+-]+)[\"']", text)
    yield Installed(release.group(1) if release else "of unknown release", place)

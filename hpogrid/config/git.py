"""Where the scripts of a project stand in their history, as Git tells."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

import msgspec

MOST_NAMED = 20
_SECONDS = 20.0
_QUIET = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""Looking changes nothing, and starts nothing that a folder's own settings name."""


class Git(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where in a history of Git some scripts stand.

    Attributes:
        commit: the hash of the one that is checked out.
        changed: those of the scripts that are not as there; ``others`` of them are not named.
    """

    commit: str
    changed: tuple[str, ...] = ()
    others: int = 0

    @property
    def words(self) -> str:
        """The commit, and what differs from it."""
        if not self.changed:
            return self.commit
        more = f" and {self.others} more" if self.others else ""
        return f"{self.commit} with changes in {', '.join(self.changed)}{more}"


def git_state(scripts: Path, names: Collection[str]) -> Git | None:
    """What Git tells of some scripts; None: they are in no repository, or there is no Git.

    Args:
        scripts: a script, or a folder of scripts.
        names: of the scripts that are taken, relative to their folder.
    """
    folder = scripts.parent if scripts.is_file() else scripts
    commit = _ask(folder, "rev-parse", "HEAD")
    prefix = _ask(folder, "rev-parse", "--show-prefix")
    status = ("status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching", "--")
    told = _ask(folder, *status, ".")
    if commit is None or prefix is None or told is None:
        return None
    other = _others(told, prefix.strip())
    changed = [name for name in sorted(names) if _is_in(name, other)]
    named = tuple(changed[:MOST_NAMED])
    return Git(commit.strip(), named, len(changed) - len(named))


def _others(told: str, prefix: str) -> set[str]:
    """The files, and folders with a slash behind, that are not as in the commit."""
    entries = iter(told.split("\0"))
    found = set()
    for entry in entries:
        found.add(entry[3:].removeprefix(prefix))
        if entry[:1] in ("R", "C"):
            next(entries, None)  # what it was called before
    return found


def _is_in(name: str, other: Collection[str]) -> bool:
    parts = name.split("/")
    above = ("/".join(parts[:count]) + "/" for count in range(1, len(parts)))
    return name in other or any(place in other for place in ("./", *above))


def _ask(folder: Path, *words: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *_QUIET, "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            env={name: text for name, text in os.environ.items() if not name.startswith("GIT_")},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()

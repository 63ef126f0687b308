"""Which files of a user's folder belong to a project."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from hpogrid.errors import UserError

IGNORE_FILE = ".hpogridignore"
LARGE = 50 * 2**20
"""Scripts of more bytes than this draw a warning: every job gets a copy."""

_IGNORED = (
    ".*", "__pycache__", "*.pyc", "*.egg-info", "node_modules", "venv", "env.bak",
)  # fmt: skip


def script_files(path: Path) -> dict[str, Path]:
    """The files to take from ``path``, by their relative names, sorted.

    Hidden files, caches, environments and what a ``.hpogridignore`` file lists (one wildcard
    pattern a line, for names or relative paths) are left out, and so are links to folders.

    Raises:
        UserError: the path does not exist, nothing is left, or a name is no text.
    """
    files = {path.name: path}
    if not path.is_file():
        if not path.is_dir():
            raise UserError(f"scripts_path: no such file or folder: {path}")
        files = {name: item for name, item in sorted(_walk(path)) if item.is_file()}
        if not files:
            raise UserError(f"scripts_path: there is no script in {path}")
    for name in (str(path), *files):
        if not _is_text(name):
            raise UserError(
                f"scripts_path: the name {name!a} is no text in UTF-8, as every job needs it; "
                f"rename it, or leave it out by a pattern in {IGNORE_FILE}"
            )
    return files


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def script_notes(path: Path) -> list[str]:
    """What the user should know about what `script_files` takes from ``path``, and what not."""
    notes = []
    size = sum(source.stat().st_size for source in script_files(path).values())
    if size > LARGE:
        notes.append(
            f"the scripts are {size / 2**20:.0f} MB and every job gets a copy; "
            f"list what jobs do not need in {IGNORE_FILE}"
        )
    links = [name for name, item in _walk(path) if item.is_dir()] if path.is_dir() else []
    if links:
        notes.append(
            f"links to folders are left out: {', '.join(sorted(links))}; jobs find input data "
            "through inDS of the grid config, or by absolute paths"
        )
    return notes


def changed_scripts(path: Path, known: Mapping[str, str]) -> list[str]:
    """The files of ``path`` that differ from what a project knows, by their SHA-256.

    Raises:
        UserError: there is no script.
    """
    now = {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in script_files(path).items()
    }
    return sorted(name for name in {*now, *known} if now.get(name) != known.get(name))


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Everything below ``root`` that is not ignored; of folders only those that are links."""
    patterns = _patterns(root)
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            items = list(folder.iterdir())
        except OSError as error:
            raise UserError(f"scripts_path: cannot read {folder}: {error.strerror}") from error
        for path in items:
            name = path.relative_to(root).as_posix()
            if any(fnmatch.fnmatchcase(text, p) for p in patterns for text in (path.name, name)):
                continue
            if path.is_dir() and not path.is_symlink():
                folders.append(path)
            else:
                yield name, path


def _patterns(folder: Path) -> tuple[str, ...]:
    with contextlib.suppress(FileNotFoundError):
        lines = (folder / IGNORE_FILE).read_text(encoding="utf-8").splitlines()
        own = [line.strip().rstrip("/") for line in lines]
        return (*_IGNORED, *(line for line in own if line and not line.startswith("#")))
    return _IGNORED

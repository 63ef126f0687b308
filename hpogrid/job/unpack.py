"""Unpacking archives that others made: nothing leaves the folder, nothing fills the disk."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from pathlib import Path

_LARGEST = 100 * 2**30
_MOST_FILES = 1_000_000
_BROKEN = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, MemoryError, OverflowError)


class Refused(Exception):
    """An archive that is broken, or would do harm; the message says which."""


def unpack(archive: Path, folder: Path, *, largest: int = _LARGEST, suffix: str = "") -> list[str]:
    """Unpack a tar archive, compressed or not, into a folder that exists.

    Files that are there already stay as they are.

    Args:
        archive: the file.
        folder: where to.
        largest: bytes that all files together may have.
        suffix: take only plain files at the top whose names end so.

    Returns:
        The names of the files, relative to ``folder``.

    Raises:
        Refused: it is broken, leads outside, or holds too much; what came before stays.
    """
    if not hasattr(tarfile, "data_filter"):
        raise Refused("this Python cannot unpack safely; 3.11.4 can")
    names: list[str] = []
    total = 0
    try:
        with tarfile.open(archive) as stream:
            for member in stream:
                if suffix and not _is_plain(member, suffix):
                    continue
                safe = tarfile.data_filter(member, str(folder))
                if (folder / safe.name).exists() and not safe.isdir():
                    continue
                total += safe.size
                if total > largest or len(names) >= _MOST_FILES:
                    raise Refused("it holds more than is reasonable")
                stream.extract(safe, folder, filter="data")
                names.append(safe.name)
    except (*_BROKEN, OSError, ValueError) as error:
        raise Refused(f"{type(error).__name__}: {error}") from error
    return names


def _is_plain(member: tarfile.TarInfo, suffix: str) -> bool:
    name = member.name.removeprefix("./")
    return member.isfile() and "/" not in name and name.endswith(suffix)

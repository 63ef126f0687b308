"""Reading archives that others made: whole, nothing outside of the folder, no full disk."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

_LARGEST = 100 * 2**30
_MOST_FILES = 1_000_000
_LARGEST_READ = 16 * 2**20
"""More than this is never read at once: such a header is a trap."""

_BLOCK = 1 << 20
_SMALL, _RATIO = 64 * 2**20, 200
_KINDS = {b"\x1f\x8b": gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ\0": lzma.LZMAFile}
_BROKEN = (
    tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, MemoryError, OverflowError, OSError,
    ValueError, RecursionError,
)  # fmt: skip


class Refused(Exception):
    """An archive that is broken, or would do harm; the message says which."""


def reasonable(archive: Path) -> int:
    """How many bytes the files of an archive may have together, by its own size."""
    return max(_SMALL, _RATIO * archive.stat().st_size) if archive.is_file() else _SMALL


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
    total, room = 0, shutil.disk_usage(folder).free
    with _members(archive, largest) as (stream, members):
        for member in members:
            if suffix and not _is_plain(member, suffix):
                continue
            safe = tarfile.data_filter(member, str(folder))
            if (folder / safe.name).exists() and not safe.isdir():
                continue
            total += safe.size
            if total > largest or len(names) >= _MOST_FILES:
                raise Refused("it holds more than is reasonable")
            if total > room:
                raise Refused("the disk has no room for what it holds")
            stream.extract(safe, folder, filter="data")
            names.append(safe.name)
    return names


def read_files(archive: Path, wanted: Callable[[str], bool], largest: int) -> dict[str, bytes]:
    """The contents of some files of a tar archive, by their names in it.

    Args:
        archive: the file.
        wanted: which names.
        largest: bytes that one of them may have.

    Raises:
        Refused: the archive is broken, or a file is too large.
    """
    found: dict[str, bytes] = {}
    with _members(archive, _LARGEST) as (stream, members):
        for member in members:
            if not member.isfile() or not wanted(member.name):
                continue
            if member.size > largest:
                raise Refused(f"{member.name} has {member.size} bytes")
            content = stream.extractfile(member)
            if content is not None:
                held = io.BytesIO()
                shutil.copyfileobj(content, held)
                found[member.name] = held.getvalue()
    return found


@contextlib.contextmanager
def _members(
    archive: Path, largest: int
) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    """An archive and what is in it; read to its end, where the checksums are.

    Raises:
        Refused: whatever is wrong with it.
    """
    try:
        with _open(archive) as content:
            bounded = _Bounded(content, largest)
            with tarfile.open(fileobj=bounded, mode="r:") as stream:  # type: ignore[call-overload]
                yield stream, iter(stream)
                _check_end(stream, bounded)
    except _BROKEN as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


def _open(archive: Path) -> BinaryIO:
    with archive.open("rb") as raw:
        start = raw.read(max(map(len, _KINDS)))
    for magic, kind in _KINDS.items():
        if start.startswith(magic):
            return cast(BinaryIO, kind(archive))
    return archive.open("rb")


def _check_end(stream: tarfile.TarFile, content: _Bounded) -> None:
    """See that an archive ends where its last file does, and not in a damaged header."""
    content.seek(stream.offset)
    block = content.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise Refused("it is cut")
    while block:
        if block.strip(b"\0"):
            raise Refused("it is damaged")
        block = content.read(_BLOCK)


class _Bounded:
    """The bytes of a tar file as they are unpacked, up to what is reasonable."""

    def __init__(self, content: BinaryIO, largest: int) -> None:
        self._content = content
        self._largest = 2 * largest + _SMALL  # headers count as well

    def read(self, size: int = -1) -> bytes:
        """Some bytes."""
        if not 0 <= size <= _LARGEST_READ:
            raise Refused("it holds more than is reasonable")
        self._check(self.tell() + size)
        return self._content.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        self._check(offset)
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._content.tell()

    def _check(self, offset: int) -> None:
        if offset > self._largest:
            raise Refused("it holds more than is reasonable")


def _is_plain(member: tarfile.TarInfo, suffix: str) -> bool:
    name = member.name.removeprefix("./")
    return member.isfile() and "/" not in name and name.endswith(suffix)

"""What goes with a task besides its project, so that jobs install nothing and need no network.

hpogrid itself goes as it is: it is pure Python. Of what it needs a job uses msgspec alone, which
goes along for all Pythons that may be there, and two programs: a shell script that finds a Python,
and what that Python runs.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import msgspec

import hpogrid
from hpogrid.config.home import home
from hpogrid.config.schemas import GridConfig
from hpogrid.files import explained, files_below, make_folder
from hpogrid.job.settings import BUNDLE, ENTRY, LIB, START, VENDOR

Content = dict[str, Path | bytes]
"""Files to send: for each name a file, or what it holds."""

_WHEELS = "job/wheels/"


def carried(grid: GridConfig) -> Content:
    """The files that go with a task; the same from the same hpogrid."""
    programs = resources.files("hpogrid.job") / "program"
    start = (programs / START).read_text(encoding="utf-8")
    places = (grid.driver_python or "").replace(",", " ").replace("{machine}", "$machine")
    return {
        START: start.replace("@PLACES@", places).encode(),
        ENTRY: (programs / ENTRY).read_bytes(),
        **{
            f"{LIB}/hpogrid/{name}": path
            for name, path in files_below(Path(hpogrid.__file__).parent).items()
            if "__pycache__" not in name and not name.startswith(_WHEELS)
        },
        **{f"{VENDOR}/msgspec/{name}": data for name, data in _msgspec()},
    }


def carried_path(content: Content) -> Path:
    """Where `write_carried` puts them: all tasks with the same files share one folder."""
    digest = hashlib.sha256()
    for name, source in sorted(content.items()):
        data = _bytes(source)
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return home() / "carried" / digest.hexdigest()[:16]


def write_carried(grid: GridConfig) -> Path:
    """Put what goes with a task where jobs of this machine or cluster see it; return the folder."""
    content = carried(grid)
    target = carried_path(content)
    if target.is_dir():
        return target
    with explained(target):
        make_folder(target.parent)
        draft = Path(tempfile.mkdtemp(prefix=".", dir=target.parent))
        try:
            for name, source in content.items():
                make_folder((draft / name).parent)
                (draft / name).write_bytes(_bytes(source))
            draft.chmod(0o755)
            draft.rename(target)
        except OSError:
            if not target.is_dir():  # else another submission was faster
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return target


def bundled(folder: Path) -> Content:
    """The files of a project's folder, as jobs have them."""
    return {
        f"{BUNDLE}/{name}": path
        for name, path in files_below(folder).items()
        if "__pycache__" not in name
    }


def write_archive(content: Content, target: Path) -> None:
    """Write the files as a ``.tar.gz``, the same bytes for the same files."""
    with (
        target.open("wb") as stream,
        gzip.GzipFile("", "wb", 6, stream, 0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, source in sorted(content.items()):
            data = _bytes(source)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            executable = isinstance(source, Path) and source.stat().st_mode & 0o100
            entry.mode = 0o755 if executable else 0o644
            archive.addfile(entry, io.BytesIO(data))


def _bytes(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


@functools.cache
def _msgspec() -> tuple[tuple[str, bytes], ...]:
    """msgspec's files, which are unpacked once in a process."""
    return tuple(_read_msgspec())


def _read_msgspec() -> Iterator[tuple[str, bytes]]:
    """From the wheels beside `hpogrid.job`, else as it is installed here."""
    wheels = resources.files("hpogrid.job") / "wheels"
    if not wheels.is_dir():  # in a job: what came with that is for all Pythons already
        for name, path in files_below(Path(msgspec.__file__).parent).items():
            if "__pycache__" not in name:
                yield name, path.read_bytes()
        return
    for wheel in sorted(wheels.iterdir(), key=lambda item: item.name):
        with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
            for name in archive.namelist():
                if name.startswith("msgspec/") and not name.endswith((".pyi", "/")):
                    yield name.removeprefix("msgspec/"), archive.read(name)
                elif name.endswith("/LICENSE"):
                    yield "LICENSE", archive.read(name)

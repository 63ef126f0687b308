"""What goes with a task besides its project, so that jobs install nothing and need no network.

hpogrid itself goes as a wheel, which is used as it is: it is pure Python. Of what it needs a job
uses msgspec alone, which goes along for all Pythons that may be there, and two programs: a shell
script that finds a Python, and what that Python runs.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path

import msgspec

import hpogrid
from hpogrid._version import VERSION
from hpogrid.config.schemas import GridConfig
from hpogrid.files import explained, files_below, make_folder, write_atomic
from hpogrid.job.settings import ENTRY, LIB, START, VENDOR

Content = dict[str, Path | bytes]
"""Files to send: for each name a file, or what it holds."""

_WHEEL = f"{LIB}/hpogrid-{VERSION}-py3-none-any.whl"
_OWN = "hpogrid/job/wheels/"
_DATE = (1980, 1, 1, 0, 0, 0)


def carried(grid: GridConfig) -> Content:
    """The files that go with a task; the same from the same hpogrid."""
    programs = resources.files("hpogrid.job") / "program"
    start = (programs / START).read_text(encoding="utf-8")
    places = (grid.driver_python or "").replace(",", " ").replace("{machine}", "$machine")
    return {
        START: start.replace("@PLACES@", places).encode(),
        ENTRY: (programs / ENTRY).read_bytes(),
        _WHEEL: _wheel(),
        **{f"{VENDOR}/{name}": data for name, data in _msgspec()},
    }


def carried_path(folder: Path) -> Path:
    """Where `write_carried` puts them in the folder of a task."""
    return folder / "hpogrid"


def write_carried(folder: Path, grid: GridConfig) -> None:
    """Write what goes with a task into its folder."""
    for name, source in carried(grid).items():
        path = carried_path(folder) / name
        with explained(path):
            make_folder(path.parent)
            write_atomic(path, source if isinstance(source, bytes) else source.read_bytes())


def _wheel() -> bytes:
    """The hpogrid that runs here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _files():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _files() -> Iterator[tuple[str, bytes]]:
    """The files of the wheel, the list of them last."""
    info = f"hpogrid-{VERSION}.dist-info"
    contents = [
        *_package(),
        (f"{info}/METADATA", _metadata().encode()),
        (f"{info}/WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        (f"{info}/entry_points.txt", b"[console_scripts]\nhpogrid = hpogrid.__main__:main\n"),
    ]
    yield from contents
    rows = [f"{name},{_digest(data)},{len(data)}\n" for name, data in contents]
    yield f"{info}/RECORD", "".join([*rows, f"{info}/RECORD,,\n"]).encode()


def _package() -> Iterator[tuple[str, bytes]]:
    own = Path(hpogrid.__file__).parent
    if own.parent.suffix == ".whl":  # this is a job that was itself started from a wheel
        with zipfile.ZipFile(own.parent) as archive:
            for name in sorted(archive.namelist()):
                if name.startswith("hpogrid/"):
                    yield name, archive.read(name)
        return
    for path in sorted(own.rglob("*")):
        name = f"hpogrid/{path.relative_to(own).as_posix()}"
        if path.is_file() and "__pycache__" not in path.parts and not name.startswith(_OWN):
            yield name, path.read_bytes()


def _msgspec() -> Iterator[tuple[str, bytes]]:
    """msgspec's files from the wheels beside `hpogrid.job`, else as it is installed here."""
    wheels = resources.files("hpogrid.job") / "wheels"
    if not wheels.is_dir():  # in a job: what came with that is for all Pythons already
        for name, path in files_below(Path(msgspec.__file__).parent).items():
            if "__pycache__" not in name:
                yield f"msgspec/{name}", path.read_bytes()
        return
    for wheel in sorted(wheels.iterdir(), key=lambda item: item.name):
        with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
            for name in archive.namelist():
                if name.startswith("msgspec/") and not name.endswith((".pyi", "/")):
                    yield name, archive.read(name)
                elif name.endswith("/LICENSE"):
                    yield "msgspec/LICENSE", archive.read(name)


def _metadata() -> str:
    lines = ["Metadata-Version: 2.1", "Name: hpogrid", f"Version: {VERSION}"]
    return "\n".join([*lines, *(f"Requires-Dist: {item}" for item in requirements())]) + "\n"


def requirements() -> list[str]:
    """What hpogrid needs, without its extras; as its installation says."""
    try:
        found = metadata.requires("hpogrid") or []
    except metadata.PackageNotFoundError:
        return []
    return [item for item in found if "extra ==" not in item]


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"

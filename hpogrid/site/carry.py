"""hpogrid itself, as a wheel beside the bundle: jobs install nothing and need no network.

The wheel is put on the job's ``PYTHONPATH`` as it is: hpogrid is pure Python, and what it needs
is in the image, or in the environment that also runs here.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import hpogrid
from hpogrid._version import VERSION
from hpogrid.files import explained, write_atomic

FOLDER = "hpogrid"
_DATE = (1980, 1, 1, 0, 0, 0)


def wheel_path(folder: Path) -> Path:
    """Where `write_wheel` puts the wheel of a task."""
    return folder / FOLDER / f"hpogrid-{VERSION}-py3-none-any.whl"


def write_wheel(folder: Path) -> Path:
    """Write the hpogrid that runs here as a wheel; the same content gives the same file."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _files():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    path = wheel_path(folder)
    with explained(path):
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, buffer.getvalue())
    return path


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
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"hpogrid/{path.relative_to(own).as_posix()}", path.read_bytes()


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

"""What is sent with a task to machines that know nothing of us: one ``.tar.gz`` file.

It holds the project (``bundle/``), this hpogrid (``lib/``), a copy of msgspec for images that lack
it (``vendor/``), the settings of the task, and the program that the job starts.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hpogrid.errors import UserError
from hpogrid.job.settings import BUNDLE, BUNDLED, ENTRY, LIB, SETTINGS, VENDOR, JobSettings

LARGEST = 10 * 2**20
"""Bytes that the PanDA server takes with a task."""

_MSGSPEC = (0, 20)
_SKIPPED = ("__pycache__", ".pyc", ".pyi")

# Old syntax on purpose: it has to be understood by whatever Python the image has.
_PROGRAM = '''\
"""Starts hpogrid in a job; made by hpogrid {version}."""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
if sys.version_info < (3, 11):
    sys.exit("hpogrid: the image has Python %d.%d, and hpogrid needs 3.11 or later; "
             "choose another with 'hpogrid grid_config update NAME --container IMAGE'"
             % sys.version_info[:2])
if not os.path.isdir(os.path.join(here, "{lib}")):
    import base64
    import io
    import json
    import tarfile

    with open(os.path.join(here, "{bundled}")) as stream:
        packed = base64.b64decode(json.load(stream)["tgz"])
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(here)
paths = [os.path.join(here, "{lib}")]
try:
    import msgspec
    if tuple(int(part) for part in msgspec.__version__.split(".")[:2]) < {msgspec}:
        raise ImportError("msgspec " + msgspec.__version__)
except ImportError:
    paths.append(os.path.join(here, "{vendor}"))
    sys.modules.pop("msgspec", None)
os.environ["PYTHONPATH"] = os.pathsep.join(paths + [os.environ.get("PYTHONPATH", "")]).rstrip(":")
sys.path[:0] = paths
try:
    import msgspec
except ImportError as error:
    sys.exit("hpogrid: the image lacks msgspec {msgspec_text} or later (%s), and the copy that "
             "came with the task is for another Python: install it in the image, or submit with "
             "the Python of the image" % error)
from hpogrid.job.worknode import main

sys.exit(main(sys.argv[1:], here))
'''


Content = dict[str, Path | bytes]
"""The files of a bundle: for each name in it a file, or what it holds."""


def bundle_content(project_folder: Path, settings: JobSettings) -> Content:
    """The files to send, by their name in the bundle."""
    from hpogrid._version import VERSION

    program = _PROGRAM.format(
        version=VERSION,
        lib=LIB,
        vendor=VENDOR,
        bundled=BUNDLED,
        msgspec=_MSGSPEC,
        msgspec_text=".".join(map(str, _MSGSPEC)),
    )
    content: Content = {
        ENTRY: program.encode(),
        SETTINGS: msgspec.json.format(msgspec.json.encode(settings), indent=1),
    }
    content |= {f"{BUNDLE}/{name}": path for name, path in _files(project_folder)}
    content |= {f"{LIB}/hpogrid/{name}": path for name, path in _files(_package("hpogrid"))}
    content |= {f"{VENDOR}/msgspec/{name}": path for name, path in _files(_package("msgspec"))}
    content |= {f"{VENDOR}/{name}": path for name, path in _licence("msgspec")}
    return content


def write_bundle(content: Content, target: Path) -> None:
    """Write the files as a ``.tar.gz``, the same bytes for the same files.

    Raises:
        UserError: it is larger than the server takes.
    """
    with (
        target.open("wb") as stream,
        gzip.GzipFile("", "wb", 6, stream, 0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, source in sorted(content.items()):
            data = source if isinstance(source, bytes) else source.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            executable = isinstance(source, Path) and source.stat().st_mode & 0o100
            entry.mode = 0o755 if executable else 0o644
            archive.addfile(entry, io.BytesIO(data))
    size = target.stat().st_size
    if size > LARGEST:
        raise UserError(
            f"the bundle has {size / 2**20:.0f} MB and PanDA takes {LARGEST // 2**20} MB: put data "
            "into a dataset ('hpogrid data upload', --inDS), and list what jobs do not need in "
            ".hpogridignore"
        )


def sizes(content: Content) -> list[tuple[str, int]]:
    """The names of the files with their sizes in bytes."""
    return [
        (name, len(source) if isinstance(source, bytes) else source.stat().st_size)
        for name, source in sorted(content.items())
    ]


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part in name for part in _SKIPPED):
            yield name, path


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _licence(name: str) -> Iterator[tuple[str, Path]]:
    for file in importlib.metadata.files(name) or []:
        if file.name.startswith("LICENSE"):
            yield f"{name}.{file.name}", Path(str(file.locate()))

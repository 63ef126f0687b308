"""Datasets up and down: resumable, checksummed, one file after the other."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hpogrid.data.rucio import Did, Down, File, Missing, Rucio, silent
from hpogrid.errors import UserError
from hpogrid.registry import require

_CHUNK = 1 << 20

Progress = Callable[[str, int], None]
"""Told after each file: its name and bytes."""


@dataclass
class Transferred:
    """What became of a transfer: names of the files, and for those that failed the reason."""

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    down: str | None = None
    """Why no file can be transferred any more."""

    def settle(self, name: str, transfer: Callable[[], str | None]) -> None:
        """Transfer a file with a function that returns why not; not when the server is down."""
        reason = self.down
        if reason is None:
            try:
                reason = transfer()
            except Down as error:
                reason = self.down = str(error)
        if reason is None:
            self.done.append(name)
        else:
            self.failed[name] = reason


def files_to_upload(paths: Sequence[Path]) -> dict[str, Path]:
    """The files that paths name, by their name in the dataset; folders are gone through.

    Raises:
        UserError: a path that is not there, nothing at all, or two files of the same name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise UserError(f"no such file or folder: {path}")
        inside = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else []
        for item in inside if path.is_dir() else [path]:
            if item.name in found:
                raise UserError(
                    f"{item} and {found[item.name]} would have the same name in the dataset, which "
                    "knows no folders: rename one, or pack them (a job unpacks *.tar.gz)"
                )
            found[item.name] = item
    if not found:
        raise UserError("there is no file to upload")
    return found


def upload(
    rucio: Rucio, files: dict[str, Path], dataset: Did, rse: str, progress: Progress
) -> Transferred:
    """Fill a dataset, which is made if need be; what is in it already is left alone.

    Args:
        rucio: the connection.
        files: what to upload, by name.
        dataset: where it goes.
        rse: the storage, see `pick_storage`.
        progress: told after each file.

    Raises:
        UserError: the storage or the dataset cannot be used; nothing is uploaded then.
    """
    there = _contents(rucio, dataset, rse)
    kind = require("rucio.client.uploadclient", extra="rucio", what="data in Rucio")
    with rucio.explained(str(dataset)):
        client = kind.UploadClient(rucio.client, logger=silent(), tracing=False)
    outcome = Transferred()
    for name, path in files.items():
        known = there.get(name)
        if known is not None and _same(known, path):
            outcome.skipped.append(name)
        elif known is not None:
            outcome.failed[name] = "the dataset has another file of this name"
        else:
            did = Did(dataset.scope, name)
            outcome.settle(name, partial(_upload_one, rucio, client, path, did, dataset, rse))
        progress(name, path.stat().st_size)
    return outcome


def pick_storage(rucio: Rucio, rse: str) -> str:
    """The storage of that name, or the first one that matches an expression.

    Raises:
        UserError: there is none.
    """
    storages: list[str] = []
    with rucio.explained(rse), contextlib.suppress(rucio.errors.InvalidRSEExpression):
        storages = sorted(str(item["rse"]) for item in rucio.client.list_rses(rse))
    if not storages:
        raise UserError(f"there is no storage '{rse}' in Rucio; 'rucio list-rses' shows them")
    return storages[0]


def _contents(rucio: Rucio, dataset: Did, rse: str) -> dict[str, File]:
    """What is in the dataset; it is made if it is not there."""
    try:
        entry = rucio.entry(dataset)
    except Missing:
        rule = {"account": rucio.account, "copies": 1, "rse_expression": rse}
        with rucio.explained(str(dataset)):
            rucio.client.add_dataset(dataset.scope, dataset.name, rules=[rule])
        return {}
    if entry.type != "dataset":
        raise UserError(f"{dataset} is a {entry.type}, not a dataset; choose another name")
    if not entry.open:
        raise UserError(f"{dataset} is closed: nothing can be added; choose another name")
    return {file.did.name: file for file in rucio.files(dataset)}


def _upload_one(
    rucio: Rucio, client: Any, path: Path, did: Did, dataset: Did, rse: str
) -> str | None:
    """Upload a file and put it into the dataset; return why not."""
    item = {
        "path": str(path),
        "rse": rse,
        "did_scope": did.scope,
        "did_name": did.name,
        "register_after_upload": True,
    }
    child = {"scope": did.scope, "name": did.name}
    try:
        with rucio.explained(str(did)):
            try:
                client.upload([item])
            except rucio.errors.NoFilesUploaded:
                # An earlier attempt got so far: the same file is there, but not in the dataset.
                if not _same(_file(rucio, did), path):
                    return "there is another file of this name in the scope"
            try:
                rucio.client.attach_dids(dataset.scope, dataset.name, [child])
            except rucio.errors.FileAlreadyExists:
                return None
    except Down:
        raise
    except UserError as error:
        return str(error)
    return None


def _file(rucio: Rucio, did: Did) -> File:
    found = rucio.client.get_metadata(did.scope, did.name)
    return File(did, int(found["bytes"]), found["adler32"])


def download(rucio: Rucio, did: Did, folder: Path, progress: Progress) -> Transferred:
    """Get all files of a dataset into a folder, and check their checksums.

    Raises:
        Missing: there is no such dataset.
        UserError: it is empty.
    """
    files = rucio.files(did)
    if not files:
        raise UserError(f"{did} has no files")
    folder.mkdir(parents=True, exist_ok=True)
    outcome = Transferred()
    for file in files:
        name = file.did.name
        if "/" not in name and _same(file, folder / name):
            outcome.skipped.append(name)
        else:
            outcome.settle(name, partial(_download_one, rucio, file, folder))
        progress(name, file.bytes)
    return outcome


def _download_one(rucio: Rucio, file: File, folder: Path) -> str | None:
    target = folder / file.did.name.replace("/", "_")
    target.unlink(missing_ok=True)
    try:
        failed = rucio.download([file.did], folder)
    except Down:
        raise
    except UserError as error:
        return str(error)
    if file.did in failed:
        return failed[file.did]
    return None if _same(file, target) else "its checksum is not the catalogue's"


def _same(file: File, path: Path) -> bool:
    """Whether a local file is what the catalogue describes."""
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return file.adler32 is None or adler32(path) == file.adler32


def adler32(path: Path) -> str:
    """The checksum of a file as Rucio writes it: eight hexadecimal digits."""
    value = 1
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            value = zlib.adler32(block, value)
    return f"{value:08x}"

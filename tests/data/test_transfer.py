"""Uploads and downloads, against a Rucio that a test makes up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hpogrid.data import transfer
from hpogrid.data.rucio import Did, Down, Entry, File, Missing, Rucio
from hpogrid.data.transfer import adler32, download, files_to_upload, pick_storage, upload
from hpogrid.errors import RunError, UserError

DATASET = Did("user.me", "user.me.data")


class Errors:
    """Exceptions of the library."""

    class NoFilesUploaded(Exception):
        pass

    class FileAlreadyExists(Exception):
        pass

    class InvalidRSEExpression(Exception):
        pass


class Fake:
    """A catalogue: files of the scope, and which of them are in the dataset."""

    errors = Errors
    account = "me"

    def __init__(self) -> None:
        self.client = self
        self.scope: dict[str, bytes] = {}
        self.inside: list[str] = []
        self.exists = True
        self.open = True
        self.broken: set[str] = set()
        self.down: set[str] = set()
        self.asked: list[str] = []
        self.uploads: list[str] = []

    @contextmanager
    def explained(self, what: str) -> Any:
        yield

    def entry(self, did: Did) -> Entry:
        if not self.exists:
            raise Missing(f"there is no {did} in Rucio")
        return Entry(did, "dataset", len(self.inside), 0, self.open)

    def _file(self, name: str) -> File:
        import zlib

        data = self.scope[name]
        return File(Did("user.me", name), len(data), f"{zlib.adler32(data):08x}")

    def files(self, did: Did) -> list[File]:
        return [self._file(name) for name in sorted(self.inside)]

    def list_rses(self, expression: str) -> list[dict[str, str]]:
        if expression == "NONE":
            raise Errors.InvalidRSEExpression
        return [{"rse": "B"}, {"rse": "A"}]

    def add_dataset(self, scope: str, name: str, rules: Any) -> None:
        self.exists = True

    def attach_dids(self, scope: str, name: str, children: list[dict[str, str]]) -> None:
        if children[0]["name"] in self.inside:
            raise Errors.FileAlreadyExists
        self.inside.append(children[0]["name"])

    def get_metadata(self, scope: str, name: str) -> dict[str, Any]:
        file = self._file(name)
        return {"bytes": file.bytes, "adler32": file.adler32}

    def UploadClient(self, client: Any, logger: Any, tracing: bool) -> Fake:
        return self

    def upload(self, items: list[dict[str, Any]]) -> None:
        name = items[0]["did_name"]
        if name in self.scope:
            raise Errors.NoFilesUploaded
        if name in self.broken:
            raise RunError("the disk is full")
        self.uploads.append(name)
        self.scope[name] = Path(items[0]["path"]).read_bytes()

    def download(self, dids: Sequence[Did], folder: Path) -> dict[Did, str]:
        for did in dids:
            self.asked.append(did.name)
            if did.name in self.down:
                raise Down("the Rucio server does not answer")
            if did.name in self.broken:
                return {did: "the copy is damaged or the transfer failed"}
            (folder / did.name).write_bytes(self.scope[did.name])
        return {}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(transfer, "require", lambda *args, **kwargs: fake)
    return fake


def nothing(name: str, size: int) -> None:
    pass


@pytest.fixture
def local(tmp_path: Path) -> dict[str, Path]:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name * 3)
    return files_to_upload([tmp_path])


def test_a_folder_is_filled_into_a_new_dataset(fake: Any, local: dict[str, Path]) -> None:
    fake.exists = False
    outcome = upload(fake, local, DATASET, "A", nothing)
    assert (outcome.done, outcome.skipped, outcome.failed) == (["a", "b", "c"], [], {})
    assert fake.inside == ["a", "b", "c"]


def test_an_upload_goes_on_where_it_was(fake: Any, local: dict[str, Path]) -> None:
    fake.scope = {"a": b"aaa", "b": b"bbb"}  # b was uploaded, but is not in the dataset yet
    fake.inside = ["a"]
    outcome = upload(fake, local, DATASET, "A", nothing)
    assert (outcome.done, outcome.skipped) == (["b", "c"], ["a"])
    assert fake.uploads == ["c"]
    assert fake.inside == ["a", "b", "c"]


def test_one_bad_file_does_not_block_the_others(fake: Any, local: dict[str, Path]) -> None:
    fake.scope, fake.inside, fake.broken = {"a": b"other"}, ["a"], {"b"}
    outcome = upload(fake, local, DATASET, "A", nothing)
    assert outcome.done == ["c"]
    assert outcome.failed == {
        "a": "the dataset has another file of this name",
        "b": "the disk is full",
    }


def test_the_name_is_taken_in_the_scope(fake: Any, local: dict[str, Path]) -> None:
    fake.scope = {"a": b"other"}
    assert "another file" in upload(fake, local, DATASET, "A", nothing).failed["a"]


def test_a_closed_dataset(fake: Any, local: dict[str, Path]) -> None:
    fake.open = False
    with pytest.raises(UserError, match="is closed"):
        upload(fake, local, DATASET, "A", nothing)


def test_storages(fake: Any) -> None:
    assert pick_storage(fake, "type=X") == "A"
    with pytest.raises(UserError, match="no storage 'NONE'"):
        pick_storage(fake, "NONE")


def test_what_cannot_be_uploaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        files_to_upload([tmp_path / "none"])
    with pytest.raises(UserError, match="no file to upload"):
        files_to_upload([tmp_path])
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").touch()
    with pytest.raises(UserError, match="same name in the dataset"):
        files_to_upload([tmp_path])


def test_only_what_is_missing_or_wrong_is_fetched(fake: Any, tmp_path: Path) -> None:
    fake.scope = {"a": b"aaa", "b": b"bbb", "c": b"ccc"}
    fake.inside, fake.broken = ["a", "b", "c"], {"c"}
    (tmp_path / "a").write_bytes(b"aaa")
    (tmp_path / "b").write_bytes(b"xxx")
    outcome = download(fake, DATASET, tmp_path, nothing)
    assert (outcome.done, outcome.skipped, list(outcome.failed)) == (["b"], ["a"], ["c"])
    assert (tmp_path / "b").read_bytes() == b"bbb"


def test_a_server_that_is_down_is_not_asked_for_every_file(fake: Any, tmp_path: Path) -> None:
    fake.scope = dict.fromkeys(("a", "b", "c", "d"), b"x")
    fake.inside = ["a", "b", "c", "d"]
    fake.down = {"b", "c", "d"}
    outcome = download(fake, DATASET, tmp_path, nothing)
    assert outcome.done == ["a"]
    assert set(outcome.failed) == {"b", "c", "d"}
    assert fake.asked == ["a", "b"]


def test_an_empty_dataset(fake: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no files"):
        download(fake, DATASET, tmp_path, nothing)


def test_names_that_lead_outside(tmp_path: Path) -> None:
    rucio = object.__new__(Rucio)
    evil = [Did("user.you", name) for name in ("../evil", "/etc/x", "..", "")]
    assert set(rucio.download(evil, tmp_path / "in")) == set(evil)
    assert not (tmp_path / "in").exists()


def test_checksums(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    assert adler32(tmp_path / "x") == "062c0215"
    (tmp_path / "empty").touch()
    assert adler32(tmp_path / "empty") == "00000001"

"""Unpacking what others made: nothing leaves the folder, nothing fills the disk."""

from __future__ import annotations

import contextlib
import io
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpogrid.archives import Refused, read_files, reasonable, unpack


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as stream:
        for member, data in members:
            member.size = len(data) if member.isfile() else 0
            stream.addfile(member, io.BytesIO(data))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def test_plain_files(tmp_path: Path) -> None:
    packed = archive(
        tmp_path / "a.tgz", (tarfile.TarInfo("d/x"), b"1"), (tarfile.TarInfo("y"), b"2")
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "y").write_text("mine")
    assert unpack(packed, tmp_path / "out") == ["d/x"]
    assert (tmp_path / "out" / "d" / "x").read_text() == "1"
    assert (tmp_path / "out" / "y").read_text() == "mine"


@pytest.mark.parametrize(
    "members",
    [
        [(tarfile.TarInfo("../evil"), b"x")],
        [(tarfile.TarInfo("a/../../evil"), b"x")],
        [link("a", "/etc/passwd")],
        [link("a", ".."), (tarfile.TarInfo("a/evil"), b"x")],
        [link("a", "../../evil", tarfile.LNKTYPE)],
        [link("dev", "", tarfile.CHRTYPE)],
    ],
)
def test_what_leads_outside(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    out = tmp_path / "in" / "out"
    out.mkdir(parents=True)
    with pytest.raises(Refused):
        unpack(archive(tmp_path / "a.tgz", *members), out)
    assert not list(tmp_path.rglob("evil"))


def test_an_absolute_name_lands_inside(tmp_path: Path) -> None:
    name = str(tmp_path / "evil")
    (tmp_path / "out").mkdir()
    with contextlib.suppress(Refused):
        unpack(archive(tmp_path / "a.tgz", (tarfile.TarInfo(name), b"x")), tmp_path / "out")
    assert not (tmp_path / "evil").exists()


def test_too_much(tmp_path: Path) -> None:
    packed = archive(tmp_path / "a.tgz", (tarfile.TarInfo("zeros"), bytes(10_000_000)))
    with pytest.raises(Refused, match="more than is reasonable"):
        unpack(packed, tmp_path, largest=1_000_000)
    assert not (tmp_path / "zeros").exists()


def test_only_some(tmp_path: Path) -> None:
    members = [(tarfile.TarInfo(name), b"x") for name in ("a.jsonl", "b.py", "d/c.jsonl")]
    (tmp_path / "out").mkdir()
    assert unpack(archive(tmp_path / "a.tgz", *members), tmp_path / "out", suffix=".jsonl") == [
        "a.jsonl"
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), cut=st.integers(0, 400), flip=st.integers(0, 400))
def test_damaged_archives(tmp_path: Path, data: bytes, cut: int, flip: int) -> None:
    packed = archive(tmp_path / "a.tgz", (tarfile.TarInfo("x"), data))
    content = bytearray(packed.read_bytes())[: cut or None]
    if content:
        content[flip % len(content)] ^= 0xFF
    packed.write_bytes(bytes(content))
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    with contextlib.suppress(Refused):
        unpack(packed, out)


ZEROS = 300 << 20


def bomb(path: Path, *, header: bool = False) -> Path:
    """A small archive that is large inside: a file, or only the header of one."""

    class Zeros(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(max(size, 0))

    member = tarfile.TarInfo("x")
    member.type = tarfile.XHDTYPE if header else tarfile.REGTYPE
    member.size = ZEROS
    with tarfile.open(path, "w:gz", compresslevel=1) as stream:
        stream.addfile(member, Zeros())
    return path


@pytest.mark.parametrize("header", [False, True])
def test_what_is_too_large_inside_is_refused_before_it_is_written(
    tmp_path: Path, header: bool
) -> None:
    packed = bomb(tmp_path / "a.tgz", header=header)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Refused, match="more than is reasonable"):
        unpack(packed, out, largest=reasonable(packed))
    assert not list(out.iterdir())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_that_is_cut_anywhere_is_refused(tmp_path: Path, mode: str) -> None:
    path, out = tmp_path / "a.tar", tmp_path / "out"
    out.mkdir()
    with tarfile.open(path, mode) as stream:  # type: ignore[call-overload]
        for name in "abc":
            member = tarfile.TarInfo(name)
            member.size = 700
            stream.addfile(member, io.BytesIO(random.Random(name).randbytes(700)))
    whole = path.read_bytes()
    assert sorted(read_files(path, lambda name: name != "b", 1000)) == ["a", "c"]
    length = len(whole) if mode != "w" else 3 * (512 + 1024)  # what follows are zeros
    for cut in range(0, length, max(1, length // 40)):
        path.write_bytes(whole[:cut])
        with pytest.raises(Refused):
            unpack(path, out)

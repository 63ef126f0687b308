"""Unpacking what others made: nothing leaves the folder, nothing fills the disk."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpogrid.archives import Refused, unpack


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

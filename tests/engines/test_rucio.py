"""``hpogrid data`` with a real Rucio."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.boot import engine
from tests.engines.cluster import hpogrid, wait_until
from tests.engines.panda import ACCOUNT, rucio

pytestmark = pytest.mark.engine

NAME = f"user.{ACCOUNT}.digits"


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    with rucio() as folder:
        yield folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with three files that no other test has."""
    folder = tmp_path / "data"
    (folder / "inside").mkdir(parents=True)
    (folder / "train.bin").write_bytes(os.urandom(3_000_000))
    (folder / "labels.txt").write_text("one\ntwo\n")
    (folder / "inside" / "test.bin").write_bytes(os.urandom(1000))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def named(folder: Path, prefix: str) -> Path:
    """Give the files names that are new in the scope."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.rename(path.with_name(f"{prefix}.{path.name}"))
    return folder


def told(*words: str, fails: bool = False) -> str:
    """What ``hpogrid data`` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "hpogrid", "data", *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) == fails, done
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_there_and_back(server: Path, files: Path, tmp_path: Path) -> None:
    named(files, "a")
    assert "3 files uploaded, 0 were there" in told("upload", str(files), "--dataset", f"{NAME}.a")
    assert "0 files uploaded, 3 were there" in told("upload", str(files), "--dataset", f"{NAME}.a")
    [row] = json.loads(hpogrid("data", "list", f"{NAME}.a*", "--format", "json"))
    size = sum(map(len, contents(files).values()))
    assert row == {
        "dataset": f"user.{ACCOUNT}:{NAME}.a", "type": "dataset", "files": 3, "bytes": size,
    }  # fmt: skip
    assert "good" in hpogrid("data", "check", f"{NAME}.a")

    target = tmp_path / "fetched"
    assert "3 files fetched" in told("download", f"{NAME}.a", "--dir", str(target))
    assert contents(target) == contents(files)
    (target / "a.labels.txt").unlink()
    (target / "a.test.bin").write_bytes(bytes(1000))  # of the right size
    again = told("download", f"{NAME}.a", "--dir", str(target))
    assert "2 files fetched, 1 were there" in again
    assert contents(target) == contents(files)


def test_an_upload_that_was_cut_off(server: Path, files: Path) -> None:
    named(files, "b")
    told("upload", str(files / "b.train.bin"), "--dataset", f"{NAME}.b")
    assert "2 files uploaded, 1 were there" in told("upload", str(files), "--dataset", f"{NAME}.b")
    (files / "b.train.bin").write_bytes(b"another content")
    words = told("upload", str(files), "--dataset", f"{NAME}.b", fails=True)
    assert "b.train.bin: the dataset has another file of this name" in words


def test_a_damaged_copy_does_not_block_the_others(
    server: Path, files: Path, tmp_path: Path
) -> None:
    named(files, "c")
    told("upload", str(files), "--dataset", f"{NAME}.c")
    [copy] = (server / "storage").rglob("c.train.bin")
    copy.write_bytes(bytes(3_000_000))
    words = told("download", f"{NAME}.c", "--dir", str(tmp_path / "c"), fails=True)
    assert "c.train.bin: " in words
    assert "2 files fetched, 0 were there, 1 failed" in words
    there = contents(tmp_path / "c")
    expected = contents(files)
    del expected["c.train.bin"]
    assert there == expected  # nothing that is wrong is left there


def test_what_is_not_there(server: Path, tmp_path: Path) -> None:
    missing = f"user.{ACCOUNT}:{NAME}.nothing"
    assert f"there is no {missing} in Rucio" in told("download", missing, fails=True)
    assert "there is no such dataset" in told("check", missing, fails=True)
    assert f"no dataset matches {missing}" in told("list", missing)
    assert "no storage 'NOWHERE'" in told(
        "upload", __file__, "--dataset", missing, "--rse", "NOWHERE", fails=True
    )


def test_the_server_goes_down_in_the_middle(server: Path, tmp_path: Path) -> None:
    """The last test: the server is stopped in it, and started again."""
    folder, target = tmp_path / "many", tmp_path / "fetched"
    folder.mkdir()
    for number in range(12):
        (folder / f"d.{number:02d}").write_bytes(os.urandom(100))
    told("upload", str(folder), "--dataset", f"{NAME}.d")
    fetching = subprocess.Popen(
        [sys.executable, "-m", "hpogrid", "data", "download", f"{NAME}.d", "--dir", str(target)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: len(list(target.glob("d.*"))) >= 2)
    os.killpg(int((server / "server.pid").read_text()), signal.SIGKILL)
    _, words = fetching.communicate(timeout=240)
    assert fetching.returncode != 0
    assert "the Rucio server does not answer" in words
    assert "Traceback" not in words
    there = contents(target)
    assert 2 <= len(there) < 12
    assert there.items() <= contents(folder).items()
    assert "does not answer" in told("list", fails=True)

    with engine("rucio", server, ACCOUNT):
        assert f"{len(there)} were there" in told("download", f"{NAME}.d", "--dir", str(target))
        assert contents(target) == contents(folder)

"""The ledger: one writer, any number of readers, and what is torn or damaged."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hpogrid.errors import RunError
from hpogrid.study.events import Closed, Ended, Event, Opened, Reported, Started
from hpogrid.study.ledger import (
    LedgerReader,
    LedgerWriter,
    being_written,
    ledger_attempts,
    ledger_name,
    was_closed,
)
from hpogrid.study.study import LedgerFolder, number_of
from tests.projects import wait_for

OPENED = Opened(1.0, job=0, attempt=1, host="h", pid=1, version="2", project="p", seed=1)
EVENTS: list[Event] = [
    OPENED,
    Started(2.0, trial="0-1", seed=5, suggested={"x": 1, "name": "é\n"}),
    Reported(3.0, trial="0-1", step=1, metrics={"loss": 0.5}),
    Ended(4.0, trial="0-1", state="complete", metrics={"loss": 0.5, "big": 10**30}, steps=2),
    Started(5.0, trial="0-2", seed=6, suggested={"x": 2}, applied={"x": 4}, attempt=2, from_step=3),
    Ended(6.0, trial="0-2", state="failed", reason="it broke"),
    Closed(7.0, reason="done"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger" / ledger_name(0, 1)


def write(path: Path, *events: Event) -> None:
    writer = LedgerWriter(path)
    writer.write(*events)
    writer.close()


def test_what_is_written_is_read(path: Path) -> None:
    write(path, *EVENTS)
    reader = LedgerReader(path)
    assert list(reader.read()) == EVENTS
    assert (reader.damaged, reader.torn) == (0, False)
    assert list(reader.read()) == []


def test_one_line_for_each_event_at_once(path: Path) -> None:
    writer, reader = LedgerWriter(path), LedgerReader(path)
    for number, event in enumerate(EVENTS):
        writer.write(event)
        assert list(reader.read()) == [event]
        assert path.read_bytes().count(b"\n") == number + 1
    writer.close()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_no_event_until_it_is_whole(path: Path, cut: int) -> None:
    write(path, *EVENTS)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    reader = LedgerReader(path)
    found = list(reader.read())
    assert found == EVENTS[: len(found)]
    assert len(found) == whole[:-cut].count(b"\n")
    assert reader.torn == (not whole[:-cut].endswith(b"\n"))
    with path.open("ab") as stream:
        stream.write(whole[-cut:])
    assert found + list(reader.read()) == EVENTS
    assert not reader.torn


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"nonsense", b"\xff\xfe", b"\0" * 100, b"[]", b'{"event":"start"}',
     b'{"event":"later version","time":1}', b'{"event":"end","time":"x","trial":"0-1"}',
     b'{"event":"end","time":1e18,"trial":"0-1","state":"failed"}',
     b'{"event":"close","time":1,"reason":' + b"[" * 3000 + b"]" * 3000 + b"}"],
)  # fmt: skip
def test_a_damaged_line_is_counted_and_the_others_are_read(path: Path, line: bytes) -> None:
    write(path, *EVENTS)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], line, *lines[3:]]) + b"\n")
    reader = LedgerReader(path)
    assert list(reader.read()) == EVENTS
    assert reader.damaged == 1


def test_one_damaged_line_among_thousands_costs_no_other(path: Path) -> None:
    """They are read some at a time: more than once before and after the damage."""
    events = [Closed(float(number), reason="x" * 50) for number in range(5000)]
    write(path, OPENED, *events)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2500], b"{", *lines[2500:]]) + b"\n")
    reader = LedgerReader(path)
    assert list(reader.read()) == [OPENED, *events]
    assert (reader.damaged, reader.torn) == (1, False)


@pytest.mark.parametrize("before", [b'{"event":"st', b"\0" * 100, b"\xff", b"x"])
def test_an_event_behind_something_torn_is_read(path: Path, before: bytes) -> None:
    """A write was cut off, and the next one stands in the same line."""
    write(path, *EVENTS)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], before + lines[3], *lines[4:]]) + b"\n")
    reader = LedgerReader(path)
    assert list(reader.read()) == EVENTS
    assert reader.damaged == 1


def test_a_file_that_is_not_there(path: Path) -> None:
    assert list(LedgerReader(path).read()) == []
    assert not being_written(path)


def test_there_is_one_writer(path: Path) -> None:
    writer = LedgerWriter(path)
    assert being_written(path)
    with pytest.raises(RunError, match="is there already: another driver writes this ledger"):
        LedgerWriter(path)
    writer.close()
    assert not being_written(path)
    with pytest.raises(RunError):
        LedgerWriter(path)


def test_a_killed_writer_writes_no_more_and_loses_nothing(path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from hpogrid.study.ledger import *
from hpogrid.study.events import *
writer = LedgerWriter(Path({str(path)!r}))
writer.write(Closed(1.0, reason="one"))
writer.write(Closed(2.0, reason="two"))
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: len(list(LedgerReader(path).read())) == 2)
    assert being_written(path)
    process.kill()
    process.wait()
    assert not being_written(path)
    assert len(list(LedgerReader(path).read())) == 2


@pytest.mark.parametrize("room", [0, 1, 40, 100])
def test_on_a_full_disk_all_or_none_of_a_write_stays(path: Path, room: int) -> None:
    writer = LedgerWriter(path)
    writer.write(OPENED)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
    try:
        with pytest.raises(RunError, match=f"cannot write the ledger {path}: File too large"):
            writer.write(*EVENTS[1:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    writer.write(*EVENTS[1:])
    writer.close()
    assert list(LedgerReader(path).read()) == EVENTS


@pytest.mark.parametrize("call", ["write", "fsync", "ftruncate"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_what_the_disk_does_not_take_is_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    writer = LedgerWriter(path)
    writer.write(OPENED)
    for name in {call, "write"} if call == "ftruncate" else {call}:
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(RunError, match=f"cannot write the ledger {path}: {os.strerror(number)}"):
        writer.sync() if call == "fsync" else writer.write(*EVENTS[1:])
    monkeypatch.undo()
    writer.write(*EVENTS[1:])
    writer.close()
    writer.close()
    assert list(LedgerReader(path).read()) == EVENTS


@pytest.mark.parametrize("what", ["removed", "folder removed", "replaced"])
def test_a_ledger_that_is_gone_takes_no_more(path: Path, what: str) -> None:
    writer = LedgerWriter(path)
    writer.write(OPENED)
    if what == "replaced":
        path.rename(path.with_name("moved"))
        path.touch()
    elif what == "removed":
        path.unlink()
    else:
        shutil.rmtree(path.parent)
    with pytest.raises(RunError, match="was removed or replaced while the job ran"):
        writer.write(*EVENTS[1:])
    writer.close()


def test_a_folder_in_the_place_of_a_ledger_is_told(tmp_path: Path) -> None:
    path = tmp_path / "job-0000.077.jsonl"
    path.mkdir()
    write(tmp_path / "job-0001.001.jsonl", *EVENTS)
    ledgers = LedgerFolder(tmp_path)
    ledgers.poll()
    assert ledgers.warnings == [f"{path.name} cannot be read: is a directory; left out"]
    assert len(ledgers.study) > 0
    assert not was_closed(path)
    assert LedgerReader(path).opening() is None


def test_a_number_of_five_thousand_digits() -> None:
    assert number_of("0-" + "9" * 5000) == 0


def test_a_ledger_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write the ledger .*Not a directory"):
        LedgerWriter(tmp_path / "file" / ledger_name(0, 1))


def test_attempts_are_counted_by_files(tmp_path: Path) -> None:
    assert ledger_attempts(tmp_path / "none", 0) == []
    for name in (ledger_name(0, 2), ledger_name(0, 10), ledger_name(1, 7), "job-0000.x.jsonl"):
        (tmp_path / name).touch()
    assert ledger_attempts(tmp_path, 0) == [2, 10]
    assert ledger_attempts(tmp_path, 1) == [7]
    names = [ledger_name(job, attempt) for job, attempt in ((0, 2), (0, 10), (1, 1), (20, 1))]
    assert names == sorted(names)


def test_a_discarded_ledger_is_gone(path: Path) -> None:
    LedgerWriter(path).discard()
    assert os.listdir(path.parent) == []

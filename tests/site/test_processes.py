"""Processes that are known by a lock, and by what is written in it where there are no locks."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import msgspec
import pytest

from hpogrid.identity import this_process
from hpogrid.site import processes


@pytest.fixture(autouse=True)
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_the_identity_tells(tmp_path: Path) -> None:
    path, log = tmp_path / "a.lock", tmp_path / "log"
    assert not processes.held(path)
    handle = processes.take(path)
    assert handle is not None
    process = processes.start_detached(["sleep", "60"], locks=[handle], stdout=log, stderr=log)
    processes.release([handle])
    try:
        assert processes.held(path)
        found = processes.holder(path)
        assert found is not None
        assert found.pid == process.pid
        assert processes.take(path) is None
    finally:
        process.kill()
        process.wait()
    again = processes.take(path)
    assert again is not None
    processes.release([again])


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, True),
        ({"begun": "1"}, False),  # another one had its number
        ({"place": "before a reboot"}, False),
        ({"place": "elsewhere", "host": "node9"}, True),  # it cannot be seen from here
    ],
)
def test_who_may_live(tmp_path: Path, changes: dict[str, str], held: bool) -> None:
    identity = msgspec.structs.replace(this_process(), **changes)
    (tmp_path / "a.lock").write_bytes(msgspec.json.encode(identity))
    assert processes.held(tmp_path / "a.lock") is held

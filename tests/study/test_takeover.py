"""Two drivers on one ledger, where no lock tells one of the other."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.engine.run import Run, RunningAlready
from hpogrid.identity import boot_id
from hpogrid.study import takeover
from hpogrid.study.events import Closed, Ended, Event, Opened, Started
from hpogrid.study.exchange import Exchange
from hpogrid.study.ledger import LedgerReader, LedgerWriter, ledger_name
from hpogrid.study.study import read_study
from hpogrid.study.takeover import lives
from tests.engine.searches import search, spec
from tests.study.driver import QUIET_SECONDS


@contextlib.contextmanager
def driver(folder: Path, host: str) -> Iterator[subprocess.Popen[str]]:
    """A driver on a host of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.study.driver", str(folder), host],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_driver_on_another_host_refuses_and_a_stopped_one_is_followed(tmp_path: Path) -> None:
    first, later = (tmp_path / "ledger" / ledger_name(0, number) for number in (1, 2))
    with driver(tmp_path, "host-a") as one:
        assert said(one) == "runs"
        with driver(tmp_path, "host-b") as two:
            assert "job 0 is running already" in said(two)
        assert not later.exists()
        one.send_signal(signal.SIGSTOP)
        with driver(tmp_path, "host-b") as two:
            begun = time.monotonic()
            assert said(two) == "runs"
            assert time.monotonic() - begun > QUIET_SECONDS
            size = first.stat().st_size
            one.send_signal(signal.SIGCONT)
            last = [line for line in one.stdout or () if not line.startswith("0-")]
            assert "was taken over by another process" in last[-1]
            assert one.wait(10) == 0
            assert first.stat().st_size == size, "the stopped driver wrote on"
            assert said(two).startswith("0-")
    study, _ = read_study(tmp_path / "ledger")
    ends = [e for path in (first, later) for e in LedgerReader(path).read() if isinstance(e, Ended)]
    assert len({event.trial for event in ends}) == len(ends) == len(study.finished)


def test_a_stopped_driver_looks_before_it_writes(tmp_path: Path) -> None:
    """Also if it is stopped for long without a look at the others in between."""
    run = Run(search(5), spec(tmp_path))
    assignment = run.next()
    assert assignment is not None
    run._records._beaten -= takeover.QUIET_SECONDS
    writer = LedgerWriter(tmp_path / "ledger" / ledger_name(0, 2))
    run.report(assignment.trial, {"loss": 1.0})  # the other one has not begun to write
    run._records._beaten -= takeover.QUIET_SECONDS
    writer.write(opened(2, {1: 100}))
    size = run._writer.path.stat().st_size
    for _ in range(2):
        with pytest.raises(RunningAlready, match="taken over by another process"):
            run.finish(assignment.trial) if run.running else run.poll()
    with pytest.raises(RunningAlready):
        run.close()
    run.leave()
    writer.close()
    assert run._writer.path.stat().st_size == size


def opened(attempt: int, read: dict[int, int] | None = None, **where: str) -> Opened:
    return Opened(
        1.0, job=0, attempt=attempt, pid=1, version="2", project="p", seed=1, read=read or {},
        host=where.get("host", "elsewhere"), boot=where.get("boot", ""),
    )  # fmt: skip


def write(folder: Path, attempt: int, *events: Event) -> Path:
    path = folder / ledger_name(0, attempt)
    writer = LedgerWriter(path)
    writer.write(*events)
    writer.close()
    return path


def test_what_comes_after_a_takeover_is_void(tmp_path: Path) -> None:
    start = Started(1.0, trial="0-1", seed=1, suggested={"x": 1.0})
    path = write(tmp_path, 1, opened(1), start)
    again = Started(2.0, trial="0-1", seed=1, suggested={"x": 1.0}, attempt=2)
    write(tmp_path, 2, opened(2, {1: path.stat().st_size}), again)
    with path.open("ab") as stream:
        other = write(tmp_path / "late", 9, Ended(3.0, trial="0-1", state="complete", metrics={}))
        stream.write(other.read_bytes())
    study, warnings = read_study(tmp_path)
    assert [(trial.state, trial.attempt) for trial in study] == [("running", 2)]
    assert warnings == []


def test_a_new_attempt_goes_on_from_all_that_was_written(tmp_path: Path) -> None:
    run = Run(search(2), spec(tmp_path))
    run._writer.close()
    again = Run(search(2), spec(tmp_path))
    event = LedgerReader(again._writer.path).opening()
    assert event is not None
    assert event.read == {1: run._writer.path.stat().st_size}
    assert event.boot == boot_id() != ""
    again.close()


@pytest.mark.parametrize(
    ("last", "seconds", "waits"),
    [
        ([], 0.0, True),
        ([], takeover.LONG_AGO_SECONDS + 60, False),
        ([Closed(2.0, reason="done")], 0.0, False),
    ],
    ids=["killed just now", "killed long ago", "came to its end"],
)
def test_what_is_watched(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last: list[Event],
    seconds: float,
    waits: bool,
) -> None:
    monkeypatch.setattr(takeover, "QUIET_SECONDS", 0.2)
    path = write(tmp_path, 1, opened(1), *last)
    os.utime(path, (time.time() - seconds,) * 2)
    begun = time.monotonic()
    exchange = Exchange(tmp_path, search(1).space, 0, shared=True)
    assert not lives(path, exchange)
    assert (time.monotonic() - begun > 0.2) == waits

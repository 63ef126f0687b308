"""The end of a job, as its batch system sets it."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from hpogrid.engine import deadline as module
from hpogrid.engine.deadline import Clock, Deadline, end_time
from hpogrid.engine.run import Run
from tests.engine.searches import search, spec


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that passes, to set; it was 1000 s at the beginning."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    monkeypatch.setattr(module, "steady_time", lambda: now[0])
    return now


def test_first_end_that_somebody_tells() -> None:
    assert end_time({}) is None
    assert end_time({"HPOGRID_END_TIME": "", "SLURM_JOB_END_TIME": "N/A"}) is None
    assert end_time({"HPOGRID_END_TIME": "2000", "SLURM_JOB_END_TIME": "1500"}) == 1500


def test_no_end(clock: list[float]) -> None:
    deadline = Deadline(None, Clock())
    assert not deadline.reached
    assert deadline.left == math.inf


@pytest.mark.parametrize(("whole", "margin"), [(100, 5), (600, 30), (86400, 60), (6, 3)])
def test_margin(clock: list[float], whole: float, margin: float) -> None:
    deadline = Deadline(1000.0 + whole, Clock())
    clock[0] = 1000 + whole - margin - 0.1
    assert not deadline.reached
    clock[0] += 0.2
    assert deadline.reached


def test_a_job_that_is_late_already(clock: list[float]) -> None:
    deadline = Deadline(900.0, Clock())
    assert deadline.reached
    assert deadline.left < 0


def test_a_clock_that_is_set_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1e9]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setenv("HPOGRID_END_TIME", str(int(now[0]) + 3600))
    run = Run(search(trials=4), spec(tmp_path))
    for jump in (86400.0, -2 * 86400.0):
        assignment = run.next()
        assert assignment is not None
        now[0] += jump
        run.report(assignment.trial, {"loss": 1.0})
        run.finish(assignment.trial)
    run.poll()
    assert run.stopped is None
    assert not run.over
    assert all(0 <= trial.duration < 60 for trial in run.own)

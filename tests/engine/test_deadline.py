"""The end of a job, as its batch system sets it."""

from __future__ import annotations

import math
import time

import pytest

from hpogrid.engine.deadline import Deadline, end_time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to set."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_first_end_that_somebody_tells() -> None:
    assert end_time({}) is None
    assert end_time({"HPOGRID_END_TIME": "", "SLURM_JOB_END_TIME": "N/A"}) is None
    assert end_time({"HPOGRID_END_TIME": "2000", "SLURM_JOB_END_TIME": "1500"}) == 1500


def test_no_end(clock: list[float]) -> None:
    deadline = Deadline(None)
    assert not deadline.reached
    assert deadline.left == math.inf


@pytest.mark.parametrize(("whole", "margin"), [(100, 5), (600, 30), (86400, 60), (6, 3)])
def test_margin(clock: list[float], whole: float, margin: float) -> None:
    deadline = Deadline(1000.0 + whole)
    clock[0] = 1000 + whole - margin - 0.1
    assert not deadline.reached
    clock[0] += 0.2
    assert deadline.reached


def test_a_job_that_is_late_already(clock: list[float]) -> None:
    deadline = Deadline(900.0)
    assert deadline.reached
    assert deadline.left < 0

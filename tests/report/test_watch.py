"""How a search stands: what is counted, how long the rest takes, and what the lines say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from hpogrid.engine.usage import Usage, _read_gpu_memory, usage
from hpogrid.report.watch import Standing, clock, lines, sentence, standing
from hpogrid.study.study import Report, Trial


def trial(
    number: int,
    state: str,
    started: float,
    ended: float | None = None,
    *,
    loss: float | None = None,
    reason: str | None = None,
    reports: tuple[Report, ...] = (),
) -> Trial:
    return Trial(
        f"0-{number}",
        state,  # type: ignore[arg-type]
        {"x": number},
        {"x": number},
        seed=1,
        job=0,
        host="h",
        started=started,
        ended=ended,
        metrics={} if loss is None else {"loss": loss},
        reason=reason,
        reports=reports,
    )


def look(
    trials: list[Trial],
    now: float,
    budget: int | None = 8,
    jobs: Mapping[str, int] = MappingProxyType({"running": 2}),
    **named: object,
) -> Standing:
    return standing(
        "task 1 (p)", trials, now, metric="loss", mode="min", budget=budget,
        jobs=jobs, **named,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_burst_of_ends_is_no_rate() -> None:
    ended = [trial(n, "complete", 0, 6, loss=n) for n in range(4)]
    running = [trial(n, "running", 6) for n in range(4, 8)]
    assert look(ended + running, 6).left == pytest.approx(6)
    assert look(ended + running, 9).left == pytest.approx(3)
    assert look(ended + running, 9).rate == pytest.approx(4 / 9 * 60)


def test_a_pause_between_two_attempts_is_no_work() -> None:
    before = [trial(n, "complete", 0, 10, loss=n) for n in range(2)]
    after = [trial(2, "running", 1000)]
    assert look(before + after, 1005).left == pytest.approx((6 * 10 - 5) / (25 / 15))


def test_when_no_job_goes_on_no_time_is_left() -> None:
    ended = [trial(0, "failed", 0, 5), trial(1, "failed", 0, 5)]
    assert look(ended, 5, jobs={"done": 1, "running": 1}).left == pytest.approx(15)
    assert look(ended, 5, jobs={"done": 1, "failed": 1}).left is None


def test_nothing_is_said_that_is_not_known() -> None:
    assert look([trial(0, "running", 0)], 5).left is None
    assert look([trial(0, "complete", 0, 5, loss=1)], 5, budget=None).left is None
    assert look([], 5).left is None
    assert lines(look([], 5), 80) == [
        "task 1 (p): jobs: 2 running; 0 of 8 trials done",
        "  ────────────────────  0/8  ",
    ]


def test_the_lines() -> None:
    reports = tuple(Report(n, n, {"loss": 1 / n, "acc": "a\x1b[2Jb"}) for n in range(1, 4))
    trials = [
        trial(0, "complete", 0, 6, loss=0.5),
        trial(1, "failed", 0, 3, reason="diverged"),
        trial(2, "failed", 0, 3, reason="diverged"),
        trial(3, "pruned", 0, 3, loss=0.1),
        *(trial(n, "running", 3, reports=reports) for n in range(4, 16)),
    ]
    shown = look(trials, 9, budget=100, usage={"0-4": Usage(2 * 10**9, 0)})
    assert shown.best is not None
    assert shown.best.trial.id == "0-0"  # 0.1 is of a trial that ended early
    text = lines(shown, 200)
    assert text[0] == (
        "task 1 (p): jobs: 2 running; 4 of 100 trials done, 1 pruned, 2 failed, 12 running"
    )
    assert text[1].startswith("  ━───────────────────  4/100  0:00:")
    assert "left  best loss 0.5 (trial 0-0)  26.7 a minute" in text[1]
    assert text[2].split() == ["trial", "time", "reports", "memory", "last", "report"]
    assert text[3].split(maxsplit=6)[:4] == ["0-4", "6", "s", "3"]
    assert "2 GB  loss 0.333333, acc a\\x1b[2Jb" in text[3]
    assert text[11:] == ["  and 4 trials more that run", "  2 failed: diverged"]
    assert all(len(line) <= 40 for line in lines(shown, 40))
    assert sentence(shown).startswith(text[0] + "; 0:00:")


def test_hours() -> None:
    assert clock(3 * 3600 + 62) == "3:01:02"


def test_memory_of_those_who_work_in_the_folder_of_a_trial(tmp_path: Path) -> None:
    work = tmp_path / "trials" / "0-1" / "work"
    work.mkdir(parents=True)
    waits = "print('x' * 0, end='', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", waits], cwd=work, stdin=subprocess.PIPE)
    try:
        folders = {"0-1": work.parent, "0-2": tmp_path / "trials" / "0-2"}
        until = time.monotonic() + 10
        while time.monotonic() < until:
            found = usage(folders)
            if "0-1" in found and found["0-1"].memory > 1e6:  # it has begun
                break
            time.sleep(0.05)
        assert set(found) == {"0-1"}
        assert found["0-1"].memory > 1e6
    finally:
        process.communicate(os.linesep.encode())
    assert usage(folders) == {}


def test_memory_of_gpus_as_the_driver_tells_it() -> None:
    assert _read_gpu_memory("12, 100\n12, 50\n13, [N/A]\nnonsense\n") == {12: 150 * 1024 * 1024}

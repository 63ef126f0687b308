"""Many jobs on one shared folder: who has nothing to decide hardly looks."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from hpogrid.engine.run import Run
from hpogrid.site import control, processes
from hpogrid.study.exchange import Exchange
from hpogrid.study.ledger import ledger_name
from tests.engine.searches import search, spec
from tests.projects import GATED, finished_in, gated, open_gate, store_project, wait_for

LEDGERS = 300
SECONDS = 15


def crowd(folder: Path, count: int) -> None:
    """Ledgers of many other jobs, which have ended."""
    run = Run(search(1), spec(folder / "one"))
    assert run.next() is not None
    run.close()
    (ledger,) = (folder / "one" / "ledger").glob("*.jsonl")
    for job in range(1, count + 1):
        shutil.copy(ledger, folder / ledger_name(job, 1))


@pytest.mark.engine
def test_an_idle_job_makes_few_calls_however_many_others_there_are(tmp_path: Path) -> None:
    store_project(GATED, trials=2, param=gated(1))
    task = control.submit("p", site=None, n_jobs=1)
    wait_for(lambda: finished_in(task) == 1, 60)
    crowd(task.ledgers, LEDGERS)
    holder = processes.holder(task.job_folder(0) / "job.lock")
    assert holder is not None
    time.sleep(3)  # until it has seen them for the first time
    counts = tmp_path / "calls"
    words = ["timeout", "-s", "INT", str(SECONDS), "strace", "-f", "-c", "-o", str(counts)]
    calls = "trace=%file,getdents64,fsync,fstat,newfstatat,utimensat"
    subprocess.run([*words, "-e", calls, "-p", str(holder.pid)], check=False, capture_output=True)
    open_gate()
    total = re.search(r"(\d+)(?:\s+\d+)? total", counts.read_text())
    assert total is not None, counts.read_text()
    assert int(total.group(1)) < 2 * SECONDS, counts.read_text()


def test_who_is_busy_looks_for_one_hundredth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand jobs on one folder, of which one always has something to decide."""
    crowd(tmp_path, 5)
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    exchange = Exchange(tmp_path, search(1).space, 0, shared=True)
    looks = [0]

    def look() -> list[object]:
        looks[0] += 1
        clock[0] += 0.035  # as long as one look at 900 ledgers takes
        return []

    monkeypatch.setattr(exchange._ledgers, "poll", look)
    began = clock[0]
    while clock[0] < began + 600:
        exchange.poll(now=True)
        clock[0] += 0.1
    assert looks[0] > 100
    assert looks[0] * 0.035 < 0.0101 * 600

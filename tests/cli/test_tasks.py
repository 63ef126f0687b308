"""``hpogrid tasks``."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from hpogrid.errors import Exit
from hpogrid.site.tasks import load_task
from tests.commands import hpogrid, ok, on_a_terminal, parsed, refused
from tests.projects import (
    GATED,
    finished_in,
    gated,
    open_gate,
    store_project,
    trials_of,
    wait_for,
)

SLEEPS = "import time\ndef train(config):\n    time.sleep(30)\n"
PRINTS = "def train(config):\n    print('hello from a trial')\n    return config['x']\n"


def test_submit_watch_and_show() -> None:
    store_project(PRINTS, trials=2)
    outcome = hpogrid("submit", "p", "-n", "2", "-s", "local")
    assert (outcome.code, outcome.out) == (0, "1\n")
    assert "watch: hpogrid watch 1" in outcome.err
    watched = hpogrid("tasks", "show", "1", "--watch")
    assert watched.code == 0
    assert "task 1 (p): jobs: 2 done; 4 of 4 trials done" in watched.err
    table, jobs = watched.out.split("\n\n")
    assert re.search(r"^1 +done +2/2 +4 +local +\d", table, re.MULTILINE)
    assert re.search(r"^1 +done +all 2 trials are done", jobs, re.MULTILINE)

    (row,) = parsed("tasks", "show", "--format", "json")
    assert (row["jeditaskid"], row["status"], row["computingsite"]) == (1, "done", "local")
    assert (row["trials"], row["jobs"], row["project"]) == (4, 2, "p")
    assert row["taskname"].startswith("hpogrid.p.")
    assert yaml.safe_load(ok("tasks", "show", "--format", "yaml")) == [row]
    (line,) = csv.DictReader(io.StringIO(ok("tasks", "show", "--format", "csv")))
    assert (line["jeditaskid"], line["taskname"]) == ("1", row["taskname"])

    metadata = parsed("tasks", "show", "--metadata")["1"]
    assert set(metadata) == {"0", "1"}
    assert len(metadata["0"]["result"]) == 2
    assert metadata["0"]["hyperparameters"] == ["x"]

    assert "2 trials finished" in ok("tasks", "logs", "1", "--job", "1")
    assert ok("tasks", "logs", "1").count("--- job ") == 2
    assert ok("tasks", "logs", "1", "--trial", "0-1") == "hello from a trial\n"


def test_filters_and_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUCIO_ACCOUNT", "alice")
    for name in ("one", "two", "three"):
        store_project(name=name, trials=1)
        ok("local_run", name)

    def shown(*options: str) -> list[int]:
        rows = parsed("tasks", "show", "--format", "json", *options)
        return [row["jeditaskid"] for row in rows]

    assert shown() == [3, 2, 1]
    assert shown("--range", "1-2") == shown("1-2") == [2, 1]
    assert shown("-r", "2-") == [3, 2]
    assert shown("--range", "-2") == [2, 1]
    assert shown("--limit", "1") == [3]
    assert shown("--taskname", "hpogrid.t*") == [3, 2]
    assert shown("--username", "al*") == shown("--username", "1") == [3, 2, 1]
    assert shown("--username", "bob") == []
    assert shown("--days", "0.0000001") == []
    assert shown("--jeditaskid", "2") == shown("2") == [2]
    assert "'x' is no range of task ids; write 7, 3-9" in refused("tasks", "show", "x")
    assert "the range '9-3' is empty: write 3-9" in refused("tasks", "show", "--range", "9-3")

    file = tmp_path / "tasks"
    assert ok("tasks", "show", "-o", file) == f"{file}.json\n"
    rows = json.loads(file.with_suffix(".json").read_text())
    columns = {"jeditaskid", "status", "taskname", "computingsite", "metastruct"}
    assert [set(row) for row in rows] == [columns] * 3
    ok("tasks", "show", "-o", file, "--outcol", "jeditaskid, trials")
    rows = json.loads(file.with_suffix(".json").read_text())
    assert rows[0] == {"jeditaskid": 3, "trials": 1}


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_the_table_has_a_bold_head(colour: bool) -> None:
    store_project(trials=1)
    ok("local_run", "p")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "150"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "hpogrid", "tasks", "show"], stdout=theirs,
        env=environment if colour else {**environment, "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while data := os.read(ours, 4096):
            shown += data
    os.close(ours)
    assert process.wait() == 0
    assert b"\x1b[1m" in shown
    assert b"jeditaskid" in shown
    assert b"hpogrid.p." in shown


def test_what_is_not_there() -> None:
    outcome = hpogrid("tasks", "show")
    assert (outcome.code, outcome.err) == (0, "no task matches; see --days and --limit\n")
    for command in ("kill", "retry", "kill_and_retry"):
        assert "there is no task in 3-9" in refused("tasks", command, "3-9")
        assert "'x' is no range" in refused("tasks", command, "x")
    store_project(trials=1)
    ok("local_run", "p")
    assert "task 1 has the jobs 0 to 0, not 4" in refused("tasks", "logs", "1", "--job", "4")
    assert "task 1 has no trial '9-9'" in refused("tasks", "logs", "1", "--trial", "9-9")
    assert "task 1 has no job that waits or runs" in refused("tasks", "kill", "1")
    assert "task 1 is done: no job has failed" in refused("tasks", "retry", "1")
    assert "task 1 is done: no job has failed" in refused("tasks", "kill-and-retry", "1")


def test_kill_and_retry() -> None:
    store_project(SLEEPS, trials=2)
    ok("run", "p", "--n_jobs", "1")
    wait_for(lambda: parsed("tasks", "show", "--format", "json")[0]["status"] == "running")
    dry = hpogrid("tasks", "kill", "1", "--dry_run")
    assert (dry.code, dry.out) == (0, "")
    assert dry.err.startswith("would kill task 1 (hpogrid.p.")
    assert hpogrid("tasks", "kill", "1").err == "killed task 1\n"
    assert re.search(r"^1 +aborted +0/1 +0 +local", ok("tasks", "show"), re.MULTILINE)
    assert "killed by 'hpogrid tasks kill'" in ok("tasks", "show", "1")
    assert hpogrid("tasks", "retry", "1", "--dry-run").err == "would retry task 1, job 0\n"
    assert hpogrid("tasks", "retry", "1").err == "retried task 1, job 0\n"
    assert "would kill and retry task 1" in hpogrid("tasks", "kill-and-retry", "1", "--dry_run").err
    assert hpogrid("tasks", "kill_and_retry", "1").err == "killed and retried task 1\n"
    ok("tasks", "kill", "1")


def test_of_several_tasks_those_that_can_are_killed() -> None:
    store_project(name="short", trials=1)
    store_project(SLEEPS, name="long")
    ok("local_run", "short")
    ok("run", "long")
    outcome = hpogrid("tasks", "kill", "1-2")
    assert (outcome.code, outcome.err) == (
        0, "killed task 2\nnote: task 1 has no job that waits or runs\n",
    )  # fmt: skip


def test_a_failed_job_shows_why() -> None:
    store_project(
        "import sys\nprint('some context', file=sys.stderr)\nraise ValueError('no data')\n"
    )
    ok("run", "p")
    text = ok("tasks", "show", "1", "--watch")
    assert re.search(r"^1 +failed", text, re.MULTILINE)
    assert "train.py cannot be imported:" in text
    assert text.rstrip().endswith("ValueError: no data")
    outcome = hpogrid("tasks", "retry", "1")
    assert outcome.code == Exit.OK
    assert "failed" in ok("tasks", "show", "1", "--watch")


def test_a_full_disk_while_submitting_leaves_no_task(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    store_project(trials=1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    outcome = hpogrid("run", "p")
    assert outcome.code == Exit.FAILURE
    assert "no space left on device; nothing was changed" in outcome.err
    assert list((home / "tasks").iterdir()) == []


def test_trials_of_a_running_task_are_counted() -> None:
    store_project("import time\ndef train(config):\n    time.sleep(0.05)\n    return 1\n", trials=6)
    ok("run", "p")
    wait_for(lambda: finished_in(load_task(1)) > 0)
    ok("tasks", "show", "--watch")
    assert len(trials_of(load_task(1))) == 6


def test_a_watch_tells_of_its_task_alone_and_how_far_it_is() -> None:
    store_project(trials=1)
    ok("run", "p")
    ok("watch", "p")
    store_project(GATED, name="q", trials=3, param=gated(1))
    ok("run", "q")
    wait_for(lambda: finished_in(load_task(2)) == 1)
    opener = threading.Timer(1.5, open_gate)
    opener.start()
    seen = hpogrid("watch")
    opener.join()
    assert "task 2 (q): jobs: 1 running; 1 of 3 trials done" in seen.err
    assert "task 2 (q): jobs: 1 done; 3 of 3 trials done" in seen.err
    assert "task 1" not in seen.err
    table = seen.out.splitlines()
    assert [line.split()[:3] for line in table[1:2]] == [["2", "done", "3"]]
    assert table[-1].startswith("best loss=")
    assert "no task is active" in hpogrid("watch").err
    assert "task 1 (p): jobs: 1 done" in hpogrid("watch", "1").err
    assert hpogrid("watch", "nosuch").code == Exit.USAGE
    assert hpogrid("tasks", "show", "--watch").out.count("done") == 2


def test_a_watch_on_a_terminal_stays_in_its_place() -> None:
    store_project("import time\ndef train(config):\n    time.sleep(0.3)\n    return 1\n", trials=4)
    ok("run", "p")
    program = str(Path(sys.executable).parent / "hpogrid")
    printed, shown = on_a_terminal(program, "watch", "1")
    assert "4/4" in shown
    assert "\x1b[1A" in shown  # it goes back to the first of its lines
    assert "best loss=1" in printed


def test_trials_are_added_to_a_task_that_is_done() -> None:
    store_project(trials=2)
    ok("run", "p", "--n_jobs", "2")
    ok("tasks", "show", "1", "--watch")
    assert "would add 3 trials" in hpogrid("tasks", "extend", "1", "--trials", "3", "--dry_run").err
    assert "started jobs 0, 1" in hpogrid("tasks", "extend", "1", "--trials", "3").err
    ok("tasks", "show", "1", "--watch")
    assert finished_in(load_task(1)) == 10
    assert parsed("tasks", "show", "1", "--format", "json")[0]["status"] == "done"


def test_a_budget_that_grows_under_a_running_job_is_exact() -> None:
    store_project(GATED, trials=2, param=gated(1))
    ok("run", "p")
    wait_for(lambda: finished_in(load_task(1)) == 1)
    outcome = hpogrid("tasks", "extend", "1", "--trials", "2")
    assert "still running: job 0; after that, 'hpogrid tasks retry 1'" in outcome.err
    open_gate()
    ok("tasks", "show", "1", "--watch")
    assert finished_in(load_task(1)) == 2
    assert parsed("tasks", "show", "1", "--format", "json")[0]["status"] == "exhausted"
    assert "2 more were asked for" in ok("tasks", "show", "1")
    assert "'hpogrid tasks retry 1' goes on" in hpogrid("report", "p").err
    ok("tasks", "retry", "1")
    ok("tasks", "show", "1", "--watch")
    assert finished_in(load_task(1)) == 4
    assert parsed("tasks", "show", "1", "--format", "json")[0]["status"] == "done"


def test_an_output_without_a_name_is_refused() -> None:
    assert "--output . is a folder" in refused("tasks", "show", "--output=.")

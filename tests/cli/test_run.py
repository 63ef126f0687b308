"""``hpogrid run`` and ``hpogrid local_run``."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hpogrid.errors import Exit
from hpogrid.site.tasks import find_tasks, load_task, tasks_path
from tests.commands import hpogrid, limited, ok, on_a_terminal, parsed, refused, tree
from tests.projects import (
    GATED,
    RETURNS,
    finished_in,
    gated,
    open_gate,
    store_project,
    study_of,
    trials_of,
    wait_for,
)

HPOGRID = [sys.executable, "-m", "hpogrid"]
SLOW = """
import time, hpogrid
def train(config):
    time.sleep(0.15)
    hpogrid.report(loss=config["x"])
"""


def test_local_run_ends_with_the_best_trial() -> None:
    store_project(trials=5)
    outcome = hpogrid("local_run", "p")
    assert outcome.code == 0
    best = min(trials_of(load_task(1)), key=lambda trial: trial.metrics["loss"])
    value = f"{best.metrics['loss']:.6g}"
    assert outcome.out == f"best loss={value}  with  x={value}  (trial {best.id})\n"
    assert "task 1: 5 trials finished: all 5 trials are done" in outcome.err


def test_the_algorithm_auto_says_what_it_chose() -> None:
    store_project(trials=5, algorithm="auto")
    remark = "algorithm auto chose random: 5 trials are too few for a model"
    assert remark in hpogrid("local_run", "p").err.splitlines()
    ok("run", "p")
    wait_for(lambda: finished_in(load_task(2)) == 5)
    assert remark in (load_task(2).job_folder(0) / "stderr").read_text().splitlines()


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_mode_says_what_is_best(mode: str) -> None:
    store_project(trials=4, mode=mode)
    ok("run", "p", "--mode", "local")
    trials = trials_of(load_task(1))
    losses = [trial.metrics["loss"] for trial in trials]
    best = trials[losses.index(min(losses) if mode == "min" else max(losses))]
    assert f"(trial {best.id})" in ok("local_run", "p", "--resume")


@pytest.mark.parametrize("command", [["local_run", "p"], ["run", "p", "--mode", "local"]])
def test_a_metric_that_is_not_there_fails_and_names_those_seen(command: list[str]) -> None:
    store_project("def train(config):\n    return {'accuracy': 1, 'auc': 2}\n")
    outcome = hpogrid(*command)
    assert outcome.code == Exit.FAILURE
    assert "3 trials finished, 3 of them failed" in outcome.err
    reason = "every trial failed: the metric 'loss' was not reported; metrics seen: accuracy, auc"
    assert reason in outcome.err
    assert outcome.out == ""


def test_some_failures_are_no_failure() -> None:
    store_project(
        "def train(config):\n    if config['x'] > 0.5: raise ValueError('large')\n    return 1\n",
        trials=6,
    )
    outcome = hpogrid("local_run", "p")
    states = {trial.state for trial in trials_of(load_task(1))}
    assert states == {"complete", "failed"}
    assert outcome.code in (Exit.OK, Exit.FAILURE)
    failed = sum(trial.state == "failed" for trial in trials_of(load_task(1)))
    assert f"6 trials finished, {failed} of them failed" in outcome.err


def test_a_script_that_breaks_at_once_is_a_sentence() -> None:
    store_project("import os\nraise RuntimeError('no data here')\n")
    outcome = hpogrid("local_run", "p")
    assert outcome.code == Exit.FAILURE
    assert "RuntimeError: no data here" in outcome.err
    assert "hpogrid/engine" not in outcome.err


def test_refusals() -> None:
    assert "unknown project 'p'; known: none yet" in refused("run", "p")
    assert "unknown project 'p'" in refused("local_run", "p")
    store_project(name="my_project")
    assert "did you mean my_project?" in refused("run", "my_projct")
    assert "has no run to resume; leave out --resume" in refused(
        "local_run", "my_project", "--resume"
    )
    assert "not in the range x>=1" in refused("run", "my_project", "--n_jobs", "0")
    assert "did you mean slurm?" in hpogrid("run", "my_project", "--site", "slrum").err


def test_resume_of_a_project_that_has_changed_is_refused() -> None:
    store_project()
    ok("local_run", "p")
    ok("project", "remove", "p", "-y")
    store_project(trials=9)
    assert "project 'p' has changed since task 1; start a new run" in refused(
        "local_run", "p", "--resume"
    )


def test_dry_run_prints_files_and_commands_and_does_nothing(home: Path) -> None:
    store_project(files={"lib/net.py": "x = 1"})
    before = tree(home)
    text = ok("run", "p", "--n_jobs", "3", "--site", "local", "--dry-run")
    assert tree(home) == before
    assert "site: local\njobs: 3\ncommands:\n" in text
    assert "scripts/lib/net.py" in text
    command = text.splitlines()[3]
    assert "hpogrid.site.local" in command
    assert command.endswith(" 0 1 2")


def test_progress_is_shown_on_a_terminal_only() -> None:
    store_project(trials=3)
    assert "━" not in hpogrid("local_run", "p").err
    printed, shown = on_a_terminal(*HPOGRID, "local_run", "p")
    assert "━" in shown
    assert "best loss" in printed


def test_a_script_edited_after_submission_does_not_change_the_job(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import time\ntime.sleep(0.5)\ndef train(config):\n    return 1\n")
    for kind, options in {
        "hpo_config": ["--metric", "loss", "--mode", "min", "--trials", "2"],
        "grid_config": ["--site", "local"],
        "model_config": ["--script", "train.py", "--model", "train"],
        "search_space": ['{"x":{"method":"uniform","dimension":{"low":0,"high":1}}}'],
    }.items():
        ok(kind, "create", "c", *options)
    names = [f"--{kind}=c" for kind in ("hpo_config", "grid_config", "model_config")]
    project = ["p", "--scripts_path", str(script), *names, "--search_space=c", "--no_check"]
    ok("project", "create", *project)
    assert ok("run", "p") == "1\n"
    script.write_text("def train(config):\n    return 2\n")
    ok("project", "recreate", *project)
    ok("project", "remove", "p", "-y")
    ok("tasks", "show", "1", "--watch")
    assert [trial.metrics["loss"] for trial in trials_of(load_task(1))] == [1, 1]


# --- Ctrl-C and resume -----------------------------------------------------------------------


def start_local_run() -> subprocess.Popen[str]:
    """``local_run`` in a process group of its own, as a shell starts it; trials have begun."""
    process = subprocess.Popen(
        [*HPOGRID, "local_run", "p"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        process_group=0,
    )  # fmt: skip
    wait_for(lambda: find_tasks())
    wait_for(lambda: finished_in(load_task(1)) >= 2)
    return process


def test_ctrl_c_ends_in_good_order_and_resume_goes_on() -> None:
    store_project(GATED, trials=8, param=gated(free=1), scheduler_param={"max_concurrent": 2})
    process = start_local_run()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == Exit.INTERRUPTED
    assert err.splitlines()[-1] == "resume with: hpogrid local_run p --resume"
    assert "Traceback" not in err
    assert out.startswith("best loss=")
    before = {trial.id: trial for trial in trials_of(load_task(1))}
    assert {trial.state for trial in before.values()} <= {"complete", "interrupted"}
    assert sum(trial.finished for trial in before.values()) == 2

    open_gate()
    outcome = hpogrid("local_run", "p", "--resume")
    assert outcome.code == 0
    assert "task 1: 8 trials finished: all 8 trials are done" in outcome.err
    after = {trial.id: trial for trial in trials_of(load_task(1))}
    assert list(after) == [f"0-{number}" for number in range(1, 9)]
    for name, trial in before.items():
        assert after[name].applied == trial.applied
        assert after[name].seed == trial.seed
        if trial.finished:
            assert after[name] == trial
        else:
            assert after[name].attempt == 2
    assert [task.id for task in find_tasks()] == [1]


def test_a_killed_run_is_resumed_and_its_workers_are_gone() -> None:
    store_project(GATED, trials=6, param=gated(free=1), scheduler_param={"max_concurrent": 2})
    process = start_local_run()
    workers = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children")
               .read_text().split()]  # fmt: skip
    assert len(workers) == 2
    process.kill()
    process.communicate()
    for pid in workers:
        wait_for(lambda pid=pid: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]
    open_gate()
    ok("local_run", "p", "--resume")
    trials = trials_of(load_task(1))
    assert [trial.id for trial in trials] == [f"0-{number}" for number in range(1, 7)]
    assert all(trial.state == "complete" for trial in trials)


def test_a_second_driver_of_a_running_task_is_refused() -> None:
    store_project(SLOW, trials=500)
    process = start_local_run()
    outcome = hpogrid("local_run", "p", "--resume")
    assert outcome.code == Exit.FAILURE
    assert "task 1 is running already" in outcome.err
    finished = finished_in(load_task(1))
    wait_for(lambda: finished_in(load_task(1)) > finished)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED


def test_a_full_disk_ends_the_run_and_a_resume_finishes_it() -> None:
    store_project(
        "def train(config):\n    return {'loss': config['x'], 'text': 'x' * 500}\n", trials=30
    )
    answer = limited(8, "local_run", "p")
    assert answer.returncode == Exit.FAILURE, answer
    last = answer.stderr.splitlines()[-1]
    assert last.startswith("hpogrid: cannot write the ledger")
    assert "File too large" in last
    before = {trial.id: trial for trial in study_of(load_task(1)).finished}
    assert 3 < len(before) < 30
    ok("local_run", "p", "--resume")
    after = {trial.id: trial for trial in trials_of(load_task(1))}
    assert len(after) == 30
    assert all(after[name] == trial for name, trial in before.items())


def test_report_of_a_run() -> None:
    store_project(RETURNS, trials=3)
    ok("local_run", "p")
    assert len(parsed("report", "p", "--format", "json")) == 3
    assert json.loads(ok("tasks", "show", "--format", "json"))[0]["trials"] == 3


RED = "\x1b[31mred\x1b]0;title\x07"


def test_values_that_a_terminal_or_a_spreadsheet_would_obey(tmp_path: Path) -> None:
    names = [RED, "=1+1", "@SUM(1)", "-x"]
    space = {"c": {"method": "categorical", "dimension": {"categories": names}}}
    script = "def train(config):\n    if config['c'][0] == '-': raise ValueError(config['c'])\n"
    store_project(f"{script}    return -1.5", space=space, algorithm="grid", trials=4)
    run = hpogrid("local_run", "p")
    shown = hpogrid("report", "p", "--extra", "reason")
    for text in (run.out, run.err, shown.out, shown.err):
        assert "\x1b" not in text
        assert "\x07" not in text
    assert r"\x1b[31mred\x1b]0;title\x07" in shown.out
    ok("report", "p", "--to_csv", "--outname", str(tmp_path / "r"))
    with (tmp_path / "r.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["c"] for row in rows} == {RED, "'=1+1", "'@SUM(1)", "'-x"}
    assert {row["loss"] for row in rows} == {"-1.5", ""}


def test_a_warm_start_reads_what_the_report_wrote(tmp_path: Path) -> None:
    names = ["=1+1", "x\ny", "'="]
    space = {"c": {"method": "categorical", "dimension": {"categories": names}}}
    store_project("def train(config):\n    return 1.0", space=space, algorithm="grid", trials=3)
    ok("local_run", "p")
    ok("report", "p", "--to_csv", "--outname", str(tmp_path / "r"))
    ok("local_run", "p", "--warm_start", str(tmp_path / "r.csv"))
    start = json.loads((load_task(2).bundle / "start.json").read_text())
    assert sorted(item["suggested"]["c"] for item in start["past"]) == sorted(names)


def test_reports_follow_the_umask(tmp_path: Path) -> None:
    store_project(trials=1)
    ok("local_run", "p")
    before = os.umask(0o077)
    try:
        ok("report", "p", "--to_csv", "--to_json", "--to_html", "--outname", str(tmp_path / "r"))
    finally:
        os.umask(before)
    found = {path.suffix: path.stat().st_mode & 0o777 for path in tmp_path.glob("r.*")}
    assert found == {".csv": 0o600, ".json": 0o600, ".html": 0o600}


REMOVES = """
import os, shutil, time
from pathlib import Path
count = 0
def train(config):
    global count
    count += 1
    if count == 2:
        {what}
    time.sleep(.2)
    return config["x"]
"""
TASK = "Path(os.environ['HPOGRID_HOME'], 'tasks', '1')"


@pytest.mark.parametrize(
    "what",
    [
        f"shutil.rmtree({TASK} / 'ledger')",
        f"shutil.rmtree({TASK})",
        f"{TASK}.rename({TASK}.with_name('old'))",
    ],
    ids=["ledger", "task", "moved"],
)
def test_a_job_whose_folder_goes_ends_and_says_so(what: str) -> None:
    store_project(REMOVES.format(what=what), trials=50)
    outcome = hpogrid("local_run", "p")
    assert outcome.code == Exit.FAILURE
    assert "was removed or replaced while the job ran" in outcome.err
    assert not (tasks_path() / "1" / "jobs" / "0" / "result.json").exists() or "ledger" in what


def test_a_damaged_bundle_hides_no_other_task() -> None:
    store_project(trials=1)
    ok("local_run", "p")
    ok("local_run", "p")
    (load_task(1).bundle / "project.json").write_bytes(b"")
    outcome = hpogrid("report", "p", "--all_versions", "--format", "csv")
    assert outcome.code == 0
    assert "task 1 is left out" in outcome.err
    assert len(outcome.out.splitlines()) == 2

"""Cells: what a trial does stays in its folder, its processes and its time."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import pytest

from hpogrid.space.value import as_number
from hpogrid.trial.messages import MAX_BYTES, Channel, Done
from hpogrid.trial.worker import tell
from tests.projects import alive, run_project, run_script, store_project, wait_for

PRINTS = "print('loss: 1', flush=True)\n"
REGEX = r"loss: (\S+)"
ONE = {"training_iteration": 1}
ALONE: Any = {"scheduler_param": {"max_concurrent": 1}}

HOSTILE = """
import os, random, subprocess, sys, threading, time
import hpogrid

def late(x):
    time.sleep(0.02)
    hpogrid.report(loss=1.0, of=x)

def train(config):
    with open({pids!r}, "a") as stream:
        def keep(child):
            stream.write(f"{{child.pid}}\\n")
        shell = "while :; do sleep 0.05 & sleep 0.01; done"
        keep(subprocess.Popen(["sh", "-c", shell], start_new_session=True))
        keep(subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]))
        keep(subprocess.Popen(["setsid", "sleep", "600"]))
    threading.Thread(target=late, args=[config["x"]]).start()
    if os.fork() == 0:
        return -999.0
    what = int(config["x"] * 4)
    if what == 0:
        os._exit(3)
    if what == 1:
        os.kill(os.getpid(), 11)
    if what == 2:
        raise ValueError("no")
    return 1.0
"""


@pytest.mark.parametrize("trials", [3, pytest.param(100, marks=pytest.mark.engine)])
def test_hostile_trials_leave_no_process_and_no_foreign_report(tmp_path: Path, trials: int) -> None:
    pids = tmp_path / "pids"
    script = HOSTILE.format(pids=str(pids))
    found = run_script(script, trials=trials, grace_seconds=0.2, aggregate="best")
    assert len(found) == trials
    assert all(trial.metrics.get("loss", 1.0) == 1.0 for trial in found)
    assert all(trial.metrics.get("of", trial.applied["x"]) == trial.applied["x"] for trial in found)
    assert not any(alive(int(pid)) for pid in pids.read_text().split())


@pytest.mark.parametrize(
    ("left", "fresh"), [("while True: pass", True), ("threading.Event().wait()", False)]
)
def test_threads_that_go_on_computing_end_with_their_worker(left: str, fresh: bool) -> None:
    script = f"""
    import os, threading

    def stay():
        {left}

    def train(config):
        threading.Thread(target=stay, daemon=True).start()
        return {{"loss": 1.0, "worker": os.getpid()}}
    """
    workers = [trial.metrics["worker"] for trial in run_script(script, trials=3, **ALONE)]
    assert len(set(workers)) == (3 if fresh else 1)


def test_trials_at_once_do_not_see_each_others_files() -> None:
    script = """
    import argparse, time
    p = argparse.ArgumentParser(); p.add_argument("--x", type=float); x = p.parse_args().x
    open("model.txt", "w").write(str(x)); open("data.txt", "a").write("more")
    time.sleep(0.3)
    print("loss:", open("model.txt").read() if open("data.txt").read() == "onemore" else "none")
    """
    project = store_project(
        script,
        files={"data.txt": "one"},
        trials=4,
        model=None,
        metric_regex=REGEX,
        scheduler_param={"max_concurrent": 4},
    )
    task, _, trials = run_project(project)
    assert [trial.metrics["loss"] for trial in trials] == [trial.applied["x"] for trial in trials]
    kept = task.job_folder(0) / "trials" / "0-1" / "work"
    assert sorted(path.name for path in kept.iterdir()) == ["data.txt", "model.txt"]


def test_a_program_may_end_by_itself_after_its_last_report() -> None:
    script = f"import time\n{PRINTS}time.sleep(0.5)\nopen('saved', 'w').close()\n"
    project = store_project(script, trials=1, model=None, metric_regex=REGEX, stop=ONE)
    task, _, (trial,) = run_project(project)
    assert trial.state == "complete"
    assert (task.job_folder(0) / "trials" / "0-1" / "work" / "saved").exists()


def test_the_exit_code_after_the_last_report_counts() -> None:
    script = f"import sys\n{PRINTS}sys.exit('the disk is full')\n"
    project = store_project(script, trials=1, model=None, metric_regex=REGEX, stop=ONE)
    _, _, (trial,) = run_project(project)
    assert trial.state == "failed"
    assert "code 1: the disk is full" in str(trial.reason)


def test_a_program_that_goes_on_is_told_to_end() -> None:
    script = f"import time\n{PRINTS}time.sleep(600)\n"
    project = store_project(
        script, trials=1, model=None, metric_regex=REGEX, grace_seconds=0.3, stop=ONE
    )
    began = time.monotonic()
    _, _, (trial,) = run_project(project)
    assert trial.state == "complete"
    assert time.monotonic() - began < 20


def test_every_trial_finds_the_process_as_it_was() -> None:
    script = """
    import os, signal, sys
    def train(config):
        found = [os.getcwd(), os.environ.get("MARK"), len(sys.argv), len(config["layers"]),
                 signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL, os.path.exists("mine")]
        os.environ["MARK"] = "1"; sys.argv.append("more"); config["layers"].append(1)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN); open("mine", "w").close(); os.chdir("/")
        return {"loss": 1, "found": found}
    """
    trials = run_script(script, trials=3, param={"layers": [8]})
    assert [trial.metrics["found"][1:] for trial in trials] == [[None, 1, 1, True, False]] * 3
    assert len({trial.metrics["found"][0] for trial in trials}) == 3


def test_the_limits_that_a_trial_sets_are_its_own() -> None:
    script = """
    import os, resource, signal, sys
    def train(config):
        found = [resource.getrlimit(resource.RLIMIT_NOFILE), os.nice(0), sys.getrecursionlimit(),
                 sorted(os.sched_getaffinity(0)), signal.getitimer(signal.ITIMER_VIRTUAL)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        os.nice(1); sys.setrecursionlimit(500); os.sched_setaffinity(0, found[3][:1])
        signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
        return {"loss": 1, "found": found}
    """
    first, *others = run_script(script, trials=3)
    assert [trial.metrics["found"] for trial in others] == [first.metrics["found"]] * 2


def test_what_a_function_writes_beside_its_script_is_the_trials() -> None:
    script = """
    import os
    HERE = os.path.dirname(os.path.abspath(__file__))
    def train(config):
        import helper
        found = sorted(set(os.listdir(HERE)) - {"__pycache__"})
        open(os.path.join(HERE, "beside"), "w").close()
        open(os.path.join(os.path.dirname(helper.__file__), "helped"), "w").close()
        open("relative", "w").close()
        return {"loss": 1, "found": found}
    """
    project = store_project(script, trials=3, files={"helper.py": "", "data.txt": "one"})
    task, _, trials = run_project(project)
    scripts = ["data.txt", "helper.py", "train.py"]
    assert [trial.metrics["found"] for trial in trials] == [scripts] * 3
    for trial in trials:
        kept = task.job_folder(0) / "trials" / trial.id / "work"
        assert sorted(path.name for path in kept.iterdir()) == ["beside", "helped", "relative"]
    assert not list((task.job_folder(0) / "work").glob("*e*d*"))


def test_a_frozen_worker_and_a_report_too_large_fail_their_trials() -> None:
    script = """
    import os, signal, threading
    def train(config, report):
        if config["x"] < 0.5:
            report(loss=1.0, all="x" * 70_000_000)
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGSTOP)).start()
        report(loss=1.0, predictions=[config["x"]] * 3_000_000)
    """
    trials = run_script(script, trials=2, seed=2, trial_timeout=15, grace_seconds=0.1)
    for trial in trials:
        assert trial.state == "failed"
        expected = "too large" if as_number(trial.applied["x"]) < 0.5 else "trial_timeout"
        assert expected in str(trial.reason)


def test_a_result_that_is_too_large_fails_its_trial() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        tell(Channel(theirs), Done("0-1", 1, {"all": "x" * (MAX_BYTES + 1)}))
        told = Channel(ours).receive()
    assert isinstance(told, Done)
    assert told.metrics == {}
    assert "too large" in str(told.failure)


def test_a_python_without_hpogrid_runs_trials(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    command = [str(python), "-c", "import hpogrid"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode
    script = """
    import argparse, hpogrid, sys
    p = argparse.ArgumentParser(); hpogrid.add_to_argparse(p, {}); x = p.parse_args().x
    if hpogrid.get_checkpoint() is None:
        with hpogrid.checkpoint() as folder:
            (folder / "model").write_text("x")
    hpogrid.report(loss=x, prefix=sys.prefix)
    """
    project = store_project(script, trials=2, model=None, python=str(tmp_path / "env"))
    _, _, trials = run_project(project)
    assert [trial.metrics["loss"] for trial in trials] == [trial.applied["x"] for trial in trials]
    assert {trial.metrics["prefix"] for trial in trials} == {str(tmp_path / "env")}
    function = "import sys\ndef train(config):\n    return {'loss': 1, 'prefix': sys.prefix}\n"
    (trial,) = run_script(function, name="f", trials=1, python=str(python))
    assert trial.metrics["prefix"] == str(tmp_path / "env")


def test_what_a_killed_driver_has_started_ends(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"""
    import subprocess, os
    def train(config):
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        open({str(pid)!r}, "w").write(str(child.pid)); child.wait()
    """
    project = store_project(script, trials=1, grace_seconds=0.2)
    command = [sys.executable, "-m", "hpogrid", "local_run", project.name]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: pid.exists() and pid.read_text() != "")
    driver.kill()
    driver.wait()
    wait_for(lambda: not alive(int(pid.read_text())))

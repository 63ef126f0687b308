"""The ray engine with a real Ray: failures, resources, clusters, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hpogrid.errors import RunError
from hpogrid.job.run import read_result
from hpogrid.study.values import what_is_missing
from tests.engine.objectives import FUNCTION, objective
from tests.projects import (
    alive,
    children,
    run_project,
    run_script,
    store_project,
    wait_for,
)

pytestmark = pytest.mark.engine

EVERY: dict[str, Any] = {"algorithm": "grid", "engine": "ray"}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))


def categories(*values: Any) -> dict[str, Any]:
    return {"x": {"method": "categorical", "dimension": {"categories": list(values)}}}


FAILING = """
    import os, signal, sys, time

    def train(config):
        x = config["x"]
        print("this is", x)
        if x == "raises":
            raise ValueError("no good")
        if x == "exits":
            sys.exit(4)
        if x == "dies":
            os._exit(3)
        if x == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if x == "nan":
            return {"loss": float("nan")}
        if x == "other":
            return {"other": 1.0}
        if x == "hangs":
            time.sleep(1000)
        return {"loss": 1.0} if x.startswith("good") else None
"""


def test_what_goes_wrong_in_a_trial_fails_that_trial(two_nodes: str) -> None:
    kinds = ["good 1", "raises", "exits", "dies", "killed", "nan", "other", "none", "hangs",
             "good 2", "good 3"]  # fmt: skip
    settings: dict[str, Any] = {
        "trials": len(kinds),
        "space": categories(*kinds),
        "trial_timeout": 5,
        "ray_address": two_nodes,
    }
    project = store_project(FAILING, scheduler_param={"max_concurrent": 2}, **settings, **EVERY)
    task, result, trials = run_project(project)
    died = "the worker process died: it crashed, or was killed, perhaps for lack of memory"
    assert {trial.applied["x"]: trial.reason for trial in trials} == {
        "good 1": None, "good 2": None, "good 3": None,
        "raises": "ValueError: no good", "exits": "SystemExit: 4", "dies": died, "killed": died,
        "nan": "the metric 'loss' is nan, not a finite number",
        "other": "the metric 'loss' was not reported; metrics seen: other",
        "none": what_is_missing(["loss"], {}),
        "hangs": "it took longer than trial_timeout (5 s)",
    }  # fmt: skip
    assert (result.state, result.finished, result.failed) == ("done", 11, 8)
    for trial in trials:
        log = (task.job_folder(0) / "log" / f"{trial.id}.log").read_text()
        assert log.startswith(f"this is {trial.applied['x']}\n")


HOG = """
    import time

    def train(config):
        if config["x"] == 2:
            held = []
            for _ in range(200):
                held.append(b"x" * 30_000_000)
                time.sleep(0.05)
        return config["x"]
"""


@pytest.mark.usefixtures("nothing_left")
def test_a_kill_by_the_memory_monitor_fails_that_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    memory = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    allowed = memory["MemTotal"] - memory["MemAvailable"] + 4_500_000  # others may use some of it
    monkeypatch.setenv("RAY_memory_usage_threshold", str(allowed / memory["MemTotal"]))
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    trials = run_script(HOG, space=categories(1, 2, 3, 4), trials=4, **EVERY)
    assert [trial.state for trial in trials] == ["complete", "failed", "complete", "complete"]
    assert "killed by Ray's memory monitor" in str(trials[1].reason)


COUNTS = """
    import os

    calls = 0

    def train(config):
        global calls
        calls += 1
        return {"loss": calls, "gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}
"""


def test_actors_are_reused_unless_that_is_not_wanted(two_nodes: str) -> None:
    settings: dict[str, Any] = {
        "space": categories(1, 2, 3),
        "trials": 3,
        "ray_address": two_nodes,
    }
    reused = run_script(COUNTS, name="reused", **settings, **EVERY)
    assert [trial.metrics["loss"] for trial in reused] == [1, 2, 3]
    fresh = run_script(COUNTS, name="fresh", reuse_actors=False, **settings, **EVERY)
    assert [trial.metrics["loss"] for trial in fresh] == [1, 1, 1]


MEETS = """
    import os, time
    from pathlib import Path

    def train(config):
        meeting = Path(os.environ["HPOGRID_HOME"])
        (meeting / f"here-{config['x']}").touch()
        deadline = time.monotonic() + 60
        while len(list(meeting.glob("here-*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        met = len(list(meeting.glob("here-*"))) == 2
        return {"loss": 0.0 if met else 1.0, "gpu": os.environ["CUDA_VISIBLE_DEVICES"]}
"""


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("settings", [{"gpus_per_trial": 0.5}, {"grid": {"gpus": 1}}])
def test_two_trials_share_one_gpu(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # Ray hands out what it is told there is
    settings = {"scheduler_param": {"max_concurrent": 2}, **settings}
    trials = run_script(MEETS, space=categories(1, 2), trials=2, **settings, **EVERY)
    assert [trial.metrics for trial in trials] == [{"loss": 0.0, "gpu": "0"}] * 2


def test_a_script_that_cannot_be_imported_ends_the_run(two_nodes: str) -> None:
    project = store_project("import no_such_module\n", ray_address=two_nodes)
    with pytest.raises(RunError, match="No module named 'no_such_module'"):
        run_project(project)


def test_a_cluster_that_is_not_there_is_named() -> None:
    project = store_project(ray_address="127.0.0.1:1")
    with pytest.raises(RunError, match=r"the Ray cluster at 127\.0\.0\.1:1 cannot be reached"):
        run_project(project)


NODES = """
    import time
    from pathlib import Path
    import ray

    def train(config):
        node = ray.get_runtime_context().get_node_id()
        Path(config["nodes"], node).touch()
        while len(list(Path(config["nodes"]).iterdir())) < 2:
            time.sleep(0.05)  # or the first node has done all before a slow second one is there
        return {"loss": config["x"], "node": node}
"""


def test_a_cluster_of_two_nodes_runs_trials_on_both(two_nodes: str, tmp_path: Path) -> None:
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    settings: dict[str, Any] = {
        "ray_address": two_nodes,
        "trials": 40,
        "time_limit": 120,
        "scheduler_param": {"max_concurrent": 4},
    }
    project = store_project(NODES, param={"nodes": str(nodes)}, **settings)
    _, result, trials = run_project(project)
    assert (result.finished, result.failed) == (40, 0)
    assert len({trial.metrics["node"] for trial in trials}) == 2


LEAVES = """
    import os, subprocess, time

    def state(pid):
        try:
            text = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
        except OSError:
            return "gone"
        return "gone" if text == "Z" else text

    def train(config):
        loop = "trap '' TERM; while :; do sleep 0.1; done"
        child = subprocess.Popen(["sh", "-c", loop], start_new_session=True)
        with open(config["pids"], "a") as stream:
            stream.write(f"{child.pid}\\n")
        if config["x"] == "killed":
            os.kill(os.getpid(), 9)
        if config["x"] == "last":
            pids = open(config["pids"]).read().split()[:-1]
            return {"loss": 0, "states": [state(pid) for pid in pids]}
        return {"loss": 0}
"""


@pytest.mark.usefixtures("nothing_left")
def test_nothing_of_a_trial_outlives_it(tmp_path: Path) -> None:
    project = store_project(
        LEAVES, space=categories("ends", "killed", "last"), trials=3, grace_seconds=0.2,
        param={"pids": str(tmp_path / "pids")}, **EVERY,
    )  # fmt: skip
    _, _, trials = run_project(project)
    assert [trial.state for trial in trials] == ["complete", "failed", "complete"]
    assert trials[2].metrics["states"][0] == "gone"  # and the killed one's ends with the run


def test_a_stopped_run_ends_soon_and_leaves_no_process() -> None:
    store_project(
        objective(FUNCTION, 1000, 0.05), metric="score", mode="max", engine="ray",
        scheduler_param={"max_concurrent": 2},
    )  # fmt: skip
    command = [sys.executable, "-m", "hpogrid", "local_run", "p"]
    home = Path(os.environ["HPOGRID_HOME"])
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as driver:
        wait_for(lambda: list(home.glob("tasks/1/jobs/0/trials/*/checkpoint_*")), 120)
        below = children(driver.pid)
        driver.send_signal(signal.SIGTERM)
        assert driver.wait(40) == 130
    wait_for(lambda: not any(map(alive, below)))
    result = read_result(home / "tasks/1/jobs/0")
    assert result is not None
    assert (result.state, result.reason) == ("interrupted", "interrupted by SIGTERM")

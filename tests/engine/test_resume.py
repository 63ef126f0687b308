"""Every scheduler in each engine, with each kind of objective: killed with SIGKILL, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hpogrid.config.home import home
from hpogrid.space.value import as_number
from hpogrid.study.study import read_study
from tests.engine.objectives import CLASS, FUNCTION, RAY_CLASS, RAY_FUNCTION, objective
from tests.projects import alive, children, store_project, wait_for

STEPS, TRIALS = 8, 6
SCHEDULERS: dict[str, dict[str, Any]] = {
    "none": {},
    "median": {"grace_period": 4},
    "asynchyperband": {"max_t": STEPS, "grace_period": 2, "reduction_factor": 2},
    "promotion": {"max_t": STEPS, "grace_period": 1, "reduction_factor": 2},
    "bohbhyperband": {"max_t": STEPS, "reduction_factor": 2},
    "pbt": {"perturbation_interval": 2},
}
KINDS = {"function": FUNCTION, "class": CLASS}
RAY_KINDS = {"ray-function": RAY_FUNCTION, "ray-class": RAY_CLASS}


def events(task: Path) -> list[list[dict[str, Any]]]:
    """The events of each attempt."""
    return [
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(task.glob("ledger/*.jsonl"))
    ]


def is_in_the_middle(task: Path) -> bool:
    """Whether much was done already, and a trial runs that has a checkpoint and far to go."""
    found = [event for attempt in events(task) for event in attempt]
    running: dict[str, int] = {}
    for event in found:
        if event["event"] == "report":
            running[event["trial"]] = event["step"]
        elif event["event"] == "end":
            running.pop(event["trial"], None)
    done = sum(event["event"] == "report" for event in found)
    return done >= STEPS and any(2 <= step <= STEPS - 3 for step in running.values())


def held_in_the_middle(driver: int) -> Path | None:
    """Stop a driver in the middle, before it is over; return the folder of its task."""
    task = next(home().glob("tasks/*"), None)
    if task is None or not is_in_the_middle(task):
        return None
    os.kill(driver, signal.SIGSTOP)
    if is_in_the_middle(task):
        return task
    os.kill(driver, signal.SIGCONT)
    return None


def killed(name: str) -> tuple[Path, list[int]]:
    """Run a project, and kill the driver in the middle; return the task's folder and processes."""
    command = [sys.executable, "-m", "hpogrid", "local_run", name]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as driver:
        task: Path = wait_for(lambda: held_in_the_middle(driver.pid), 120)
        below = children(driver.pid)
        os.kill(driver.pid, signal.SIGKILL)
    return task, below


def check(engine: str, scheduler: str, text: str, **settings: Any) -> None:
    store_project(
        objective(text, STEPS, 0.05), engine=engine, scheduler=scheduler, metric="score",
        mode="max", trials=TRIALS, stop={"training_iteration": STEPS},
        scheduler_param={"max_concurrent": 2, **SCHEDULERS[scheduler]}, **settings,
    )  # fmt: skip
    task, processes = killed("p")
    subprocess.run(
        [sys.executable, "-m", "hpogrid", "local_run", "p", "--resume"], check=True, timeout=120
    )
    wait_for(lambda: not any(map(alive, processes)))
    first, second = events(task)
    over = {e["trial"] for e in first if e["event"] == "end" and e["state"] != "interrupted"}
    assert not over & {event.get("trial") for event in second}, "finished trials ran again"
    study, _ = read_study(task / "ledger")
    assert sorted(study.trials) == [f"0-{number}" for number in range(1, TRIALS + 1)]
    assert {trial.state for trial in study} <= {"complete", "pruned"}
    assert any(event.get("from_step") for event in second), "nothing went on from a checkpoint"
    for trial in study:
        if trial.parent is None:
            x, steps = as_number(trial.applied["x"]), trial.metrics["step"]
            assert trial.metrics["score"] == pytest.approx(steps * x * (1 - x))
            assert [report.step for report in trial.reports] in ([], list(range(1, steps + 1)))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_HOME", str(tmp_path / "home"))


@pytest.mark.engine
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("engine", ["process", "ray"])
def test_a_killed_run_goes_on_and_repeats_nothing(
    engine: str, scheduler: str, kind: str, request: pytest.FixtureRequest
) -> None:
    check(engine, scheduler, KINDS[kind], **cluster(engine, request))


@pytest.mark.engine
@pytest.mark.parametrize("kind", RAY_KINDS)
@pytest.mark.parametrize("engine", ["process", "ray"])
def test_so_do_objectives_written_for_ray_tune(
    engine: str, kind: str, request: pytest.FixtureRequest
) -> None:
    check(engine, "bohbhyperband", RAY_KINDS[kind], **cluster(engine, request))


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_killed_driver_with_a_ray_of_its_own() -> None:
    check("ray", "none", FUNCTION)


@pytest.mark.engine
def test_bohb_with_its_scheduler() -> None:
    check("process", "bohbhyperband", FUNCTION, algorithm="bohb")


def cluster(engine: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Where engine ray finds the cluster that the tests share."""
    return {"ray_address": request.getfixturevalue("two_nodes")} if engine == "ray" else {}
